"""The structure of a computation, apart from its data: what programs are found by.

Equal expressions over the same inputs become one here (hash-consing). It happens now, and not when
nodes are made, because two tensors with equal values are still two tensors to a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from zincir.errors import GradientError, explain
from zincir.graph.node import Node, describe
from zincir.graph.primitive import Kind
from zincir.ops.source import const_p, leaf_p
from zincir.types import DType, Scalar

_PLAIN = (0.0, 1.0, -1.0, 2.0, 0.5)
"""Constants that programs may know; any other number is an input, and changes nothing."""


@dataclass(slots=True)
class Graph:
    """A graph cut loose from live tensors: what passes work on."""

    outputs: list[Node]
    inputs: list[Node]
    """Leaves: first those that come from buffers, then the numbers."""
    layouts: dict[Node, tuple[int, ...]]
    """Strides (in elements) of the inputs that are not contiguous."""


@dataclass(slots=True)
class Snapshot:
    """A computation taken apart: its key, and the data it is to run on."""

    key: tuple[Any, ...]
    leaves: list[Node]
    numbers: list[tuple[Scalar, DType]]
    _sources: list[Node]

    def graph(self) -> Graph:
        """Build the graph that the key describes."""
        entries, outputs = self.key
        leaves: list[Node] = []
        numbers: list[Node] = []
        layouts: dict[Node, tuple[int, ...]] = {}
        built: list[Node] = []
        for entry, source in zip(entries, self._sources, strict=True):
            spec = (source.shape, source.dtype)
            if entry[0] == "leaf":
                node = Node(leaf_p, (), spec, spec, False, source.origin)
                leaves.append(node)
                if entry[3] is not None:
                    layouts[node] = entry[3]
            elif entry[0] == "number":
                node = Node(leaf_p, (), spec, spec, False, source.origin)
                numbers.append(node)
            else:
                op, attrs, *inputs = entry
                node = Node(op, tuple(built[i] for i in inputs), attrs, spec, False, source.origin)
            built.append(node)
        return Graph([built[i] for i in outputs], leaves + numbers, layouts)


def snapshot(outputs: Sequence[Node]) -> Snapshot:
    """Number the nodes above `outputs` by structure, stopping at known values.

    Raises:
        GradientError: a node's value is needed and can no longer be had.
    """
    taker = _Taker()
    taker.take(_reachable(outputs))
    key = (tuple(taker.entries), tuple([taker.number[root] for root in outputs]))
    return Snapshot(key, taker.leaves, taker.numbers, taker.sources)


def _reachable(outputs: Sequence[Node]) -> list[Node]:
    """Nodes from `outputs` up to known values, inputs first."""
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
        self.by_entry: dict[tuple[Any, ...], int] = {}
        self.entries: list[tuple[Any, ...]] = []
        self.sources: list[Node] = []
        self.leaves: list[Node] = []
        self.numbers: list[tuple[Scalar, DType]] = []
        self._slots: dict[tuple[Any, ...], int] = {}

    def take(self, order: Sequence[Node]) -> None:
        """Number nodes, given with inputs first."""
        number, alias = self.number, Kind.ALIAS
        by_entry, entries, sources = self.by_entry, self.entries, self.sources
        for node in order:
            inputs = node.inputs
            if node.value is not None:
                number[node] = self._leaf(node)
            elif not inputs:
                number[node] = self._source(node)
            elif node.op.kind is alias:
                number[node] = number[inputs[0]]
            else:
                entry = (node.op, node.attrs, *[number[x] for x in inputs])
                found = by_entry.get(entry)
                if found is None:
                    found = by_entry[entry] = len(entries)
                    entries.append(entry)
                    sources.append(node)
                number[node] = found

    def _add(self, entry: tuple[Any, ...], node: Node) -> int:
        found = self.by_entry.get(entry)
        if found is None:
            found = self.by_entry[entry] = len(self.entries)
            self.entries.append(entry)
            self.sources.append(node)
        return found

    def _leaf(self, node: Node) -> int:
        buffer = node.value
        array = buffer.array
        layout = None
        if not array.flags.c_contiguous:
            size = array.itemsize
            layout = tuple(s // size for s in array.strides)
        slot = self._slots.get((id(buffer), array.shape, node.dtype, layout))
        if slot is None:
            slot = len(self.leaves)
            self._slots[id(buffer), array.shape, node.dtype, layout] = slot
            self.leaves.append(node)
        return self._add(("leaf", slot, (node.shape, node.dtype), layout), node)

    def _source(self, node: Node) -> int:
        if node.op is const_p:
            value, dtype = node.attrs
            if value in _PLAIN and not (value == 0 and math.copysign(1, value) < 0):
                return self._add((const_p, node.attrs), node)
            # By text, since NaN is not equal to itself and 0.0 is equal to -0.0.
            slot = self._slots.setdefault(("number", repr(value), dtype), len(self.numbers))
            if slot == len(self.numbers):
                self.numbers.append((value, dtype))
            return self._add(("number", slot, dtype), node)
        if node.op.kind is Kind.SOURCE or node.op.kind is not Kind.INDEXED:
            raise GradientError(
                explain(
                    f"the value of {node!r} is needed and is gone",
                    where=describe(node.origin),
                    expected="a tensor that still holds the value it had then",
                    try_="compute it again, or keep a copy with clone()",
                )
            )
        return self._add((node.op, node.attrs), node)
