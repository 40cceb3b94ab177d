"""Samples of the validation data are among the training data.

The net has seen the answers. What is measured on them says how well it remembers, and a model
that learns by heart looks best.

Exact: rows that are equal to the bit. A few are an info; a warning from 5 % of the validation
data on, and only if they are three times as many as chance would give: where training data hold
many equal rows among themselves, the validation data hold the same by nature.

When it is not this: tables of few values, and short texts, have equal rows that belong to
different samples. Copies that differ in a bit (compressed or cut anew) are not seen.

References: deepchecks, "Train test samples mix" (5 %); Barz and Denzler, "Do we train on test
data? Purging CIFAR of near-duplicates" (2020): 3 % to 10 % of usual test sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Array, Rehearsal
from zincir.doctor.rule import Found, rule

MANY = 0.05
LARGEST = 1 << 29
"""Bytes of data that are looked at: about a second."""
BY_NATURE = 3.0
"""Times the share of training rows that another one before them is equal to."""


@rule(
    "S16",
    "train_test_overlap",
    Severity.WARNING,
    reads=Rehearsal,
    cause="data that were split after copies were made, or files that are in both folders",
    remedies=(
        "remove the copies before the data are split",
        "split by what samples have in common: a person, a day, a recording",
        "measure again on the rows that are in the validation data alone",
    ),
    explains=("validation_too_good",),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    if not seen.validation or not seen.training:
        return
    known, asked = _flat(seen.training), _flat(seen.validation)
    if known is None or asked is None or known[0].shape[1:] != asked[0].shape[1:]:
        return
    first: dict[int, int] = {}
    keys = _keys(known)
    for number, key in enumerate(keys):
        first.setdefault(key, number)
    twins = 1 - len(first) / len(keys) if len(keys) else 0.0
    shared = [
        n
        for n, key in enumerate(_keys(asked))
        if key in first and _equal(known, first[key], asked, n)
    ]
    share = len(shared) / max(1, len(asked[0]))
    if not shared:
        return
    many = share > MANY and share > BY_NATURE * twins
    yield found(
        f"{len(shared)} of {len(asked[0])} validation samples are among the training samples",
        severity=Severity.WARNING if many else Severity.INFO,
        evidence={
            "share": share,
            "equal rows in training": twins,
            "samples": shared[:8],
        },
        confidence=0.95,
    )


def _flat(arrays: Sequence[Array]) -> list[Array] | None:
    """Each array as rows, one for each sample; None if there are none, or they are too large."""
    count = len(arrays[0]) if arrays[0].ndim else 0
    if not count or any(a.ndim == 0 or len(a) != count for a in arrays):
        return None
    if sum(a.nbytes for a in arrays) > LARGEST:
        return None
    return [np.ascontiguousarray(a).reshape(count, -1) for a in arrays]


def _keys(arrays: Sequence[Array]) -> list[int]:
    """A number for each sample, the same for those that are equal."""
    return [hash(tuple(a[n].tobytes() for a in arrays)) for n in range(len(arrays[0]))]


def _equal(some: Sequence[Array], i: int, others: Sequence[Array], j: int) -> bool:
    return all(np.array_equal(a[i], b[j]) for a, b in zip(some, others, strict=True))
