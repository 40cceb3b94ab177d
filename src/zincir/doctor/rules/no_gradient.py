"""A parameter that is to be trained gets no gradient.

The loss does not depend on it through anything that gradients pass through. Either the layer is
not used in `forward`, or the way is cut: by `detach()`, `.item()`, a NumPy computation,
`no_grad`, or an operation without a gradient such as `argmax`. The parameter stays what it is.

That is read off the graph, so it is exact; where the way is cut, the line is named. In training it
is also said of gradients that arrive and are exactly 0 each time, and not since units are dead or
saturated: the slope of `sign` and `round` is 0.

When it is not this: layers that are frozen on purpose have `requires_grad=False`, and are not
reported. Parts of a net that some batches use and others do not may be silenced.

References: https://github.com/pytorch/pytorch/issues/55902 for why libraries without a graph
hesitate to say so; unused parameters are an error in PyTorch's DistributedDataParallel.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.course import Course
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule
from zincir.graph.node import Node

PROBED = 8
"""Steps that were looked at."""
ENDS = 0.99
"""The share of saturated values of every unit: then nothing comes through either."""


@rule(
    "S7",
    "no_gradient",
    Severity.ERROR,
    reads=(Rehearsal, Course),
    cause="the layer is not used, or the way from it to the loss is cut",
    remedies=(
        "use the layer in forward, and take what was computed without detach(), .item(), NumPy "
        "or no_grad",
        "freeze it with requires_grad_(False) if it is not to be trained",
    ),
)
def judge(seen: Rehearsal | Course, found: Found) -> Iterator[Finding]:
    if isinstance(seen, Course):
        yield from _in_training(seen, found)
    else:
        yield from _before(seen, found)


def _in_training(seen: Course, found: Found) -> Iterator[Finding]:
    """What no step has reached that was looked at: another one may, so that it is a warning."""
    held = [n for n in seen.trained if n in seen.settings]
    if held and not seen.used and seen.steps >= PROBED:
        yield found(
            f"no parameter had a gradient in any of {seen.steps} steps",
            evidence={"parameters": len(held), "backward passes": seen.passes},
            step=0,
        )
        return
    yield from _always_zero(seen, found)
    looked = len(seen.probed(PROBED))
    lost = [n for n in held if n not in seen.shapes]
    if looked < PROBED or not seen.shapes:
        return
    for where in dict.fromkeys(n.rpartition(".")[0] for n in lost):
        mine = [n for n in lost if n.rpartition(".")[0] == where]
        yield found(
            f"{', '.join(mine)} got no gradient in {looked} steps that were looked at",
            where=where,
            severity=Severity.WARNING,
            evidence={"parameters": len(mine), "numbers": sum(seen.trained[n] for n in mine)},
            confidence=0.9,
        )


def _always_zero(seen: Course, found: Found) -> Iterator[Finding]:
    """What gradients reach, and of which nothing is ever left, though not for dead units."""
    readings = seen.probed(PROBED)
    dead = any(death.dead.all() for death in seen.deaths.values())
    ends = any(a.saturated.min(initial=1.0) > ENDS for r in readings for a in r.places.values())
    if dead or ends or 1.0 in seen.dropouts.values():
        return
    gradients = [seen.gradients(r) for r in readings]
    known = [n for n in seen.weights if gradients and all(n in some for some in gradients)]
    still = [n for n in known if n in seen.settings and not any(some[n] for some in gradients)]
    if still and len(still) < len(known):
        where = still[-1].rpartition(".")[0]  # it lies behind the last of them
        yield found(
            f"the gradient of {still[-1]} is exactly 0 in all of {len(readings)} steps that were "
            "looked at",
            where=where,
            origin=seen.line(where),
            severity=Severity.WARNING,
            evidence={"weights": len(still), "layers": [n.rpartition(".")[0] for n in still]},
            cause="what comes behind it has the slope 0, as sign, round and floor have",
            remedies=(
                "a straight-through gradient: x + (x.sign() - x).detach()",
                "tanh in place of sign, and nothing in place of round while it is trained",
            ),
            confidence=0.9,
        )


def _before(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    trained = [p for p in seen.parts if p.tensor.requires_grad]
    lost = [p for p in trained if not p.reached]
    if seen.parts and not trained:
        yield found(
            f"none of the {len(seen.parts)} parameters is trained: requires_grad is False",
            evidence={"parameters": len(seen.parts)},
            cause="the whole model is frozen",
            remedies=("requires_grad_() on what is to be trained",),
        )
    if seen.first.loss is None or not trained:
        return
    cuts = _cuts(seen)
    layers = dict.fromkeys(p.where for p in lost)
    for where in layers:
        mine = [p for p in lost if p.where == where]
        cut = next((cuts[id(p.tensor)] for p in mine if id(p.tensor) in cuts), None)
        names = ", ".join(p.name for p in mine)
        how = "is not used by the loss"
        if cut is not None:
            how = f"is cut off at {cut.op.name}, which no gradient passes"
        yield found(
            f"{names} {how}",
            where=where,
            origin="" if cut is None else seen.origin(cut),
            evidence={"parameters": len(mine), "numbers": sum(p.tensor.numel() for p in mine)},
        )


def _cuts(seen: Rehearsal) -> dict[int, Node]:
    """By id of a parameter that is used: the last place behind it where gradients end."""
    carried: dict[Node, set[int]] = {}
    found: dict[int, Node] = {}
    own = {id(p.tensor) for p in seen.parts if not p.reached and p.tensor.requires_grad}
    for node in seen.first.body.order:
        tensor = None if node.owner is None else node.owner()
        mine: set[int] = {id(tensor)} & own
        inputs = seen.first.body.inputs[node]
        for x in inputs:
            mine |= carried.get(x, set())
        if node.dtype.category != 2:  # a comparison or an index: it chooses, no more
            mine = set()
        elif mine and inputs and not node.needs_grad:
            for key in mine:
                found[key] = node
            mine = set()
        carried[node] = mine
    return found
