"""The learning rate has come to its end long before the training.

A schedule that counts in other units than it is stepped in (epochs, and it is stepped with each
batch), or whose number of steps is a remnant of another run, brings the rate down to next to
nothing. The rest of the training changes nothing: it only takes time.

Reported if the rate has been below a thousandth of its peak for a third of all steps, if the
loss was still coming down when it got there, has not since, and is not near 0.

When it is not this: schedules that end near 0 are usual, and right when they end with the
training: the last steps are few there. A rate that is lowered because the loss no longer falls
is lowered for a reason.

References: Karpathy, "A recipe for training neural networks" (2019): do not trust learning rate
decay defaults.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import FALLS, NEAR, Array, Course, trend
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

ENDED = 1e-3
"""Of the highest rate."""
SHARE = 1 / 3
"""Of the steps."""
READINGS = 6
GAIN = 0.02
"""Of the loss, gained in the readings before the end: it was still coming down."""


@rule(
    "T14",
    "schedule_ends_early",
    Severity.WARNING,
    reads=Course,
    cause="a schedule made for fewer steps, or stepped more often than it was made for",
    remedies=(
        "the schedule's number of steps: epochs times batches, if it is stepped with each batch",
        "a constant rate, to see what the schedule costs",
    ),
    explains=("loss_not_decreasing", "learning_rate_too_low", "underfitting"),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    readings = [r for r in seen.readings if r.gauges]
    rates = np.array([max((g.rate for g in r.gauges.values()), default=np.nan) for r in readings])
    if len(rates) < 3 * READINGS or not np.isfinite(rates).all() or rates.max() <= 0:
        return
    at = _ended(rates)
    if at is None or at < READINGS or len(rates) - at < READINGS:
        return
    end = readings[at].step
    if seen.steps - end < SHARE * seen.steps or seen.broken is not None:
        return
    site = seen.sites[0] if seen.sites else ""
    steps = np.array([r.step for r in seen.readings if site in r.losses])
    losses = seen.losses(site)
    before, since = losses[steps <= end], losses[steps > end]
    if not _was_falling(before) or len(since) < READINGS or _falls(since):
        return
    now = float(np.median(since))
    if now < NEAR * losses[0]:
        return
    yield found(
        f"the learning rate is below a thousandth of its peak since step {end}, of {seen.steps}",
        step=end,
        evidence={
            "highest rate": float(rates.max()), "rate now": float(rates[-1]),
            "loss then": float(np.median(before[-3:])), "loss now": now,
        },
        confidence=0.8,
    )  # fmt: skip


def _ended(rates: Array) -> int | None:
    """From where on all rates are next to nothing, if the peak was before."""
    high = np.flatnonzero(rates > ENDED * rates.max())
    at = int(high[-1]) + 1
    return at if at < len(rates) else None


def _was_falling(losses: Array) -> bool:
    """Whether the last half of these comes down, by more than a little."""
    half = losses[len(losses) // 2 :]
    if len(half) < 3 or not np.isfinite(half).all():
        return False
    third = max(1, len(half) // 3)
    gained = float(np.median(half[:third]) - np.median(half[-third:]))
    return gained > GAIN * abs(float(np.median(half[:third])))


def _falls(losses: Array) -> bool:
    third = max(1, len(losses) // 3)
    gained = float(np.median(losses[:third]) - np.median(losses[-third:]))
    return trend(losses) < FALLS and gained > GAIN * abs(float(np.median(losses[:third])))
