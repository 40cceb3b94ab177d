"""Weight decay pulls at biases and at the factors of normalisations as well.

Decay keeps weights small, so that a net bends less. A bias bends nothing, and a factor of a
normalisation is 1 when it does nothing: pulled towards 0 it shrinks what passes. Most recipes
leave both out; what is won by it is small, so that this is worth knowing and no more.

Read off the optimizer: a group with weight decay that holds parameters of one axis, or tables of
an embedding.

When it is not this: linear models, and decay so small that it does not matter.

References: He et al., "Bag of tricks for image classification" (2019), section 3.1; torch-audit.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule


@rule(
    "S15",
    "decay_everywhere",
    Severity.INFO,
    reads=Rehearsal,
    cause="one group of parameters for all",
    remedies=("two groups: {'params': weights}, and {'params': the others, 'weight_decay': 0.0}",),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    tables = {
        id(p)
        for m in seen.model.modules()
        if "Embedding" in type(m).__name__
        for p in m.parameters(recurse=False)
    }
    names = {id(p.tensor): p for p in seen.parts}
    pulled = [
        (names[id(p)], float(group["weight_decay"]))
        for optimizer in seen.optimizers
        for group in optimizer.param_groups
        if group.get("weight_decay")
        for p in group["params"]
        if id(p) in names and (p.ndim <= 1 or id(p) in tables)
    ]
    matrices = any(p.tensor.ndim >= 2 for p in seen.parts)
    if pulled and matrices and any(p.name.endswith("weight") for p, _ in pulled):
        part, decay = pulled[0]
        yield found(
            f"weight decay of {decay:g} on {len(pulled)} parameters that are no matrices",
            where=part.where,
            evidence={"weight decay": decay, "parameters": [p.name for p, _ in pulled]},
        )
