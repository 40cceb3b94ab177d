"""The weights make signals die out or explode on their way through the layers.

Each layer multiplies the spread of what enters it. Factors near 1 keep signals alive; 0.5 in
each of twenty layers leaves a millionth, 3 makes three thousand millions. A net that begins so
learns late or never. Judged is the product over all layers; layer by layer nothing is asked, as
healthy nets differ there. The way back is judged by I3 and I9.

A recurrence is as deep as its sequence is long, and has the same weights in each step. Those from
the state to the next one have a gain: the root of the mean of their squared singular values, which
is their size times the root of how many units there are. It is 0.58 as layers come, 1 of orthogonal
weights. From 2 on (3, where gates take their share) states are driven to the ends of their range
and gradients explode; reported unless the net has learnt something already.

When it is not this: normalisation layers bring the spread back to 1, and so it is measured.
A sigmoid flattens signals however it is initialised: that is I3.

References: Glorot and Bengio (2010); He et al. (2015); of recurrences Pascanu, Mikolov and Bengio
(2013). The bounds are this project's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from zincir.doctor.anatomy import Place
from zincir.doctor.course import GUESSING, Course
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

FEWEST = 4
"""Layers below which a factor is no matter of depth."""
RECURRENT = 2.0
"""Times as long in each step: of a state that is no more than squashed,"""
GATED = 3.0
"""and of one that gates take a share of."""
EPS = 6e-8
"""Of the size of values in float32: what rounding makes of them."""
LOWEST, HIGHEST = 1e-4, 1e3
"""Of the spread of what the last layer gives to that of the first."""


@rule(
    "I2",
    "bad_initialisation",
    Severity.WARNING,
    reads=(Rehearsal, Course),
    cause="weights too small or too large for the activation",
    remedies=(
        "kaiming_normal_ for ReLU, xavier_normal_ with gain 5/3 for tanh",
        "BatchNorm or LayerNorm between the layers",
        "residual connections",
    ),
    explains=(
        "vanishing_gradient",
        "exploding_gradient",
        "dead_relu",
        "saturated_activation",
        "wrong_initial_loss",
        "ignores_input",
        "learning_rate_too_low",
        "loss_not_decreasing",
    ),
)
def judge(seen: Rehearsal | Course, found: Found) -> Iterator[Finding]:
    if isinstance(seen, Course):
        yield from _recurrences(found, *_of_course(seen))
        return
    yield from _across_depth(seen, found)
    sizes = {p.name: float(np.sqrt(np.mean(np.square(p.value)))) for p in seen.parts}
    shapes = {p.name: tuple(p.tensor.shape) for p in seen.parts}
    guess = seen.first.guess
    if guess is None or seen.loss > GUESSING * guess:
        yield from _recurrences(found, sizes, shapes)


def _of_course(seen: Course) -> tuple[dict[str, float], dict[str, tuple[int, ...]]]:
    """Sizes and shapes of weights in the first step that was probed, if nothing was learnt then."""
    first = next((r for r in seen.readings if r.gauges), None)
    if first is None or any(
        loss < GUESSING * seen.baselines.get(site, 0.0) for site, loss in first.losses.items()
    ):
        return {}, {}
    return {name: gauge.value for name, gauge in first.gauges.items()}, seen.shapes


def _recurrences(
    found: Found, sizes: Mapping[str, float], shapes: Mapping[str, tuple[int, ...]]
) -> Iterator[Finding]:
    """Weights from a state to the next one that make it longer, or shorter, in each step."""
    for name, size in sizes.items():
        where, _, own = name.rpartition(".")
        shape = shapes[name]
        if not own.startswith("weight_hh") or len(shape) != 2 or shape[0] % shape[1]:
            continue
        gain = size * math.sqrt(shape[1])
        if gain > (RECURRENT if shape[0] == shape[1] else GATED):
            yield found(
                f"{own} makes a state {gain:.2g} times as long in each step of the recurrence",
                where=where,
                evidence={"gain of a step": gain},
                confidence=0.8,
            )


def _steepest(seen: Rehearsal, layers: list[Place]) -> int:
    """The layer that changes the spread of what enters it most. What rounding leaves of it is the
    least there is.
    """
    found = [seen.activities[place] for place in layers]
    least = [EPS * math.hypot(a.mean, a.std) for a in found]
    spreads = [max(a.spread, low, 1e-300) for a, low in zip(found, least, strict=True)]
    x = seen.inputs[0] if len(seen.inputs) == 1 else np.zeros(0)
    entering = spreads[0]
    if x.dtype.kind == "f" and len(x) > 1 and np.isfinite(x).all():
        entering = math.sqrt(float(x.reshape(len(x), -1).var(0).mean())) or spreads[0]
    return int(np.abs(np.diff(np.log([entering, *spreads]))).argmax())


def _across_depth(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    signals = seen.signals
    if signals is None or len(signals[0]) < FEWEST:
        return
    layers, spreads, _ = signals
    zero = {p.where for p in seen.parts if p.tensor.ndim > 1 and not p.value.any()}
    kept = [i for i, place in enumerate(layers) if place.where not in zero]  # meant to be so
    if len(kept) < FEWEST:
        return
    layers, spreads = [layers[i] for i in kept], [spreads[i] for i in kept]
    if any(place.kind == "sigmoid" for place in seen.activities):
        return
    if any(p.kind == "relu" and not a.active.any() for p, a in seen.activities.items()):
        return  # a layer is dead as a whole: no matter of size
    forward = spreads[-1] / spreads[0]
    if LOWEST < forward < HIGHEST:
        return
    place = layers[_steepest(seen, layers)]
    yield found(
        f"signals {'die out' if forward < 1 else 'explode'} on their way through "
        f"{len(layers)} layers",
        where=place.where,
        origin=place.origin,
        evidence={"spread, last / first layer": forward, "layers": len(layers)},
        confidence=0.8,
    )
