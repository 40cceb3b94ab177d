"""The loss swings and does not come down: each step jumps across the valley that it aims at.

Along a direction of curvature c a step of gradient descent multiplies the distance to the bottom
by 1 - rate * c. Between rate * c = 1 and 2 it lands on the other side each time; at 2 it stays as
far away as it was, for ever. Other directions, that are flat, are then learnt as slowly as
before.

Every loss of batches goes up and down, and small batches more than large ones: that says nothing.
But such noise is a new draw in each step, so a mean over sixteen steps has a quarter of it. If
means over sixteen steps jump by more than half of what single steps deviate, it is the weights that
jump. Reported if they jump by more than a quarter of their size from one mean to the next; and
only if the loss does not come down, is not down yet, and the steps are long: more than a
hundredth of the weights, ten times what is usual.

When it is not this: hard samples and small batches make a loss jagged while its mean comes down.
A loss that falls in the long run may swing as it likes (Cohen et al., "Gradient descent on neural
networks typically occurs at the edge of stability", 2021).

References: CS231n for the length of steps; AutoTrainer (ICSE 2021), which counts swings of the
accuracy, and for which Adam or a lower rate were the cure in all of 30 cases.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import FALLS, WINDOW, Array, Course, suffers, trend
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

BLOCK = 16
"""Steps that a mean is taken over."""
JUMP = 0.25
"""Of the loss, from one mean to the next."""
NOISE = 0.5
"""Times the deviation of single steps: noise that is drawn anew gives about half of that."""
RATIO = 1e-2
"""Of an update to the weights: ten times what is usual."""


@rule(
    "T8",
    "oscillating_loss",
    Severity.WARNING,
    reads=Course,
    cause="a learning rate (or a momentum) too high for the curvature",
    remedies=(
        "a learning rate three to ten times lower",
        "a schedule that lowers it: CosineAnnealingLR, ReduceLROnPlateau",
        "Adam in place of SGD, or less momentum",
        "a larger batch; shuffled data",
        "a mean of the weights of many steps: AveragedModel",
    ),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    if seen.broken is not None:
        return
    ratio = max((r for n in seen.weights if (r := seen.ratio(n, WINDOW)) > 0), default=0.0)
    if ratio <= RATIO:
        return
    for site in seen.sites:
        means, noise = _blocks(seen, site)
        if len(means) < WINDOW or trend(means) < FALLS:
            continue
        size = float(np.median(np.abs(means)))
        jump, single = float(np.median(np.abs(np.diff(means)))), float(np.median(noise))
        if jump <= JUMP * size or jump <= NOISE * single:
            continue
        if suffers(seen.losses(site), seen.baselines.get(site)):
            yield found(
                f"the loss jumps by {jump / size:.2g} of its size, and does not come down",
                origin=site,
                step=max(0, seen.steps - BLOCK * WINDOW),
                evidence={
                    "jump of means / loss": jump / size,
                    "noise of a step / loss": single / size,
                    "update / weight": ratio,
                    "loss now": size,
                },
                confidence=0.7,
            )


def _blocks(seen: Course, site: str) -> tuple[Array, Array]:
    """The last means over so many steps or more, and the deviation of single steps in each."""
    found: list[tuple[float, float]] = []
    count, total, squares = 0, 0.0, 0.0
    for reading in reversed(seen.readings):
        if site in reading.losses:
            passes, square = reading.passes[site]
            count += passes
            total += passes * reading.losses[site]
            squares += passes * square
        if count >= BLOCK:
            mean = total / count
            found.append((mean, max(0.0, squares / count - mean * mean) ** 0.5))
            count, total, squares = 0, 0.0, 0.0
        if len(found) == WINDOW:
            break
    means, noise = np.array(found[::-1]).reshape(-1, 2).T
    return means, noise
