"""The loss adds up the samples of a batch, and does not take their mean.

Its gradient grows with the batch: a learning rate that suits 32 samples is eight times too high
for 256, and the smaller last batch of an epoch counts less.

Read off the graph: the loss is a sum over an axis as long as the batch, and nothing divides it.

When it is not this: a sum over the places of one sample, with a mean over samples, stays as it
is.

References: TheDeepChecker (TOSEM 2022).
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.forms import bare, is_number
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule


@rule(
    "S22",
    "sum_reduction",
    Severity.INFO,
    reads=Rehearsal,
    cause="reduction='sum', or .sum() at the end of the loss",
    remedies=("reduction='mean', and the learning rate times the size of the batch",),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    end = None if seen.first.loss is None else bare(seen.first.loss._node)
    if end is None or not end.inputs or end.op.name != "sum" or seen.samples < 2:
        return
    if bare(end.inputs[0]).op.name in ("div", "mul") and is_number(bare(end.inputs[0]).inputs[1]):
        return
    widest = max((x.shape[0] for x in (end.inputs[0],) if x.ndim), default=0)
    if widest == seen.samples:
        yield found(
            f"the loss adds up {seen.samples} samples",
            origin=seen.origin(end),
            evidence={"samples": seen.samples, "loss": seen.loss},
        )
