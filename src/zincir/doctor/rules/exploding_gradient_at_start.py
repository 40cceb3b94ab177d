"""Gradients explode on their way back through the net that nobody has trained yet.

What arrives at the first layer is hundreds of times what arrives at the last. The reasons and
the remedies are those of T2, which looks at it during training.

When it is not this: nets whose first layers are narrow, or whose last ones are averaged over
many places, differ a little; the bound leaves room for that.

References: those of T2; AutoTrainer's bound (ICSE 2021) is 70, for gradients of weights.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.depth import across_depth
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

RATIO = 300.0


@rule(
    "I9",
    "exploding_gradient",
    Severity.WARNING,
    reads=Rehearsal,
    cause="weights that are too large for the depth",
    remedies=(
        "an initialisation that suits the activation: kaiming for ReLU, xavier for tanh",
        "BatchNorm or LayerNorm between the layers",
        "residual connections",
        "clipped gradients, and a learning rate that rises at the beginning",
    ),
    explains=("exploding_gradient",),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    yield from across_depth(seen, found, RATIO, grows=True)
