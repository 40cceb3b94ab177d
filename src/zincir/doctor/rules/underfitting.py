"""The net does as badly on its training data as on others, and gets no better.

It has learnt something, and stopped far above 0. Both losses are alike, so that more data or
more regularisation would not help: the net is too small, too restrained, or was stopped by
something else (look at the findings above this one first).

Reported after six evaluations if the training loss is better than at first but above half of it
(or of guessing, if that is known), gains less than a hundredth in the last third of the
evaluations, and the validation loss is within a tenth of it. An info: nobody can tell from
losses whether the data would allow more.

When it is not this: data of which much is chance (prices, clicks, noisy labels) cannot be fitted
better by any net.

References: Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 5.2; Karpathy, "A
recipe for training neural networks" (2019): first a model that overfits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import Course
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
