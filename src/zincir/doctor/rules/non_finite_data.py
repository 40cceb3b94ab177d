"""NaN or infinity in the data.

One NaN in a batch makes the loss NaN, then all gradients, then all parameters: nothing of the
training is left. Missing values in tables are read as NaN; divisions by a standard deviation of
0 and logarithms of 0 make infinities.

References: any; the place in the data is named.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule


@rule(
    "S18",
    "non_finite_data",
    Severity.ERROR,
    reads=Rehearsal,
    cause="missing values, or a division by 0 when data were prepared",
    remedies=(
        "drop the samples, or fill in: numpy.nan_to_num, the mean of the column",
        "scale with a standard deviation that is at least some small number",
    ),
    explains=("non_finite",),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    for name, arrays in (("inputs", seen.inputs), ("targets", seen.targets)):
        for array in arrays:
            if array.dtype.kind != "f" or np.isfinite(array).all():
                continue
            wrong = ~np.isfinite(array)
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            yield found(
                f"{array[place]} in the {name}: sample {place[0] if place else 0}, at {place}",
                evidence={
                    "NaN": int(np.isnan(array).sum()),
                    "infinite": int(np.isinf(array).sum()),
                    "of": array.size,
                },
            )
