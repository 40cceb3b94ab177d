"""The outputs do not depend on the inputs.

Whatever the net is shown, it answers the same: it can learn how frequent each answer is, and no
more. The input is lost on the way: multiplied by zero, overwritten, replaced by random numbers,
or all units of a layer are dead. Or all samples are the same from the start.

Exact: each sample is given the inputs of another one, in evaluation mode with the same random
numbers, and not one bit of the outputs changes; nor does it after a small step of all parameters
in a private copy, so that a last layer that begins at zero is not mistaken for this.

When it is not this: models that do not look at their input on purpose, such as a mean that is
learnt.

References: Karpathy, "A recipe for training neural networks" (2019): an input-independent
baseline; TheDeepChecker (TOSEM 2022), which trains twice and compares the losses.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.experiments import is_blind
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Array, Rehearsal
from zincir.doctor.rule import Found, rule


@rule(
    "I6",
    "ignores_input",
    Severity.ERROR,
    reads=Rehearsal,
    cause="the input is overwritten, multiplied by 0, or stopped by a layer that is all zero",
    remedies=(
        "look at what enters the first layer, and at the batch as the loader gives it",
        "look for the layer whose outputs are the same for all samples",
        "the initialisation that layers come with, if units are dead from the start",
    ),
    explains=("cannot_overfit_batch", "loss_not_decreasing"),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    if seen.problem is not None or not seen.parts or not is_blind(seen):
        return
    if seen.inputs and all(_same(x) for x in seen.inputs):
        yield found(
            f"all {seen.samples} samples of the batch are the same",
            evidence={"samples": seen.samples},
        )
        return
    first = next((p for p, a in seen.activities.items() if not a.spread > 0), None)
    yield found(
        "outputs do not change, to the bit, when each sample gets another one's inputs",
        where="" if first is None else first.where,
        origin="" if first is None else first.origin,
        evidence={"samples": seen.samples},
    )


def _same(x: Array) -> bool:
    return bool((x == x[:1]).all())
