"""Dropout leaves less than half of the units, and the net does not learn its training data.

Dropout is against learning by heart. What is dropped with p = 0.9 is nine tenths of what a layer
has to say, drawn anew in each step; scaling by ten keeps its mean and makes noise of the rest. A
net that cannot learn what it is shown is not one that learns by heart.

Reported if a layer drops more than half and the training suffers: the loss is no better than
guessing, or neither down nor coming down.

When it is not this: a strong dropout in a wide layer is usual (0.5 in those of VGG), and a loss
that is high in training and low in evaluation is what it is for. A p of 1 is S9.

References: Srivastava et al., "Dropout" (2014), who drop 0.5 in hidden layers and 0.2 of inputs;
UMLAUT (CHI 2021) warns above 0.5, without looking at the loss; "change dropout rate" is an operator
of DeepCrime (ISSTA 2021).
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.course import Course
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

STRONG = 0.5
STEPS = 100


@rule(
    "T18",
    "dropout_too_high",
    Severity.WARNING,
    reads=Course,
    cause="the share that is dropped was taken for the share that is kept, or a typing error",
    remedies=("a p of 0.1 to 0.5; 1 - p if p was to be kept", "no dropout, until the net learns"),
    explains=("loss_not_decreasing", "dead_relu"),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    if seen.steps < STEPS or not seen.harmed:
        return
    for where, p in seen.dropouts.items():
        if STRONG < p < 1:
            yield found(
                f"dropout of {p:.3g}, and the training suffers",
                where=where,
                step=0,
                evidence={"p": p},
                confidence=0.9,
            )
