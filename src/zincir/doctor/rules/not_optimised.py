"""A parameter gets gradients, and no optimizer changes it; or its learning rate is 0.

Lists of parameters that are written by hand miss layers; layers that are made after the
optimizer are missed as well. The parameter keeps the value it was made with.

When it is not this: what is not to be trained has `requires_grad=False`, and is not reported. A
second optimizer may own the rest: give both, `checkup(model, loss, [one, other], batch)`.

References: https://github.com/facebookresearch/mmf/issues/104.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.course import Course
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule


@rule(
    "S8",
    "not_optimised",
    Severity.ERROR,
    reads=(Rehearsal, Course),
    cause="the optimizer was made from another list of parameters, or before the layer was",
    remedies=(
        "optimizer = SGD(model.parameters(), ...), after the model is complete",
        "optimizer.add_param_group({'params': [...]}) for what came later",
        "requires_grad_(False) for what is not to be trained",
    ),
)
def judge(seen: Rehearsal | Course, found: Found) -> Iterator[Finding]:
    if isinstance(seen, Course):
        yield from _in_training(seen, found)
    else:
        yield from _before(seen, found)


def _in_training(seen: Course, found: Found) -> Iterator[Finding]:
    """Of the optimizers that are watched: there may be others, so that it is a warning."""
    lost = [n for n in seen.trained if n not in seen.settings] if seen.optimizers else []
    for where in dict.fromkeys(n.rpartition(".")[0] for n in lost):
        names = [n for n in lost if n.rpartition(".")[0] == where]
        yield found(
            f"in none of the optimizers that are watched: {', '.join(names)}",
            where=where,
            severity=Severity.WARNING,
            evidence={"parameters": len(names), "optimizers": seen.optimizers},
            confidence=0.9,
        )


def _before(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    groups = [group for optimizer in seen.optimizers for group in optimizer.param_groups]
    if not groups:
        return
    rates = {id(p): group.get("lr", 1.0) for group in groups for p in group["params"]}
    trained = [p for p in seen.parts if p.tensor.requires_grad]
    lost = [p for p in trained if id(p.tensor) not in rates]
    for where in dict.fromkeys(p.where for p in lost):
        names = ", ".join(p.name for p in lost if p.where == where)
        yield found(f"in no optimizer: {names}", where=where)
    still = [p for p in trained if float(rates.get(id(p.tensor), 1.0)) == 0]
    if still:
        yield found(
            f"the learning rate of {still[0].name} is 0",
            where=still[0].where,
            severity=Severity.WARNING,
            confidence=0.8,
            evidence={"parameters": len(still)},
            cause="a schedule that begins at 0, or a typing error",
        )
