"""Gradients die out on their way back through the net that nobody has trained yet.

What arrives at the first layer is less than a ten-thousandth of what arrives at the last. The
reasons and the remedies are those of T1, which looks at it during training.

When it is not this: residual and normalised nets keep gradients alive, however deep they are.
Adam and its kin divide gradients by their size: small ones alone do not slow them, so that their
bound is a millionth. Whether the layer learns is then seen in training (T1).

References: those of T1. AutoTrainer's bound (ICSE 2021) is 1e-3, for nets whose accuracy is low;
nobody knows that yet here, so that the bound is lower.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.depth import across_depth
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

RATIO = 1e-4
NOISE = 1e-6
"""The same, if steps do not depend on how large gradients are: below it, what arrives drowns in
rounding (float32 has 1e-7), and what Adam makes of it is noise of full length."""


@rule(
    "I3",
    "vanishing_gradient",
    Severity.WARNING,
    reads=Rehearsal,
    cause="slopes of sigmoid or tanh below 1, or small weights, multiplied through many layers",
    remedies=(
        "ReLU, GELU or SELU in place of sigmoid and tanh",
        "an initialisation that suits the activation: kaiming for ReLU, xavier for tanh",
        "BatchNorm or LayerNorm between the layers",
        "residual connections: x + layer(x)",
    ),
    explains=("vanishing_gradient", "learning_rate_too_low", "loss_not_decreasing"),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    bound = NOISE if seen.scale_free else RATIO
    yield from across_depth(seen, found, bound, grows=False)
