"""Gradients are more chance than direction: batches are small for where the training stands.

Each batch says something else. Where the error of a batch's gradient is longer than the gradient
of all samples, steps go astray more than they go ahead, and the loss stops at a height that
depends on the learning rate and the batch, not on the net. That is how most trainings end, and
no fault: it says what would help to go on.

A batch is cut into eight, and the gradients of the parts are compared (the norm test). Reported
if the error is above the length at the last three looks, while the loss does not come down any
more and is not near 0.

When it is not this: nets that fit their data exactly have gradients near 0, which are all noise;
their loss is near 0 as well.

References: Byrd, Chin, Nocedal and Wu, "Sample size selection in optimization methods for
machine learning" (2012); McCandlish et al., "An empirical model of large-batch training" (2018).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import FEWEST, NEAR, Course
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.looking import MOST
from zincir.doctor.rule import Found, rule

LOOKS = 3
ERROR = 1.0
"""Of the length of the gradient."""
GAIN = 0.01
"""Of the loss, in the second half of the training: below it, it does not come down any more."""


@rule(
    "T12",
    "gradient_noise",
    Severity.INFO,
    reads=Course,
    cause="few samples in a batch, or labels that contradict each other",
    remedies=(
        "a learning rate that falls towards the end",
        "larger batches, or gradients added up over several: Trainer(accumulate=...)",
        "an average of weights over the last steps",
    ),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    last = [look for look in seen.looks if np.isfinite(look.noise)][-LOOKS:]
    losses = seen.losses()
    if len(last) < LOOKS or len(losses) < 2 * FEWEST or seen.broken is not None:
        return
    half = losses[len(losses) // 2 :]
    noisy = min(look.noise for look in last) > ERROR
    third = len(half) // 3
    before, now = float(np.median(half[:third])), float(np.median(half[-third:]))
    if not noisy or before - now > GAIN * abs(before) or now < NEAR * losses[0]:
        return
    noise = last[-1].noise
    times = f"{noise:.2g} times" if noise < MOST else "a hundred times and more"
    yield found(
        f"the error of a batch's gradient is {times} its length",
        step=last[0].step,
        evidence={
            "error / length": [look.noise for look in last],
            "samples": last[-1].samples,
            "loss now": now,
        },
        confidence=0.6,
    )
