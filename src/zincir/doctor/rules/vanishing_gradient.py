"""Gradients get smaller from layer to layer on the way back: the first layers do not learn.

Each layer multiplies what arrives by its weights and by the slope of its activation. The slope
of a sigmoid is at most 0.25: through ten of them a gradient is a millionth of what it was. The
last layers learn, on inputs that the first ones leave as random as they were.

Two things must hold three times in a row, besides that the training suffers. The gradient of the
layer is below a thousandth of that of a later one (in roots of mean squares, which the widths of
layers do not enter; a hundredth, if nothing at all has been learnt), or what arrives at it is so
far below what arrives at the last layer. And steps hardly change the layer, or nothing is learnt
and next to nothing arrives there.

When it is not this: gradients that are all small, but alike, are a matter of the loss's scale,
and harmless under Adam. Gradients that are exactly 0 come from dead units or a cut (T3, S7).

References: Hochreiter (1991); Bengio, Simard and Frasconi (1994); Glorot and Bengio (2010). The
bound of 1e-3 is AutoTrainer's (Zhang et al., ICSE 2021), 1e-2 and that of updates torchmortem's;
CS231n and TheDeepChecker count on 1e-3 and 1e-4.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import Activity, Course, Reading
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

CHECKS = 3
RATIO = 1e-3
"""Of a layer's gradient to the largest behind it."""
STUCK = 1e-2
"""The same, if nothing at all has been learnt: the last layers alone have moved, and to no end."""
UPDATE = 1e-5
"""Of an update to the weights: below it a layer hardly changes."""
FARTHEST = 1e-4
"""Of what arrives at the last layer, where all steps are short."""
SLOW = 1e-4
"""The same, if nothing at all has been learnt."""
NOTHING = 1e-5
"""Of the largest gradient: where nothing was learnt, the steps that Adam makes of it are noise."""


@rule(
    "T1",
    "vanishing_gradient",
    Severity.WARNING,
    reads=Course,
    cause="slopes of sigmoid or tanh below 1, or small weights, multiplied through many layers",
    remedies=(
        "ReLU, GELU or SELU in place of sigmoid and tanh",
        "an initialisation that suits the activation: kaiming for ReLU, xavier for tanh",
        "BatchNorm or LayerNorm between the layers",
        "residual connections: x + layer(x)",
        "a higher learning rate only if the gradients of all layers are small alike",
    ),
    explains=("learning_rate_too_low", "loss_not_decreasing"),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    readings = seen.probed(CHECKS)
    if not readings or not seen.harmed:
        return
    bound = STUCK if seen.stuck else RATIO
    small = [_vanished(seen, r, bound) for r in readings]
    idle = [n for n in seen.weights if all(n in s for s in small) and _is_idle(seen, n)]
    if not idle:
        return
    last = readings[-1]
    gradients = seen.gradients(last)
    name = idle[0]
    where = name.rpartition(".")[0]
    largest = max(g for g in gradients.values() if math.isfinite(g))
    yield found(
        f"the gradient of {name} is {largest / gradients[name]:.2g} times smaller than that of the "
        "layers behind it"
        if gradients[name] < largest
        else f"next to nothing of what arrives at the last layer arrives at {where}",
        where=where,
        origin=seen.line(where),
        step=_began(seen, name, bound),
        evidence={
            "gradient": gradients[name],
            "largest gradient": largest,
            "update / weight": seen.ratio(name),
            "layers": [n.rpartition(".")[0] for n in idle],
        },
        confidence=0.9,
    )


def _vanished(seen: Course, reading: Reading, bound: float) -> set[str]:
    """The weights whose gradient is far below one behind them, or gets little of what others do."""
    return _small(seen, reading, bound) | _cut_off(seen, reading, bound)


def _cut_off(seen: Course, reading: Reading, bound: float) -> set[str]:
    """The weights of layers at which far less arrives than at the last one: what a weight's own
    gradient is depends on how large inputs are, too.
    """
    moved = [seen.ratio(n) for n in seen.weights]
    if max((r for r in moved if math.isfinite(r)), default=0.0) < SLOW:
        bound = FARTHEST  # it may be the rate
    layers = [(p, _size(a)) for p, a in reading.places.items() if p.kind == "layer"]
    last = layers[-1][1] if layers else 0.0
    far = {p.where for p, size in layers[:-1] if 0 < size <= bound * last}
    reached = {n for n, gauge in reading.gauges.items() if gauge.gradient > 0}
    return {n for n in seen.weights if n.rpartition(".")[0] in far and n in reached}


def _size(activity: Activity) -> float:
    return float(np.sqrt(np.mean(np.square(activity.gradient))))


def _small(seen: Course, reading: Reading, bound: float) -> set[str]:
    """The weights whose gradient is far below one behind them."""
    gradients = seen.gradients(reading)
    names = list(gradients)
    values = np.array([gradients[n] for n in names])
    found: set[str] = set()
    for i, name in enumerate(names[:-1]):
        behind = values[i + 1 :].max()
        if 0 < values[i] <= bound * behind:
            found.add(name)
    return found


def _began(seen: Course, name: str, bound: float) -> int:
    """The step from which on every reading says so."""
    began = seen.steps
    for reading in reversed([r for r in seen.readings if r.gauges]):
        if name not in _vanished(seen, reading, bound):
            break
        began = reading.step
    return began


def _is_idle(seen: Course, name: str) -> bool:
    """Whether a layer is hardly changed; or, if nothing at all has been learnt, gets next to
    nothing: Adam's kin make steps of a size that does not depend on it.
    """
    ratio = seen.ratio(name)
    if ratio < UPDATE or (ratio < SLOW and seen.stuck):
        return True
    gradients = seen.gradients(seen.probed(1)[0])
    return seen.stuck and gradients[name] < NOTHING * max(gradients.values())
