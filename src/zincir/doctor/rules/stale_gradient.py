"""Gradients are added to those of steps that are done: `zero_grad` is missing.

`backward` adds to what is in `.grad`. If nobody clears it after a step, the next step goes along
the sum of all gradients there ever were: a momentum that never forgets. Losses fall at first,
then swing, and often grow without bound.

Seen exactly, not from numbers: a backward pass adds to the very gradient that a step has used.

When it is not this: gradients that are added up over several batches *before* one step are not
reported. A loop that never clears them on purpose says so: `silence={"S6": "momentum by hand"}`.

References: https://github.com/pytorch/pytorch/issues/47175.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.course import Course
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

TIMES = 2
"""Seen so often: a loop may clear them once in a while."""


@rule(
    "S6",
    "stale_gradient",
    Severity.ERROR,
    reads=Course,
    cause="optimizer.zero_grad() is not called, or not in each round",
    remedies=(
        "optimizer.zero_grad() before each backward (or after each step)",
        "if gradients are to be added up over batches: clear them after the step all the same",
    ),
    explains=(
        "non_finite",
        "dead_relu",
        "learning_rate_too_high",
        "exploding_gradient",
        "saturated_activation",
        "oscillating_loss",
    ),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    stale = {name: (first, n) for name, (first, n) in seen.stale.items() if n >= TIMES}
    if not stale:
        return
    name, (first, times) = next(iter(stale.items()))
    yield found(
        "backward adds to gradients that a step has used already",
        where=name.rpartition(".")[0],
        step=first,
        evidence={"parameters": len(stale), "times": times},
    )
