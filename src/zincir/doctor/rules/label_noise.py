"""The same input has different labels: one of them is wrong, or the input does not say enough.

No net can answer both. What it learns is a mean of the labels, its loss cannot go to 0, and where
the capacity is there to try it bends around the one sample.

Seen exactly: two samples of the batch are equal to the bit, and their labels are not. Only what is
among the samples that are given is seen: several hundred say more than a few, all say all. Wrong
labels of inputs that occur once are not seen.

When it is not this: tables of few values, and texts, have equal rows with different answers by
nature; where more than half of the rows have an equal one, or the inputs are whole numbers, nothing
is said. It is an info at most.

References: Northcutt, Athalye and Mueller, "Pervasive label errors in test sets destabilize machine
learning benchmarks" (2021).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

MOST = 0.5
"""The share of samples that have an equal one, above which that is the nature of the data."""


@rule(
    "G4",
    "label_noise",
    Severity.INFO,
    reads=Rehearsal,
    cause="samples that were labelled twice, or copied, or lost what tells them apart",
    remedies=(
        "look at the samples that are named, and label them anew",
        "leave out what cannot be decided",
        "CrossEntropyLoss(label_smoothing=0.1), if much of it is left",
    ),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
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
