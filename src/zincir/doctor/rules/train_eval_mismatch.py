"""The net is another one in evaluation mode: the same batch has a much higher loss there.

In training BatchNorm measures mean and deviation of the batch; in evaluation it uses running
ones. If these are stale (a momentum near 0, too few steps, statistics that were loaded or
frozen), or come from batches unlike those of now, what was trained is not what is used: the
training looks well, the validation does not, and it is no overfitting. The same happens if
forward asks for `self.training` and takes another way.

Exact in what it compares: one batch of the training data, both modes, dropout off. Reported if
the loss in evaluation mode is more than half above the other one, and more than a tenth of the
first loss above it, at the last three looks.

When it is not this: BatchNorm after very few steps lags behind; looks in the first fifty steps
do not count. Dropout is no part of it, since it is off both times.

References: TheDeepChecker (TOSEM 2022), which asks for 50 %; Ioffe, "Batch renormalization"
(2017); Wu and Johnson, "Rethinking batch in BatchNorm" (2021).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import Course, Look
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

LOOKS = 3
SETTLED = 50
"""Steps after which running statistics have forgotten their start: 0.9 ** 50 is half a percent."""
WORSE = 1.5
"""Times the loss in training mode,"""
HARM = 0.1
"""and so much of the first loss above it."""


@rule(
    "T13",
    "train_eval_mismatch",
    Severity.WARNING,
    reads=Course,
    cause="running statistics of BatchNorm that do not follow, or a forward that does otherwise",
    remedies=(
        "BatchNorm(momentum=0.1), and larger batches",
        "statistics measured anew, by a pass over the training data before evaluation",
        "GroupNorm or LayerNorm, which do the same in both modes",
        "look for self.training in forward",
    ),
    explains=("overfitting",),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    last = [look for look in seen.looks if look.step >= SETTLED][-LOOKS:]
    losses = seen.losses()
    if len(last) < LOOKS or not len(losses) or seen.broken is not None:
        return
    scale = max(abs(float(losses[0])), abs(last[0].training))
    if all(_differs(look, scale) for look in last):
        now = last[-1]
        yield found(
            f"the same batch has a loss of {now.training:.3g} in training mode and of "
            f"{now.evaluation:.3g} in evaluation mode",
            step=last[0].step,
            evidence={
                "in training mode": [look.training for look in last],
                "in evaluation mode": [look.evaluation for look in last],
                "samples": now.samples,
            },
            confidence=0.9,
        )


def _differs(look: Look, scale: float) -> bool:
    if not np.isfinite(look.training):
        return False
    if not np.isfinite(look.evaluation):
        return True
    above = look.evaluation - look.training
    return above > (WORSE - 1) * abs(look.training) and above > HARM * scale
