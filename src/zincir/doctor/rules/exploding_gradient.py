"""Gradients get larger from layer to layer on the way back, or from step to step.

Weights that are too large multiply what arrives by more than 1 in each layer; through ten layers
a factor of 3 makes 59,000. The steps are then far too long, the loss jumps, and ends in
infinity.

Reported if the loss rises, does not come down, or is not finite any more, and either what
arrives at the first layer is at least seventy times what arrives at the last one, three times in
a row; or the norm of all gradients doubles from reading to reading, four times.

When it is not this: a single large gradient is no explosion, and clipping takes care of it.
Large gradients that stay as large, while the loss comes down, are a matter of scale.

References: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
networks" (2013). The bound of 70 is AutoTrainer's (ICSE 2021), four doublings TheDeepChecker's
(TOSEM 2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import Array, Course, Reading, trend
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

CHECKS = 3
RATIO = 70.0
DOUBLINGS = 4
RISES = 1.645
"""A trend above this is a rise (one-sided, 5 %)."""


@rule(
    "T2",
    "exploding_gradient",
    Severity.WARNING,
    reads=Course,
    cause="weights too large at the start, or a learning rate that makes them so",
    remedies=(
        "clip gradients at the 90th percentile of their norms: ClipGradients(norm=...)",
        "a learning rate 3 to 10 times lower, or one that rises at the beginning",
        "an initialisation that suits the activation: kaiming for ReLU, xavier for tanh",
        "BatchNorm or LayerNorm between the layers",
    ),
    explains=("non_finite", "dead_relu", "learning_rate_too_high"),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    if not _rises(seen):
        return
    readings = [r for r in seen.readings if r.gauges and _is_finite(r)]
    ratios = np.array([_backward_gain(r) for r in readings])
    steep = _run_of(ratios >= RATIO, 1 if seen.broken is not None else CHECKS)
    norms = np.array([_norm(seen, r) for r in readings])
    growing = _run_of((norms[1:] >= 2 * norms[:-1]) & (norms[1:] > 0), DOUBLINGS)
    at = steep if steep is not None else growing
    if at is None:
        return
    reading = readings[at]
    where = _largest_layer(seen, reading)
    layers = [place for place in reading.places if place.kind == "layer"]
    if steep is not None:
        where = layers[0].where
    evidence = {"norm of all gradients": float(norms[at]), "norm at the start": float(norms[0])}
    if steep is not None:
        evidence["first / last"] = float(ratios[at])
    yield found(
        "gradients explode on the way back" if steep is not None else "gradients grow step by step",
        where=where,
        origin=seen.line(where),
        step=reading.step,
        evidence=evidence,
        confidence=0.9,
    )


def _rises(seen: Course) -> bool:
    """Whether a loss is not finite, rises, or does not come down."""
    if seen.broken is not None or seen.harmed:
        return True
    return any(trend(seen.losses(site)[-8:]) > RISES for site in seen.sites)


def _backward_gain(reading: Reading) -> float:
    """What arrives at the first layer, over what arrives at the last."""
    layers = [a for place, a in reading.places.items() if place.kind == "layer"]
    arrived = [_rms(activity.gradient) for activity in layers]
    return arrived[0] / arrived[-1] if len(arrived) > 1 and arrived[-1] > 0 else 0.0


def _rms(x: Array) -> float:
    return float(np.sqrt(np.mean(np.square(x))))


def _norm(seen: Course, reading: Reading) -> float:
    sizes = {n: math.prod(seen.shapes[n]) for n in reading.gauges}
    return math.sqrt(sum(g.gradient**2 * sizes[n] for n, g in reading.gauges.items()))


def _is_finite(reading: Reading) -> bool:
    return all(math.isfinite(g.gradient) for g in reading.gauges.values())


def _largest_layer(seen: Course, reading: Reading) -> str:
    gradients = seen.gradients(reading)
    return max(gradients, key=lambda n: gradients[n], default="").rpartition(".")[0]


def _run_of(holds: Array, count: int) -> int | None:
    """Where a run of so many begins; None if there is none."""
    for i in range(len(holds) - count + 1):
        if holds[i : i + count].all():
            return i
    return None
