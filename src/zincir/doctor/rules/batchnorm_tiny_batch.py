"""BatchNorm measures mean and deviation over too few values.

In training it normalises each channel by the mean and deviation of the batch. Of one value per
channel these are the value itself and 0, which PyTorch refuses; of a few they are noise, and the
running statistics that evaluation uses differ from what was trained with.

Counted are the values per channel: samples, times places in an image. The places of one image are
much alike, and of one or two images a channel's mean says more about these than about others:
that many samples are too few, however large they are.

When it is not this: large images make up for batches that are small, but not that small; BatchNorm
in evaluation mode uses its running statistics.

References: Wu and He, "Group Normalization" (2018), figure 1; torch-audit (8).
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

FEWEST = 8
"""Values per channel below which statistics are noise (torch-audit's bound)."""
PAIR = 2
"""Images of which statistics are noise: a ResNet-50 makes half as many errors more (Wu and He)."""


@rule(
    "S11",
    "batchnorm_tiny_batch",
    Severity.WARNING,
    reads=Rehearsal,
    cause="a batch that is too small for BatchNorm",
    remedies=(
        "larger batches",
        "GroupNorm or LayerNorm, which do not look at other samples",
        "BatchNorm in evaluation mode, if it was trained before",
    ),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    for call in seen.first.calls:
        if "BatchNorm" not in type(call.module).__name__ or not call.inputs:
            continue
        x = call.inputs[0]
        values = x.numel() // max(1, x.shape[1]) if x.ndim > 1 else 0
        if call.module.training and values and (values < FEWEST or len(x) <= PAIR):
            alike = f", all of {len(x)} sample{'s' * (len(x) > 1)}" if values >= FEWEST else ""
            yield found(
                f"BatchNorm measures over {values} values per channel{alike}",
                where=call.where,
                origin=seen.origin(call.outputs[0]._node) if call.outputs else "",
                evidence={"values per channel": values, "samples": len(x)},
                confidence=0.8,
            )
