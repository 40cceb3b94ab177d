"""The structure of a computation, apart from its data: what programs are found by.

Equal expressions over the same inputs become one when a program is built (in `simplify`), and not
when nodes are made, because two tensors with equal values are still two tensors to a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from zincir.compiler.derived import Derived, derive_as
from zincir.errors import GradientError, explain
from zincir.graph.node import Node, Origin, describe
from zincir.graph.primitive import Kind, Spec
from zincir.graph.show import show
from zincir.operations.movement import permute_p
from zincir.operations.source import const_p, leaf_p
from zincir.types import DType, Scalar, Shape

_PLAIN = (0.0, 1.0, -1.0, 2.0, 0.5)
"""Constants that programs may know; any other number is an input, and changes nothing."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph cut loose from live tensors: what passes work on."""

    outputs: list[Node]
    inputs: list[Node]
    """Leaves: first those that come from buffers, then the numbers."""
    layouts: dict[Node, tuple[int, ...]]
    """Strides (in elements) of the inputs that are not contiguous."""
    arranged: frozenset[Node] = frozenset()
    """Inputs that are stored in an order of axes that suits programs."""

    @property
    def graph(self) -> Graph:
        """Itself, as every stage has a graph."""
        return self

    def with_outputs(self, outputs: list[Node]) -> Graph:
        """Other nodes over the same inputs."""
        return replace(self, outputs=outputs)

    def show(self) -> str:
        return show(self.outputs)


@dataclass(slots=True)
class Snapshot:
    """A computation taken apart: its key, and the data it is to run on."""

    key: tuple[Any, ...]
    leaves: list[Node]
    numbers: list[tuple[Scalar, DType]]
    sources: list[Node]
    """The node of each entry."""

    def graph(self) -> Graph:
        """Build the graph that the key describes, of nodes that know their entries."""
        entries: tuple[tuple[Any, ...], ...] = self.key[0]
        outputs: tuple[tuple[int, Shape | None], ...] = self.key[1]
        arranged: set[Node] = set()
        inputs: dict[tuple[str, int], Node] = {}
        layouts: dict[Node, tuple[int, ...]] = {}
        built: list[Node] = []
        for number, (entry, source) in enumerate(zip(entries, self.sources, strict=True)):
            spec, at = (source.shape, source.dtype), (source.origin, number)
            if entry[0] == "leaf" or entry[0] == "number":
                order = entry[-1] if entry[0] == "leaf" else None
                stored = spec if order is None else _in_order(spec, order)
                node = inputs.setdefault(entry[:2], Derived(leaf_p, (), stored, stored, *at))
                if entry[0] == "leaf" and entry[-2] is not None:
                    layouts[node] = entry[-2]
                if order is not None:
                    arranged.add(node)
                    axes = tuple(sorted(range(len(order)), key=order.__getitem__))
                    node = Derived(permute_p, (node,), (axes,), spec, *at)
            else:
                op, attrs = entry[:2]
                places: tuple[int, ...] = entry[2:]
                xs = tuple([built[i] for i in places])
                node = Derived(op, xs, attrs, spec, *at)
            built.append(node)
        leaves = [inputs["leaf", i] for i in range(len(self.leaves))]
        numbers = [inputs["number", i] for i in range(len(self.numbers))]
        results: list[Node] = []
        for number, order in outputs:
            node = built[number]
            if order is not None:
                spec = _in_order((node.shape, node.dtype), order)
                node = derive_as(node, permute_p, (node,), (order,), spec)
            results.append(node)
        return Graph(results, leaves + numbers, layouts, frozenset(arranged))

    def origin(self, number: int) -> Origin:
        """The user's line of an entry."""
        return self.sources[number].origin


def _in_order(spec: Spec, order: Shape) -> Spec:
    shape, dtype = spec
    return tuple([shape[axis] for axis in order]), dtype


