"""Dropout of 1.0 drops everything: nothing gets through, and nothing is learnt behind it.

The probability of dropout says what is *dropped*: 0.0 is none, 0.5 is half of all, 1.0 is all.
With 1.0 the output is 0 for every input, its gradient is 0, and the layers before it never
change. Some libraries count what is kept instead.

When it is not this: from 0.5 on a dropout is strong, which is no error by itself.

References: Google's Machine Learning Crash Course on regularisation by dropout: 0.0 is none, 1.0
"drop out everything: the model learns nothing"; Srivastava et al. (2014), "Dropout".
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.course import Course
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.forms import is_number
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule


@rule(
    "S9",
    "dropout_everything",
    Severity.ERROR,
    reads=(Rehearsal, Course),
    cause="the share that is dropped was taken for the share that is kept, or a typing error",
    remedies=("a share to drop from 0.1 to 0.5; 1 - p if p was to be kept", "no dropout at all"),
)
def judge(seen: Rehearsal | Course, found: Found) -> Iterator[Finding]:
    if isinstance(seen, Course):
        for where, p in seen.dropouts.items():
            if p >= 1:
                yield _everything(found, p, where)
    else:
        yield from _before(seen, found)


def _everything(found: Found, p: float, where: str, origin: str = "") -> Finding:
    return found(
        f"dropout of {p} drops everything: the model learns nothing before it",
        where=where,
        origin=origin,
        evidence={"p": p},
    )


def _before(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    for call in seen.first.calls:
        p = getattr(call.module, "p", None)
        if "Dropout" in type(call.module).__name__ and isinstance(p, int | float) and p >= 1:
            origins = [seen.origin(t._node) for t in call.outputs]
            yield _everything(found, float(p), call.where, origins[0] if origins else "")
    leaves = {name for name, m in seen.model.named_modules() if not list(m.children())}
    for node in seen.first.body.order:  # dropout as a function
        if node.op.name != "mul" or not node.needs_grad:
            continue
        factor = seen.first.body.inputs[node][-1:]  # the node itself may have let go of them
        if not is_number(factor[0], 0.0):
            continue
        where = seen.names.layer(node.origin[2])
        if where not in leaves or where == "":
            yield found(
                "everything is multiplied by 0 here, as dropout of 1.0 does",
                where=where or seen.first.body.after.get(node, ""),
                origin=seen.origin(node),
            )
