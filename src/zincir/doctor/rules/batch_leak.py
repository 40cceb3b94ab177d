"""The output for one sample depends on the inputs of others.

Samples of a batch have nothing to do with each other. A `view` in place of a `transpose`, a
softmax or a mean over axis 0, mixes them; the net then learns from what it will not have when it
is asked.

Exact, by back-propagation to the input in evaluation mode: the derivative of one sample's output
with respect to every other sample must be 0.

When it is not this: BatchNorm mixes in training mode on purpose; it does not in evaluation mode.

References: Karpathy, "A Recipe for Training Neural Networks" (use backprop to chart
dependencies).
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule


@rule(
    "S19",
    "batch_leak",
    Severity.ERROR,
    reads=Rehearsal,
    cause="view where transpose was meant, or an operation along axis 0",
    remedies=(
        "transpose or permute in place of view",
        "dim=1 or dim=-1 in place of dim=0",
    ),
    explains=("missing_output_activation",),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    influence = seen.influence()
    if influence is None:
        return
    sample, others = influence
    if others.max() > 0:
        count = int((others > 0).sum())
        yield found(
            f"the output for sample {sample} depends on the inputs of {count} others",
            evidence={"largest derivative": float(others.max())},
        )
