"""What an optimizer makes of gradients: the other act, which beginners take for the same one."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from zincir.errors import ArgumentError, explain
from zincir.explanation.equations import WRITERS
from zincir.explanation.private import Private, private
from zincir.explanation.reading import Array, Reading, reading
from zincir.explanation.trace import Traced
from zincir.graph.node import Node, user_line
from zincir.half import converted, plain
from zincir.interpret import interpret
from zincir.optim import Optimizer
from zincir.tensor import Tensor, from_array
from zincir.types import bfloat16


@dataclass(frozen=True, eq=False)
class Update:
    """What became of one parameter.

    Attributes:
        step: its number in the chain.
        before, gradient, after: the old value, what back-propagation found, the new value.
        state: what the optimizer remembers of it, by name, before (None: nothing) and after.
        lines: the arithmetic with numbers, for parameters of one element; each line is one equation
            of the optimizer. Empty where this page has no words for them.
    """

    step: int
    name: str
    before: Reading
    gradient: Reading
    after: Reading
    state: Mapping[str, tuple[Reading | None, Reading]]
    lines: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class StepTaken:
    """A step that an optimizer would take, taken in private.

    Attributes:
        settings: such as `lr = 0.1`; those of the first group.
        formula: the optimizer's equations, from its documentation.
        loss_before, loss_after: on the same data, with the same random numbers.
    """

    optimizer: str
    settings: str
    formula: str
    updates: tuple[Update, ...]
    loss_before: float
    loss_after: float
    notices: tuple[str, ...]


def step_taken(loss: Tensor, traced: Traced, optimizer: Any) -> StepTaken:
    """Let a copy of an optimizer step on copies of the parameters.

    The loss after it is that of the same graph at the new values: what was detached, or computed
    without gradients, stays what it was.

    Raises:
        ArgumentError: it is no optimizer, trains nothing that the loss depends on, or wants to be
            given a function that computes the loss again.
    """
    checked = _checked(optimizer)
    twin, triples = _twin(checked)
    found = _matched(traced, triples)
    if not found:
        raise ArgumentError(
            explain(
                "explain: the optimizer trains nothing that this loss was computed from",
                where=user_line(), expected="an optimizer of some of its parameters",
                got=f"{type(checked).__name__} of {len(triples)} others",
                try_=f"{type(checked).__name__}(model.parameters())",
            )
        )  # fmt: skip
    for _, mine, _ in triples:
        mine.grad = None
    gradients = _summed(traced, found)
    for node, g in gradients.items():  # its value may be another by now than it is in the graph
        mine = found[node][1]
        mine.data = from_array(np.array(traced.graph.values[node]))
        mine.grad = from_array(converted(g, node.dtype))
    before = {node: _state(twin, found[node][1]) for node in gradients}
    twin.step()
    stepped = {node: _numbers(found[node][1]) for node in gradients}
    updates = tuple(
        _update(traced, node, g, (before[node], _state(twin, found[node][1])), stepped[node], twin,
                found[node][2])
        for node, g in gradients.items()
    )  # fmt: skip
    still = private(loss, still=True)
    new = {traced.graph.original[node]: x for node, x in _moved(traced, found, stepped).items()}
    after = {
        node: new[still.original[node]] for node in still.leaves if still.original[node] in new
    }
    return StepTaken(
        optimizer=type(checked).__name__,
        settings=_settings(twin.param_groups[0]),
        formula=_formula(type(checked)),
        updates=updates,
        loss_before=_loss(still, {}),
        loss_after=_loss(still, after),
        notices=tuple(_notices(traced, found, gradients, len(triples))),
    )


def _loss(graph: Private, moved: Mapping[Node, Array]) -> float:
    with np.errstate(all="ignore"):
        (loss,) = interpret([graph.root], {**graph.leaves, **moved})
    return float(plain(np.asarray(loss)).reshape(-1)[0])


def _summed(traced: Traced, found: Found) -> dict[Node, Array]:
    """The gradient of each parameter, by the last of its nodes: a change in place makes another."""
    sums: dict[int, tuple[Node, Array]] = {}
    for node in sorted(found, key=lambda node: traced.numbers[node]):
        before = sums.get(id(found[node][0]))
        g = plain(traced.gradients[node])
        sums[id(found[node][0])] = node, g if before is None else before[1] + g
    return dict(sums.values())


def _moved(traced: Traced, found: Found, stepped: Mapping[Node, Array]) -> dict[Node, Array]:
    """The values of all nodes of the parameters, each moved by the step."""
    values = {node: plain(traced.graph.values[node]) for node in found}
    steps = {id(found[node][0]): value - values[node] for node, value in stepped.items()}
    return {node: values[node] + steps[id(real)] for node, (real, _, _) in found.items()}


def _checked(optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            explain(
                "explain: optimizer is no optimizer", where=user_line(),
                got=type(optimizer).__name__, try_="zincir.optim.SGD(model.parameters(), lr=0.1)",
            )
        )  # fmt: skip
    if type(optimizer).__name__ == "LBFGS":
        raise ArgumentError(
            explain(
                "explain: LBFGS computes the loss several times in a step", where=user_line(),
                expected="an optimizer that steps along one gradient",
                try_="explain(loss) without optimizer=, or SGD and its like",
            )
        )  # fmt: skip
    return optimizer


Triple: TypeAlias = tuple[Tensor, Tensor, Mapping[str, Any]]
"""A parameter, its copy, and the group of settings that it belongs to."""
Found: TypeAlias = dict[Node, Triple]
"""By trained leaf of the graph."""


def _twin(optimizer: Optimizer) -> tuple[Any, list[Triple]]:
    """A copy without hooks, and its parameters beside the real ones."""
    hooks = [optimizer._hooks(moment) for moment in ("before_step", "after_step")]
    memo: dict[int, Any] = {id(each): {} for each in hooks}
    twin = copy.deepcopy(optimizer, memo)
    groups = zip(optimizer.param_groups, twin.param_groups, strict=True)
    return twin, [
        (real, mine, settings)
        for group, settings in groups
        for real, mine in zip(group["params"], settings["params"], strict=True)
    ]


def _matched(traced: Traced, triples: Sequence[Triple]) -> Found:
    by_id = {id(triple[0]): triple for triple in triples}
    found: Found = {}
    for node in traced.gradients:
        owner: Any = traced.graph.original[node].owner
        tensor = None if owner is None else owner()
        if tensor is not None and id(tensor) in by_id:
            found[node] = by_id[id(tensor)]
    return found


def _state(twin: Any, p: Tensor) -> dict[str, Array]:
    held: Any = twin.state.get(p, {})
    return {
        k: _numbers(v) for k, v in held.items()
        if isinstance(v, Tensor) and not k.startswith("_")
    }  # fmt: skip


def _update(
    traced: Traced,
    node: Node,
    g: Array,
    states: tuple[dict[str, Array], dict[str, Array]],
    after: Array,
    twin: Any,
    group: Mapping[str, Any],
) -> Update:
    before, state = states
    old = plain(traced.graph.values[node])
    name = traced.chain.step(traced.numbers[node]).name
    lines: Sequence[str] = ()
    if old.size == 1 and old.dtype.kind != "c":
        numbers = {k: float(v.reshape(-1)[0]) for k, v in before.items()}
        writer = WRITERS.get(type(twin).__name__)
        if writer is not None:
            lines, result = writer(name, _one(old), _one(g), numbers, group)
            if not math.isclose(result, _one(after), rel_tol=1e-4, abs_tol=1e-12):
                lines = ()
    return Update(
        traced.numbers[node],
        name,
        reading(traced.graph.values[node]),
        reading(converted(g, node.dtype)),
        reading(converted(after, node.dtype)),
        {k: (reading(before[k]) if k in before else None, reading(v)) for k, v in state.items()},
        tuple(lines),
    )


def _numbers(tensor: Tensor) -> Array:
    """Values as NumPy computes with them, and nobody else holds them."""
    tensor = tensor.detach()
    return np.array((tensor.float() if tensor.dtype is bfloat16 else tensor).numpy())


def _one(array: Array) -> float:
    return float(array.reshape(-1)[0])


def _settings(group: Mapping[str, Any]) -> str:
    shown = {k: v for k, v in group.items() if k not in ("params", "param_names", "initial_lr")}
    return ", ".join(f"{k} = {v}" for k, v in shown.items() if v is not None and v != 0)


def _formula(kind: type) -> str:
    """The equations in the documentation of an optimizer."""
    parts = (kind.__doc__ or "").split("```")
    if len(parts) < 3:
        return ""
    lines = [line.strip() for line in parts[1].strip("\n").splitlines()]
    return "\n".join(lines)


def _notices(
    traced: Traced, found: Found, gradients: Mapping[Node, Array], count: int
) -> list[str]:
    notices: list[str] = []
    if len(gradients) < count:
        notices.append(
            f"{count - len(gradients)} parameters of the optimizer get no gradient from this loss: "
            "they stay as they are"
        )
    for node, g in gradients.items():
        held = found[node][0]._grad
        there = None if held is None else _numbers(held)
        if there is not None and not np.allclose(there, g, 1e-3, 1e-6, equal_nan=True):
            name = traced.chain.step(traced.numbers[node]).name
            notices.append(
                f"{name}.grad holds another gradient than this one: added to it, or of an earlier "
                "loss. Shown is a step along this one alone; zero_grad() comes before backward()"
            )
            break
    return notices
