"""All units of a layer begin alike, and stay alike.

If all rows of a weight are equal and get equal gradients, each step changes them equally:
however wide the layer is, it works as one unit. Zeros and other constants do this.

Both are looked at: the weights, and the gradients of a step. Equal is what differs by rounding
alone, measured by the largest gradient in the net: behind a LayerNorm of equal units nothing else
is left.

When it is not this: a last layer of zeros is fine, since its rows get different gradients; so is
a branch that begins at zero beside one that does not.

References: Glorot and Bengio (2010); CS231n, "Pitfall: all zero initialization".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

ROUNDING = 1e-6
"""Of the largest gradient: below it differences are chance."""


@rule(
    "S14",
    "symmetric_initialisation",
    Severity.ERROR,
    reads=Rehearsal,
    cause="a constant, or zeros, as initialisation",
    remedies=(
        "the initialisation the layer comes with",
        "kaiming_uniform_ for ReLU, xavier_uniform_ for tanh",
    ),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    sizes = [np.abs(p.gradient).max() for p in seen.parts if p.gradient is not None]
    rounding = ROUNDING * float(max(sizes, default=0.0))
    for part in seen.parts:
        if not part.reached or part.gradient is None or part.value.ndim < 2 or len(part.value) < 2:
            continue
        rows = part.value.reshape(len(part.value), -1)
        gradients = part.gradient.reshape(len(rows), -1)
        if (rows != rows[0]).any() or not np.allclose(
            gradients, gradients[0], rtol=1e-4, atol=rounding
        ):
            continue
        yield found(
            f"the {len(rows)} units of {part.name} begin alike and get equal gradients",
            where=part.where,
            evidence={"units": len(rows), "gradient": float(np.abs(gradients).max())},
        )
