"""Steps are too short: the training gets nowhere in reasonable time.

A good step changes weights by about a thousandth of their size. Where no layer changes by more
than a ten-thousandth, and the loss has hardly come down, the learning rate is too low.

Hardly is: by no more than a twentieth, so that half of it takes ten times as long as until now;
or by what is chance, as losses of small batches jump.

When it is not this: fine-tuning takes short steps on purpose, and its loss comes down; that is
not reported. Nor is a loss that is below guessing, where that is known (by three tenths, if targets
are numbers, as what comes out of any net may resemble them): a net that has learnt may take short
steps. If some layers learn and others do not, look at their gradients (T1).

References: CS231n (ratio of updates to weights near 1e-3), TheDeepChecker (below 1e-4).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import FALLS, NEAR, Course, trend
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

RATIO = 1e-4
FALL = 0.05
"""Of the first loss: what must have been gained."""
STEPS = 50
RISING = 1.1
"""Times the first rate: what is above it is warming up."""
CHECKED = 8
"""The last losses."""
LUCK = 0.7
"""Of the variance of targets: what a net leaves of it by chance, that nobody has trained."""


@rule(
    "T17",
    "learning_rate_too_low",
    Severity.WARNING,
    reads=Course,
    cause="the learning rate, or a schedule that lowers it too soon",
    remedies=(
        "a learning rate three, then ten times higher",
        "find_learning_rate, which tries them all in a hundred steps",
        "Adam, whose steps do not depend on the scale of gradients",
    ),
    explains=("unchanged_weights", "loss_not_decreasing"),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    if _has_learnt(seen) or _is_rising(seen):
        return
    losses = seen.losses()
    if seen.steps < STEPS or len(losses) < 8 or not np.isfinite(losses).all():
        return
    ratios = {name: seen.ratio(name) for name in seen.weights}
    known = [r for r in ratios.values() if not math.isnan(r)]
    if not known or max(known) >= RATIO or max(known) == 0:
        return
    quarter = max(4, len(losses) // 4)
    first, now = float(np.median(losses[:quarter])), float(np.median(losses[-quarter:]))
    fell = first - now > FALL * first and trend(losses) < FALLS
    if first <= 0 or fell or now < NEAR * losses[0]:
        return
    rates = [g.rate for r in seen.probed(1) for g in r.gauges.values() if math.isfinite(g.rate)]
    yield found(
        f"no step changes a layer by more than {max(known):.2g} of its size, and the loss is "
        f"where it was",
        evidence={
            "largest update / weight": max(known),
            "learning rate": max(rates, default=math.nan),
            "loss at first": first,
            "loss now": now,
        },
        step=_began(seen),
        confidence=0.9,
    )


def _began(seen: Course) -> int:
    """The step from which on all were so short; 0: from the start."""
    began = seen.steps
    for reading in reversed([r for r in seen.readings if r.gauges]):
        gauges = [reading.gauges[n] for n in seen.weights if n in reading.gauges]
        if any(g.value > 0 and g.update > RATIO * g.value for g in gauges):
            return began
        began = reading.step
    return 0


def _has_learnt(seen: Course) -> bool:
    """Whether a loss whose guess is known is better than that, and none is no better."""
    if not seen.baselines or seen.stuck:
        return False
    for site, guess in seen.baselines.items():
        late = float(np.median(seen.losses(site)[-CHECKED:]))
        if seen.aims[site].form != "classes" and late > LUCK * guess:
            return False
    return True


def _is_rising(seen: Course) -> bool:
    """Whether the rate is on its way up: a warm-up begins low on purpose."""
    rates = [max(g.rate for g in r.gauges.values()) for r in seen.readings if r.gauges]
    return len(rates) > 1 and rates[-1] > RISING * rates[0]
