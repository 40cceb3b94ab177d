"""The loss at other values of what is trained, in float64, as gradients see it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from zincir.autograd import function, no_grad
from zincir.creation import from_numpy
from zincir.errors import GradientError, explain
from zincir.explanation.private import Array, Private
from zincir.explanation.several import part_of
from zincir.graph.node import Node, describe
from zincir.graph.primitive import Kind, Primitive
from zincir.graph.walk import toposort
from zincir.interpret import interpret
from zincir.tensor import Tensor

Called: TypeAlias = tuple[type[Any], tuple[Any, ...], dict[str, Any]]
"""A function with a gradient of its own, and what it was called with."""


@dataclass
class Calls:
    """Calls of functions with gradients of their own, by their names and the nodes they take."""

    found: dict[tuple[Any, ...], Called] = field(default_factory=dict[tuple[Any, ...], Called])

    def note(self, called: type[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep one of them."""
        nodes = [x._node for x in (*args, *kwargs.values()) if _is_wanted(x)]
        self.found[called.__name__, *map(id, nodes)] = called, args, kwargs

    def of(self, graph: Private, node: Node) -> Called | None:
        """The call that an output in a private graph belongs to."""
        part = part_of(node)
        assert part is not None
        return self.found.get((part.name, *(id(graph.original[x]) for x in part.operands)))


@contextmanager
def noted() -> Generator[Calls]:
    """Note each call inside."""
    calls = Calls()
    function.WATCHERS.append(calls.note)
    try:
        yield calls
    finally:
        function.WATCHERS.remove(calls.note)


def unseen(order: Sequence[Node]) -> list[Node]:
    """Outputs of users' functions whose values are not computed in the graph from all operands.

    Their forward passes leave it (by `numpy()`, or `item()`), or looked at what they return.
    """
    found: list[Node] = []
    for node in order:
        part = part_of(node)
        if part is None or not part.own:
            continue
        above = set(toposort([node.inputs[0]]))
        if not all(x in above for x in part.operands):
            found.append(node)
    return found


class LossElsewhere:
    """A function of the leaves of a private graph whose constants are still.

    Raises:
        GradientError: a user's function would have to be called again, and was not noted.
    """

    def __init__(self, graph: Private, calls: Calls | None = None) -> None:
        self._values = graph.leaves
        self._root = _with_calls(graph, calls or Calls())

    def at(self, node: Node, value: Array) -> float:
        """The loss where one leaf has another value."""
        with np.errstate(all="ignore"):
            (loss,) = interpret(
                [self._root], {**self._values, node: value}, double=True, halves=True
            )
        return float(np.asarray(loss).reshape(-1)[0])


def _with_calls(graph: Private, calls: Calls) -> Node:
    """The loss, computed by calls of users' functions where their values cannot be followed."""
    again = {*unseen(graph.order)}
    if not again:
        return graph.root
    made: dict[Node, Node] = {}
    for node in graph.order:
        spec = (node.shape, node.dtype)
        inputs = tuple(made[x] for x in node.inputs)
        if node in again:
            part = part_of(node)
            assert part is not None
            called = calls.of(graph, node)
            if called is None:
                raise _refused(node, part.name)
            attrs = (called, part.index)
            inputs = tuple(made[x] for x in part.operands)
            made[node] = Node(_CALLED, inputs, attrs, spec, False, node.origin)
        elif inputs == node.inputs:
            made[node] = node
        else:
            made[node] = Node(node.op, inputs, node.attrs, spec, False, node.origin)
    return made[graph.root]


def _refused(node: Node, name: str) -> GradientError:
    return GradientError(
        explain(
            f"explain.check: the forward pass of {name} cannot be followed",
            where=describe(node.origin),
            expected="operations on tensors, or a function that can be called again",
            got="values that were computed elsewhere (numpy(), item()), or looked at",
            try_=f"call {name} inside of the loss function",
        )
    )


def _run(*args: Any) -> Any:
    """The values of one output of a user's function, called with other values."""
    *arrays, (called, args_, kwargs), index = args
    values = iter(arrays)

    def instead(x: Any) -> Any:
        return from_numpy(np.array(next(values))) if _is_wanted(x) else x

    given = [instead(x) for x in args_]
    named = {name: instead(x) for name, x in kwargs.items()}
    with no_grad():
        made = called.apply(*given, **named)
    output = made[index] if isinstance(made, _TUPLE) else made
    return output.detach().numpy().astype(np.float64)


_TUPLE: Any = tuple  # a name that checks without narrowing
_CALLED = Primitive(
    "called",
    Kind.HOST,
    doc="An output of a user's function, which is called.",
    infer=lambda *specs: specs[0],
    numpy=_run,
    attrs=("called", "index"),
)


def _is_wanted(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad
