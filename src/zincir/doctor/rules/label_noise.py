"""Labels contradict each other: some are wrong, or inputs do not say enough.

No net can answer both of two samples that are equal and have different labels. What it learns is a
mean of the labels, its loss cannot go to 0, and where the capacity is there to try it bends around
the one sample.

Seen exactly before training: two samples of the batch are equal to the bit, and their labels are
not. Only what is among the samples that are given is seen: several hundred say more than a few, all
say all. That is an info.

Wrong labels of inputs that occur once show in training: the net has what it knows from the training
data, and is right more often elsewhere. Its answers are then better than the labels that it learnt
from. Reported as a warning if, three epochs in a row, it is wrong at least twice as often on the
training data as it was on the validation data before that epoch, by a fifth of all samples or more;
if samples are trained on as they are, no layer drops at random, and a batch of them that was looked
at (from the level "standard" on) is worse off in evaluation mode too. Else it is an info.

When it is not this: tables of few values, and texts, have equal rows with different answers by
nature; where more than half of the rows have an equal one, or the inputs are whole numbers, nothing
is said. Training data may be harder than those of the validation, if they come from elsewhere.
Augmentation makes them harder on purpose: where data are not arrays, it is an info.

References: Northcutt, Athalye and Mueller, "Pervasive label errors in test sets destabilize machine
learning benchmarks" (2021). The rule on epochs is this project's own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import Course
from zincir.doctor.epochs import in_turn, losses_of
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

MOST = 0.5
"""The share of samples that have an equal one, above which that is the nature of the data."""
EPOCHS = 3
TIMES = 2.0
"""As often wrong on the training data as elsewhere,"""
WORSE = 1.5
"""Times the validation loss: that of a batch of the training data in evaluation mode."""
MORE = 0.2
"""and on so many more of all samples."""


@rule(
    "G4",
    "label_noise",
    Severity.INFO,
    reads=(Rehearsal, Course),
    cause="samples that were labelled wrongly, or twice, or lost what tells them apart",
    remedies=(
        "look at the samples that are named, or that the net gets wrong, and label them anew",
        "leave out what cannot be decided",
        "CrossEntropyLoss(label_smoothing=0.1), if much of it is left",
    ),
)
def judge(seen: Rehearsal | Course, found: Found) -> Iterator[Finding]:
    if isinstance(seen, Course):
        yield from _in_training(seen, found)
    else:
        yield from _before(seen, found)


def _in_training(seen: Course, found: Found) -> Iterator[Finding]:
    """Labels that the net knows better."""
    elsewhere, here = 1 - in_turn(seen, "accuracy", EPOCHS).T
    if not len(here) or seen.drops:
        return
    if (here >= TIMES * elsewhere).all() and (here - elsewhere >= MORE).all():
        yield found(
            f"{here[-1]:.0%} of the answers are wrong on the training data, and "
            f"{elsewhere[-1]:.0%} on the validation data",
            step=0,
            severity=Severity.WARNING if seen.as_given and _harder(seen) else Severity.INFO,
            evidence={
                "training accuracy": float(1 - here[-1]),
                "validation accuracy before": float(1 - elsewhere[-1]),
            },
            confidence=0.6,
        )


def _harder(seen: Course) -> bool:
    """Whether training data are worse off in evaluation mode too: nothing random is to blame."""
    losses = losses_of(seen)
    return bool(seen.looks and len(losses)) and bool(
        seen.looks[-1].evaluation > WORSE * np.median(losses[-EPOCHS:, 1])
    )


def _before(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    """Equal samples whose labels differ."""
    if seen.classes is None or seen.problem is not None or len(seen.targets) != 1:
        return
    labels, count = seen.targets[0], seen.samples
    columns = [x.reshape(count, -1) for x in seen.inputs if x.shape[:1] == (count,)]
    if labels.shape != (count,) or not columns or len(columns) != len(seen.inputs):
        return
    if any(c.dtype.kind != "f" or not np.isfinite(c).all() for c in columns):
        return
    rows = np.concatenate(columns, axis=1)
    groups: dict[bytes, list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(row.tobytes(), []).append(number)
    several = [group for group in groups.values() if len(group) > 1]
    if sum(map(len, several)) > MOST * count:
        return
    pairs = [(g[0], n) for g in several for n in g[1:] if labels[n] != labels[g[0]]]
    if pairs:
        i, j = pairs[0]
        yield found(
            f"samples {i} and {j} are equal, and have the labels {labels[i]} and {labels[j]}",
            evidence={"samples in conflict": len(pairs), "of": count},
        )
