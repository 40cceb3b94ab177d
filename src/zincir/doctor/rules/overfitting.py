"""The net learns its training data by heart: on data it has not seen it gets worse.

The loss on the training data goes on falling, the one on the validation data has been lower and
rises. From there on each epoch makes the net worse at what it is for.

Reported if the last three evaluations, and all of them together, are above the best one by a
tenth of it, by twice what the loss jumps from epoch to epoch, and by a tenth of all that was
gained since the start, so that it is a loss and no noise; if they rise from the best to the
highest since, where they may stay; if the training loss is below what it was then; and if the
accuracy, where there is one, is not at its best either, or on the validation data not half of that
is gained which is gained in training.

Reported as well if the training loss is below half of what guessing gives, and no validation loss
was ever better than guessing: then all that was learnt is the training data.

When it is not this: a gap between both losses is usual, and harmless, as long as the validation
loss falls. A single bad epoch is noise. A validation loss that rises while the accuracy does so
too says that the net is too sure of itself: a matter of calibration.

References: Prechelt, "Early stopping, but when?" (1998); Guo et al., "On calibration of modern
neural networks" (2017). SageMaker Debugger (a gap of 10 %, once) and UMLAUT (one epoch) call most
trainings overfitted.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import FALLS, Array, Course, trend
from zincir.doctor.epochs import losses_of, unbeaten
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

LAST = 3
SINCE = 4
"""Evaluations since the best, for a trend to be one."""
WORSE = 0.1
"""Of the best loss."""
LOST = 0.1
"""Of what was gained between the first evaluation and the best."""
NOISE = 2.0
LEARNT = 0.5
"""Of guessing: what the training loss is below, if the data are learnt by heart."""
KEPT = 0.5
"""Of what was gained on the training data: less of it on others is no matter of calibration."""


@rule(
    "G1",
    "overfitting",
    Severity.WARNING,
    reads=Course,
    cause="more capacity, or more epochs, than the data can fill",
    remedies=(
        "stop at the best epoch, and keep its weights: EarlyStopping",
        "more data, or augmentation",
        "dropout of 0.1 to 0.3, weight decay",
        "a smaller net",
    ),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    losses = losses_of(seen)
    if len(losses) < SINCE + 2:
        return
    training, validation = losses.T
    guess = unbeaten(seen)
    if guess is not None and training[-1] < LEARNT * guess:
        yield found(
            "the training data are learnt by heart, and the validation loss was never better than "
            "guessing",
            step=0,
            evidence={
                "training loss now": float(training[-1]),
                "best validation loss": float(validation.min()),
                "guessing": guess,
            },
            confidence=0.8,
        )
        return
    best = int(validation.argmin())
    since = validation[best:]
    rising = since[: int(since.argmax()) + 1]  # it may stay up there
    if len(since) <= SINCE or trend(rising) < -FALLS or training[-LAST:].max() >= training[best]:
        return
    rise = float(validation[-LAST:].min() - validation[best])
    noise = float(np.median(np.abs(np.diff(validation, n=2)))) / 2
    start = seen.losses()[:1]  # the first evaluation may come when all has been learnt
    gained = float(max([validation[0], *start[np.isfinite(start)]]) - validation[best])
    if rise < max(WORSE * abs(validation[best]), NOISE * noise, LOST * gained):
        return
    kept = gained - float(np.median(validation[-LAST:]) - validation[best])
    learnt = gained + float(validation[best] - training[-1])  # on the training data
    known = [e for e in seen.evaluations if "val_loss" in e and "loss" in e]
    accuracy = np.array([e.get("val_accuracy", np.nan) for e in known])
    if kept > KEPT * learnt and _improves(accuracy, best):
        return
    yield found(
        f"the validation loss was best in epoch {best + 1}, and has risen since",
        step=round(seen.steps * (best + 1) / len(seen.evaluations)),
        evidence={
            "best validation loss": float(validation[best]),
            "validation loss now": float(validation[-1]),
            "training loss then": float(training[best]),
            "training loss now": float(training[-1]),
            "best epoch": best + 1,
        },
        confidence=0.8,
    )


def _improves(accuracy: Array, best: int) -> bool:
    """Whether the accuracy is higher now than when the loss was best."""
    if not np.isfinite(accuracy).all():
        return False
    return float(np.median(accuracy[-LAST:])) > float(accuracy[best])