def snapshot(outputs: Sequence[Node], orders: Sequence[Shape | None] = ()) -> Snapshot:
    """Number the nodes above `outputs` by structure, stopping at known values.

    Args:
        orders: for each output the axes in the order in which it is to lie in memory.

    Raises:
        GradientError: a node's value is needed and can no longer be had.
    """
    taker = _Taker()
    taker.take(_reachable(outputs))
    orders = orders or (None,) * len(outputs)
    places = [taker.number[root] for root in outputs]
    key = (tuple(taker.entries), tuple(zip(places, orders, strict=True)))
    return Snapshot(key, taker.leaves, taker.numbers, taker.sources)


def structure(outputs: Sequence[Node]) -> tuple[Any, ...]:
    """What a computation is, in an order that follows from it alone: equal for equal ones.

    Returns:
        the operations, the numbers of the outputs among them, the leaves, the numbers.
    """
    taker = _Taker()
    taker.take(above(outputs))
    places = [taker.number[root] for root in outputs]
    return tuple(taker.entries), places, taker.leaves, taker.numbers


def above(outputs: Sequence[Node]) -> list[Node]:
    """Nodes from `outputs` up to known values, inputs first, in the order in which they are met."""
    order: list[Node] = []
    seen: set[Node] = set()
    for root in outputs:
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                if node.value is None:
                    stack += [(x, False) for x in reversed(node.inputs)]
    return order


def _reachable(outputs: Sequence[Node]) -> list[Node]:
    """The same nodes, in the order in which they were made."""
    seen = set(outputs)
    stack = list(seen)
    while stack:
        node = stack.pop()
        if node.value is None:
            for x in node.inputs:
                if x not in seen:
                    seen.add(x)
                    stack.append(x)
    return sorted(seen, key=_serial)


_serial = attrgetter("serial")


class _Taker:
    def __init__(self) -> None:
        self.number: dict[Node, int] = {}
        self.entries: list[tuple[Any, ...]] = []
        self.sources: list[Node] = []
        self.leaves: list[Node] = []
        self.numbers: list[tuple[Scalar, DType]] = []
        self._slots: dict[Any, int] = {}

    def take(self, order: Sequence[Node]) -> None:
        """Number nodes, given with inputs first."""
        number, alias = self.number, Kind.ALIAS
        entries, sources = self.entries, self.sources
        for node in order:
            inputs = node.inputs
            if node.value is not None:
                entry = self._leaf(node)
            elif len(inputs) == 2 and node.op.kind is not alias:
                x, y = inputs
                entry = (node.op, node.attrs, number[x], number[y])
            elif not inputs:
                entry = self._source(node)
            elif node.op.kind is alias:
                number[node] = number[inputs[0]]
                continue
            else:
                entry = (node.op, node.attrs, *[number[x] for x in inputs])
            number[node] = len(entries)
            entries.append(entry)
            sources.append(node)

    def _leaf(self, node: Node) -> tuple[Any, ...]:
        buffer = node.value
        slot = self._slots.setdefault((id(buffer), node.shape), len(self.leaves))
        if slot == len(self.leaves):
            self.leaves.append(node)
        return ("leaf", slot, node.shape, node.dtype, buffer.layout, buffer.order)

    def _source(self, node: Node) -> tuple[Any, ...]:
        if node.op is const_p:
            value, dtype = node.attrs
            if value in _PLAIN and not (value == 0 and math.copysign(1, value) < 0):
                return (const_p, node.attrs)
            slot = self._slots.setdefault((value, dtype), len(self.numbers))
            if slot == len(self.numbers):
                self.numbers.append((value, dtype))
            return ("number", slot, dtype)
        if node.op.kind is not Kind.INDEXED:
            raise GradientError(
                explain(
                    f"the value of {node!r} is needed and is gone",
                    where=describe(node.origin),
                    expected="a tensor that still holds the value it had then",
                    try_="compute it again, or keep a copy with clone()",
                )
            )
        return (node.op, node.attrs)
