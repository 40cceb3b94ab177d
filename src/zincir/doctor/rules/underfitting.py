"""The net does as badly on its training data as on others, and gets no better.

It has learnt something, and stopped far above 0. Both losses are alike, so that more data or
more regularisation would not help: the net is too small, too restrained, or was stopped by
something else (look at the findings above this one first).

Reported after six evaluations if the training loss is better than at first but above half of it
(or of guessing, if that is known), gains less than a hundredth in the last third of the
evaluations, and the validation loss is within a tenth of it. An info: nobody can tell from
losses whether the data would allow more.

Reported as well, as a warning, if all epochs that were asked for are done after fewer than two
hundred steps, and the loss has come down, but is no better yet than guessing: the training was
ended before it had learnt anything. After more steps that is T7.

When it is not this: data of which much is chance (prices, clicks, noisy labels) cannot be fitted
better by any net.

References: Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 5.2; Karpathy, "A
recipe for training neural networks" (2019): first a model that overfits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import GUESSING, Course, trend
from zincir.doctor.epochs import losses_of
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

FEWEST = 6
HIGH = 0.5
"""Of the first loss, or of guessing."""
LEARNT = 0.95
"""Of the same: above it nothing was learnt, which is T7."""
GAIN = 0.01
GAP = 0.1
READINGS = 8
SHORT = 200
"""Steps, from which on T7 judges."""


@rule(
    "G2",
    "underfitting",
    Severity.INFO,
    reads=Course,
    cause="a net that is too small, too much dropout or weight decay, or data that say no more",
    remedies=(
        "a wider or deeper net",
        "less dropout, less weight decay",
        "another learning rate, and longer training",
        "features that say more",
    ),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    yield from _too_short(seen, found)
    yield from _no_better(seen, found)


def _too_short(seen: Course, found: Found) -> Iterator[Finding]:
    """It was ended before it was better than guessing."""
    sites, losses = seen.sites, seen.losses()
    guess = seen.baselines.get(sites[0]) if len(sites) == 1 else None
    if not seen.ended or seen.steps >= SHORT or len(losses) < READINGS or guess is None:
        return
    now = float(np.median(losses[-5:]))
    if now > GUESSING * guess and trend(losses) < 0:
        yield found(
            f"training ended after {seen.steps} steps, and the loss is no better than guessing yet",
            step=seen.steps,
            origin=sites[0],
            severity=Severity.WARNING,
            evidence={
                "loss at first": float(np.median(losses[:5])),
                "loss now": now,
                "guessing": guess,
            },
            cause="too few epochs, or steps that are too short for so few",
            remedies=("more epochs", "a higher learning rate", "smaller batches, so more steps"),
            confidence=0.4,
        )


def _no_better(seen: Course, found: Found) -> Iterator[Finding]:
    """It ran long enough, and stays where it is."""
    losses = losses_of(seen)
    if len(losses) < FEWEST:
        return
    training, validation = losses.T
    known = list(seen.baselines.values())
    readings = seen.losses()
    start = float(readings[0]) if len(readings) else float(training[0])
    scale = known[0] if len(known) == 1 else start
    third = max(2, len(losses) // 3)
    now, other = float(np.median(training[-third:])), float(np.median(validation[-third:]))
    gained = float(np.median(training[-2 * third : -third])) - now
    if not HIGH * scale < now < LEARNT * scale or gained > GAIN * now:
        return
    if other - now > GAP * now:
        return
    yield found(
        "the training loss stays high, and the validation loss is no higher",
        step=seen.steps,
        evidence={
            "training loss": now,
            "validation loss": other,
            "guessing" if known else "at first": scale,
            "evaluations": len(losses),
        },
        confidence=0.5,
    )  # fmt: skip
