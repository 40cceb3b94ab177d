"""A label names a class that the model has no output for.

A model with C outputs tells the classes 0 to C - 1 apart. Labels from 1 to C are off by one; a
label of -1 often stands for "unknown", which `ignore_index` is for.

When it is not this: labels equal to the loss's `ignore_index` are left out by the loss, and are
not counted (-100 by default).

References: https://github.com/pytorch/pytorch/issues/18014.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

IGNORED = -100
"""What losses leave out by default."""


@rule(
    "S5",
    "label_out_of_range",
    Severity.ERROR,
    reads=Rehearsal,
    cause="labels count from 1, a value stands for 'unknown', or the model has too few outputs",
    remedies=(
        "labels from 0 to C - 1: numpy.unique(y, return_inverse=True)[1]",
        "as many outputs of the last layer as there are classes",
        "ignore_index= for labels that mean 'unknown'",
    ),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    if seen.classes is None:
        return
    labels = seen.targets[0]
    ignored = getattr(seen.loss_function, "ignore_index", IGNORED)
    wrong = ((labels < 0) | (labels >= seen.classes)) & (labels != ignored)
    if not wrong.any():
        return
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    value = int(labels[first])
    yield found(
        f"label {value} of sample {first[0]}: the model tells apart the classes 0 to "
        f"{seen.classes - 1}",
        where=seen.head,
        evidence={
            "classes": seen.classes,
            "smallest label": int(labels.min()),
            "largest label": int(labels.max()),
            "labels out of range": int(wrong.sum()),
            "of": int(labels.size),
        },
    )
