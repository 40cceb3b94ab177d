"""Runs a graph with each primitive's NumPy twin: slow, obvious, and the oracle of the tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.graph.walk import toposort
from zincir.half import converted, plain
from zincir.operations.halves import moves, wide_attrs
from zincir.types import DType, bfloat16, complex64, complex128, float16, float32, float64

Watcher = Callable[[Node, Any], None]
Wide = Mapping[DType, DType]
"""Types, and those that are computed in instead of them."""

_NONE: Wide = {}
_SINGLE: Wide = {float32: float64, complex64: complex128}
_ALL: Wide = {**_SINGLE, float16: float64, bfloat16: float64}


def interpret(
    roots: Iterable[Node],
    values: Mapping[Node, Any] | None = None,
    *,
    double: bool = False,
    halves: bool = False,
    watch: Watcher | None = None,
) -> list[Any]:
    """The values of `roots` as NumPy arrays.

    Args:
        values: arrays for nodes (leaves, usually) that have none of their own.
        double: compute every float32 in float64, and every complex64 in complex128.
        halves: with `double`, halves in float64 too: nothing is rounded to them on the way.
        watch: called with each node and its value, in order of computation.
    """
    roots = list(roots)
    wide = _NONE if not double else _ALL if halves else _SINGLE
    known: dict[Node, Any] = {}
    given = values or {}
    order = toposort(roots, lambda n: True)
    left = Counter(x for node in order for x in node.inputs)
    left.update(roots)
    for node in order:
        if node in given:
            value = np.asarray(given[node])
        elif node.value is not None:
            value = node.value.array
        else:
            value = computed(node, [known[n] for n in node.inputs], wide)
        several = node.op.has_several
        known[node] = [_widen(x, wide) for x in value] if several else _widen(value, wide)
        if watch is not None:
            watch(node, known[node])
        for x in node.inputs:
            left[x] -= 1
            if not left[x]:
                del known[x]
    return [known[root] for root in roots]


def computed(node: Node, inputs: list[Any], wide: Wide = _NONE) -> Any:
    """The value of one node by its twin: an array, or several if it has several outputs."""
    attrs = node.attrs
    drawn = node.op.kind is Kind.INDEXED  # in the type that the numbers are drawn in
    half = _computes_halves(node) and (drawn or float16 not in wide)
    if half:
        inputs, attrs = [plain(x) for x in inputs], wide_attrs(attrs)
        inputs = [x.astype(np.float32) if x.dtype == np.float16 else x for x in inputs]
    if wide and not drawn:
        attrs = tuple(wide.get(attr, attr) if isinstance(attr, DType) else attr for attr in attrs)
    if node.op.has_several:
        return node.op.numpy(*inputs, *attrs)
    value = np.asarray(node.op.numpy(*inputs, *attrs))
    if value.shape != node.shape:
        value = np.broadcast_to(value, node.shape)
    narrow = not wide or (node.dtype.half and (drawn or node.dtype not in wide))
    if narrow and value.dtype != node.dtype.memory:
        value = converted(value, node.dtype)
    return value


def _computes_halves(node: Node) -> bool:
    half = node.dtype.half or any(x.dtype.half for x in node.inputs)
    return half and not moves(node.op, node.attrs)


def _widen(value: Any, wide: Wide) -> Any:
    for dtype, other in wide.items():
        if value.dtype == dtype.memory:
            return plain(value).astype(other.memory)
    return value
