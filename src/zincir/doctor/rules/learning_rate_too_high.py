"""Steps are too long: they jump over what they aim at.

A good step changes weights by about a thousandth of their size. Where each step changes them by
more than a tenth, and the loss rises or does not come down, the learning rate is too high.

A single step that changes weights by more than half of their size throws away what they were
initialised to; it is enough, if the training suffers, or was no better than at first for most of
its time, or three quarters of the units of a ReLU are dead ever since. Also reported: a loss that
went up to more than four times its best and stays there.

The size of weights is taken to be 1 / sqrt(3 fan_in) at least, which is that of layers when they
are made: weights that are far smaller at first have to grow.

When it is not this: biases, norms and weights that start at 0 have no size to compare with, and
are left out; a rate that rises at the beginning (warm-up) is not judged before its readings are
the last ones.

References: CS231n (ratio of updates to weights near 1e-3), TheDeepChecker (above 1e-1), fastai's
learning rate finder (four times the best loss).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

import numpy as np

from zincir.doctor.course import Array, Course, Reading, natural_size, trend
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

CHECKS = 3
RATIO = 0.1
ONCE = 0.5
"""Half of the weights' size in one step: once is enough, if what comes after it suffers."""
LOST = 0.5
"""Of the steps: at a loss that is hardly below the first one."""
KILLED = 0.75
"""Of a layer's units."""
HARDLY = 0.8
"""Times the first loss."""
WORSE = 4.0
RISES = 1.645


@rule(
    "T5",
    "learning_rate_too_high",
    Severity.WARNING,
    reads=Course,
    cause="the learning rate, or a schedule that raises it too far",
    remedies=(
        "a learning rate ten times lower; then three times, if that is too slow",
        "a rate that rises at the beginning: LinearLR, OneCycleLR",
        "clipped gradients",
    ),
    explains=(
        "non_finite",
        "dead_relu",
        "saturated_activation",
        "weights_blow_up",
        "oscillating_loss",
        "loss_not_decreasing",
    ),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    readings = [r for r in seen.readings if r.gauges]
    steep = [r for r in readings if _median_ratio(seen, r) > RATIO]
    losses = seen.losses()
    finite = losses[np.isfinite(losses)]
    best = float(finite[:6].min()) if len(finite) >= 6 else 0.0
    worse = best > 0 and np.median(finite[-3:]) > WORSE * best
    if seen.broken is not None and not steep and not worse:
        return
    persistent = len(steep) >= CHECKS and _median_ratio(seen, readings[-1]) > RATIO / 2
    highest = max((_median_ratio(seen, r) for r in steep), default=0.0)
    suffers = seen.harmed or seen.stuck or _lost(seen, losses) > LOST or _killed(seen)
    thrown = highest > ONCE and suffers
    early = bool(steep) and (seen.broken is not None or thrown)
    rising = len(finite) >= 6 and trend(finite[-8:]) > RISES
    if not ((persistent and (seen.harmed or rising)) or early or (worse and steep)):
        return
    first = steep[0]
    rates = {n: g.rate for n, g in first.gauges.items() if math.isfinite(g.rate)}
    name = _steepest(seen, first)
    yield found(
        f"a step changes the weights by {_median_ratio(seen, first):.2g} of their size",
        where=name.rpartition(".")[0],
        step=first.step,
        severity=Severity.WARNING if seen.broken is None else Severity.ERROR,
        evidence={
            "update / weight": _median_ratio(seen, first),
            "learning rate": next(iter(rates.values()), math.nan),
            "loss at first": float(losses[0]) if len(losses) else math.nan,
            "loss now": float(losses[-1]) if len(losses) else math.nan,
        },
        confidence=0.9,
    )


def _lost(seen: Course, losses: Array) -> float:
    """The share of the steps in which nothing had been gained since the first."""
    site = next(iter(seen.sites), None)
    steps = [r.step for r in seen.readings if site in r.losses]
    if len(steps) < CHECKS or losses[0] <= 0:
        return 0.0
    lengths = np.diff([0, *steps])
    return float(lengths[losses > HARDLY * losses[0]].sum() / lengths.sum())


def _killed(seen: Course) -> bool:
    """Whether most units of a layer died on the way."""
    died = [(d.dead & (d.since > 0)).mean() for d in seen.deaths.values()]
    return max(died, default=0.0) > KILLED


def _ratios(seen: Course, reading: Reading) -> dict[str, float]:
    gauges = {n: reading.gauges[n] for n in seen.weights if n in reading.gauges}
    return {
        n: g.update / max(g.value, natural_size(seen.shapes[n]) / math.sqrt(3))
        if math.isfinite(g.update)
        else math.inf
        for n, g in gauges.items()
        if g.value > 0 and not math.isnan(g.update)
    }


def _median_ratio(seen: Course, reading: Reading) -> float:
    ratios = list(_ratios(seen, reading).values())
    return median(ratios) if ratios else 0.0


def _steepest(seen: Course, reading: Reading) -> str:
    ratios = _ratios(seen, reading)
    return max(ratios, key=lambda n: ratios[n], default="")
