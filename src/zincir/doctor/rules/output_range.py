"""Targets lie where the last activation cannot reach.

A ReLU gives nothing below 0, a sigmoid nothing outside of 0 and 1, a tanh nothing beyond -1 and
1. A net whose last layer is one of these cannot answer targets beyond; its error stays.

Read off the graph: an output that is an activation, compared with targets of the same shape.

When it is not this: targets at the very ends (0 and 1 for a sigmoid) can be approached.

References: DeepDiagnosis (ICSE 2022), TheDeepChecker (TOSEM 2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.forms import bare, rectified
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

RANGES = {"relu": (0.0, math.inf), "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}


@rule(
    "S3",
    "output_range",
    Severity.ERROR,
    reads=Rehearsal,
    cause="an activation at the end of a net that predicts numbers",
    remedies=(
        "a linear last layer",
        "targets scaled into the range of the activation",
    ),
    explains=("ignores_input", "dead_relu", "saturated_activation", "loss_not_decreasing"),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    if len(seen.first.outputs) != 1 or len(seen.targets) != 1:
        return
    node, target = bare(seen.first.outputs[0]._node), seen.targets[0]
    if target.dtype.kind != "f" or tuple(target.shape) != tuple(seen.first.outputs[0].shape):
        return
    name = "relu" if rectified(node) is not None else node.op.name
    if name not in RANGES or target.size == 0:
        return
    low, high = RANGES[name]
    beyond = (target < low) | (target > high)
    if beyond.any():
        yield found(
            f"{beyond.mean():.0%} of the targets lie outside of what {name} can give",
            where=seen.names.layer(node.origin[2]) or seen.head,
            origin=seen.origin(node),
            evidence={
                "smallest target": float(target.min()),
                "largest target": float(target.max()),
                "range": [low, high],
            },
        )
