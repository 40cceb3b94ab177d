"""Dropout stays on in evaluation mode.

`nn.Dropout` is switched off by `model.eval()`. The function `dropout(x, p)` is not: it drops
unless it is told `training=False`. Predictions are then other ones each time, and measures are
those of a net of which half is missing.

Read off the graph of a pass in evaluation mode: a choice by random numbers.

When it is not this: models that draw on purpose, as variational autoencoders do, draw normal
numbers and add them.

References: https://github.com/pytorch/pytorch/issues/76383.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.forms import bare, is_number
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule


@rule(
    "S10",
    "wrong_mode",
    Severity.ERROR,
    reads=Rehearsal,
    cause="functional.dropout without training=self.training",
    remedies=(
        "functional.dropout(x, p, training=self.training)",
        "the layer nn.Dropout(p)",
    ),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    run = seen.again(training=False, with_loss=False)
    for node in run.body.order:
        if node.op.name != "where" or not node.inputs or len(node.inputs[0].inputs) != 2:
            continue
        drawn, bound = node.inputs[0].inputs
        if bare(drawn).op.name == "uniform" and is_number(bound):
            yield found(
                "numbers are dropped at random in evaluation mode too",
                where=seen.names.layer(node.origin[2]) or run.body.after.get(node, ""),
                origin=seen.origin(node),
            )
