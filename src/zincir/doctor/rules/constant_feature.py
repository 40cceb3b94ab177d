"""A feature is the same for every sample.

It tells nothing, and its weight is a second bias. Often a column that was filled in, or an index
that was cut.

When it is not this: corners of images are often black; only tables are looked at, and features
that are 0 throughout are taken for sparse ones.

References: TheDeepChecker (TOSEM 2022).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

FEWEST = 32


@rule(
    "S23",
    "constant_feature",
    Severity.INFO,
    reads=Rehearsal,
    cause="the data",
    remedies=("leave the column out",),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    for x in seen.inputs:
        if x.ndim != 2 or len(x) < FEWEST or x.dtype.kind != "f" or not np.isfinite(x).all():
            continue
        same = (x == x[0]).all(0) & (x[0] != 0) & (x[0] != x.min())
        if same.any():
            yield found(
                f"{int(same.sum())} of {x.shape[1]} features are constant",
                evidence={"features": np.flatnonzero(same)[:8].tolist()},
            )
