"""The loss takes a softmax of what is a softmax (or a sigmoid) already.

`cross_entropy` expects logits: it takes the logarithm of their softmax itself. Given
probabilities, which lie between 0 and 1, it sees logits that differ by 1 at most. The net
trains, but slowly, and its loss cannot fall below ln(1 + (C - 1) / e): 0.313 for two classes,
1.461 for ten, 3.622 for a hundred, even if every answer is right. The loss before training is
near ln C as it should be, so that looking at it shows nothing.

`binary_cross_entropy_with_logits` takes the sigmoid itself in the same way: of probabilities it
cannot fall below 0.313 where the answer is yes, and 0.693 where it is no.

Two softmax with only views between them are found in the graph itself, whether they are layers
or written by hand; so are two sigmoids.

When it is not this: two log-softmax one after the other change nothing, and are not reported.

References: the argument above; https://github.com/pytorch/pytorch/issues/55902.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from zincir.doctor.course import Course
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule


@rule(
    "S1",
    "softmax_before_cross_entropy",
    Severity.ERROR,
    reads=(Rehearsal, Course),
    cause="cross_entropy takes logits and takes their softmax; probabilities differ by at most 1",
    remedies=(
        "remove the softmax (or sigmoid) at the end of the model; apply it to outputs when asked",
        "or keep it, take its logarithm (log_softmax) and use nll_loss",
    ),
)
def judge(seen: Rehearsal | Course, found: Found) -> Iterator[Finding]:
    for twice in seen.doubled:
        floor = math.log(1 + (twice.classes - 1) / math.e)
        yield found(
            f"the loss takes the {twice.outer} of a {twice.inner}: it cannot fall below "
            f"{floor:.3f}",
            where=twice.where,
            origin=twice.origin,
            evidence={"classes": twice.classes, "lowest loss": floor},
        )
