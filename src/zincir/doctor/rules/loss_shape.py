"""Outputs and targets have shapes that the loss takes, and does not mean.

Outputs of shape (N, 1) against targets of shape (N,) are broadcast to N x N differences: each
output is compared with the targets of all samples, and the best answer is their mean. A
cross-entropy over one class is 0 whatever the net says.

In training, what a loss subtracts is looked at: it is a warning there, as it is not known what
are outputs and what targets.

When it is not this: losses that bring shapes together themselves, as CTC does.

References: the rules of broadcasting; Karpathy, "A Recipe for Training Neural Networks".
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import Course, head_of
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule


@rule(
    "S4",
    "loss_shape",
    Severity.ERROR,
    reads=(Rehearsal, Course),
    cause="a missing squeeze, or a loss for another task",
    remedies=(
        "outputs and targets of the same shape: outputs.squeeze(1), or y[:, None]",
        "binary_cross_entropy_with_logits for one output and two classes",
    ),
    explains=("loss_not_decreasing", "underfitting"),
)
def judge(seen: Rehearsal | Course, found: Found) -> Iterator[Finding]:
    if isinstance(seen, Course):
        for site, (shape, wanted) in seen.crossed.items():
            together = [shape[0], wanted[0]]
            yield found(
                f"outputs {list(shape)} and targets {list(wanted)} are broadcast to {together}",
                where=head_of(seen),
                origin=site,
                severity=Severity.WARNING,
                step=0,
                evidence={"outputs": list(shape), "targets": list(wanted), "compared": together},
            )
    else:
        yield from _before(seen, found)


def _before(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    single = any(s.logarithm and s.classes == 1 for s in seen.first.softmaxes)
    if seen.classes == 1 or (single and seen.loss == 0):
        yield found(
            "a cross-entropy over one class: it is 0 whatever the net says",
            where=seen.head,
            evidence={"classes": 1, "loss": seen.loss},
        )
    if len(seen.first.outputs) != 1 or len(seen.targets) != 1:
        return
    given, target = seen.first.outputs[0], seen.targets[0]
    shape, wanted = tuple(given.shape), tuple(target.shape)
    if target.dtype.kind != "f" or shape == wanted or given.numel() != target.size:
        return
    try:
        together = np.broadcast_shapes(shape, wanted)
    except ValueError:
        return
    mixes = [
        n for n in seen.first.body.order if n.op.name in ("sub", "mul") and n.shape == together
    ]
    if math.prod(together) > given.numel() and mixes:
        yield found(
            f"outputs {list(shape)} and targets {list(wanted)} are broadcast to {list(together)}",
            where=seen.head,
            origin=seen.origin(mixes[-1]),
            evidence={"outputs": list(shape), "targets": list(wanted), "compared": list(together)},
        )
