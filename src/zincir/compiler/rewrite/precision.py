"""graph -> graph: what products read, rounded to bfloat16.

matmul(x, y) --> matmul(bfloat16(x), bfloat16(y))         rounded, in float32
matmul(x, y) --> matmul(pair(x', x''), pair(y', y''))     for processors with dot products

The gradient's products are in the graph by then, and are rounded like all others. A pair has a
number of the first half of the summed axis and one of the second: since the order of a sum is free,
pairs are made of neighbours in no layout, and are read like single numbers.
See `docs/decisions/010-bfloat16-is-rounding.md`.
"""

from __future__ import annotations

import warnings
from typing import Any

from zincir.compiler.access import blocks_of
from zincir.compiler.derived import derive, rebuild
from zincir.compiler.options import Options, Terms
from zincir.compiler.snapshot import Graph
from zincir.errors import ArgumentError, explain
from zincir.graph.node import Node, describe, here
from zincir.graph.primitive import Kind, Primitive
from zincir.graph.walk import toposort
from zincir.operations.bfloat import bfloat16_p, pair_p
from zincir.operations.movement import expand_p, permute_p, reshape_p, slice_p
from zincir.operations.source import const_p
from zincir.runtime.native import Target
from zincir.types import Shape, float32, size

PRECISIONS = ("bf16",)
"""What `zincir.compile` may be asked for, besides float32."""

_PART = 4
"""All of a value is rounded, and not the view of it, if the view shows at least one part in so
many: then other views share it."""
_FEWEST = 8
"""So many terms are worth being paired."""


def checked(precision: str | None) -> str | None:
    """`precision`, if there is such a one.

    Raises:
        ArgumentError: there is not.
    """
    if precision is None or precision in PRECISIONS:
        return precision
    raise ArgumentError(
        explain(
            "zincir.compile: unknown precision",
            where=describe(here()),
            expected=", ".join(map(repr, PRECISIONS)) + ", or None for float32",
            got=repr(precision),
        )
    )


def terms_of(precision: str | None, target: Target) -> Terms | None:
    """How a machine computes in `precision`; None for float32."""
    if precision is None or not target.multiplies_bfloat16:
        return None
    return "pairs" if target.pairs_bfloat16 else "rounded"


def warn_lacking(target: Target) -> None:
    """Tell the user, at the line that calls a compiled function, that float32 is used."""
    text = explain(
        'zincir.compile(precision="bf16"): not on this machine; float32 is used',
        expected="a CPU with products of bfloat16 (avx512_bf16, amx_bf16)",
        got=target.cpu,
    )
    warnings.warn(text, RuntimeWarning, stacklevel=5)


def precision(graph: Graph, options: Options) -> Graph:
    """The graph whose products of float32 read operands rounded to bfloat16, where asked for."""
    if options.terms is None:
        return graph
    rounder, new = _Rounder(graph), dict[Node, Node]()
    for node in toposort(graph.outputs):
        inputs = tuple(new[x] for x in node.inputs)
        if node.op.kind in (Kind.CONTRACTION, Kind.CONVOLUTION) and node.dtype is float32:
            inputs = rounder.operands(node, inputs, options.terms)
        new[node] = rebuild(node, inputs)
    return graph.with_outputs([new[root] for root in graph.outputs])


def _pairs_up(node: Node) -> bool:
    """Whether the terms of a product along its last summed axis make pairs."""
    x, w = node.inputs
    # Single channels are no products: see `depthwise`.
    thin = node.op.kind is Kind.CONVOLUTION and x.shape[-2] != 1 and w.shape[-1] == 1
    return x.shape[-1] % 2 == 0 and x.shape[-1] >= _FEWEST and not thin


def _made(op: Primitive, inputs: tuple[Node, ...], *attrs: Any) -> Node:
    return derive(inputs[0], op, inputs, attrs)


class _Rounder:
    """Rounds values behind their views, so that other views of the same value are rounded, too.

    A convolution wants operands in an order of its own: what comes from outside in another one is
    copied into that order anyway, and is rounded there.
    """

    def __init__(self, graph: Graph) -> None:
        self._arranged = graph.arranged
        self._rounded: dict[Node, Node] = {}
        self._paired: dict[tuple[Node, int], Node] = {}

    def operands(self, node: Node, inputs: tuple[Node, ...], terms: Terms) -> tuple[Node, ...]:
        """What a product reads instead of its `inputs`."""
        x, y = inputs
        kind = node.op.kind
        if terms == "pairs" and _pairs_up(node):
            return self.paired(x, x.ndim - 1, kind), self.paired(y, y.ndim - 2, kind)
        return self.rounded(x, kind), self.rounded(y, kind)

    def rounded(self, x: Node, product: Kind) -> Node:
        """`x` as bfloat16 in float32."""
        views = [x]
        while views[-1].op.kind is Kind.VIEW:
            views.append(views[-1].inputs[0])
        base = views.pop()
        if base.op is const_p:
            return x  # 0, 1, -1, 2 or 0.5
        if self._stays(base, product):
            base, views = x, []
        while views and size(base.shape) > _PART * size(views[0].shape):
            base = views.pop()
        y = base
        if base.op is not bfloat16_p:
            y = self._rounded.get(base) or _made(bfloat16_p, (base,))
            self._rounded[base] = y
        for view in reversed(views):
            y = rebuild(view, (y,))
        return y

    def paired(self, x: Node, axis: int, product: Kind) -> Node:
        """The first half of `x` along `axis` as pairs with the second."""
        if (x, axis) not in self._paired:
            base = x
            while base.op.kind is Kind.VIEW:
                base = base.inputs[0]
            stays = base is x or base.op is const_p or self._stays(base, product)
            made = None if stays else self._behind_view(x, axis, product)
            self._paired[x, axis] = made or _cut(x, axis)
        return self._paired[x, axis]

    def _stays(self, base: Node, product: Kind) -> bool:
        """Whether views of a value are to be read as they come."""
        outside = base.op.kind is Kind.SOURCE and base not in self._arranged
        return outside and product is Kind.CONVOLUTION

    def _behind_view(self, x: Node, axis: int, product: Kind) -> Node | None:
        """The view of a value that is paired, if the view leaves the axis as it is."""
        (inner,) = x.inputs
        at = _axis_behind(x, axis)
        if at is None or size(inner.shape) > _PART * size(x.shape):
            return None
        y, n = self.paired(inner, at, product), x.shape[axis] // 2
        if x.op is permute_p:
            return _made(permute_p, (y,), *x.attrs)
        if x.op is slice_p:
            starts, steps, sizes = x.attrs
            return _made(slice_p, (y,), starts, steps, _with(sizes, axis, n))
        return _made(x.op, (y,), _with(x.shape, axis, n))


def _axis_behind(x: Node, axis: int) -> int | None:
    """Which axis of its input a view shows as `axis`, whole and in order."""
    (inner,) = x.inputs
    if x.op is permute_p:
        return x.attrs[0][axis]
    if x.op is slice_p:
        starts, steps, sizes = x.attrs
        whole = starts[axis] == 0 and steps[axis] == 1 and sizes[axis] == inner.shape[axis]
        return axis if whole else None
    if x.op is expand_p:
        at = axis - x.ndim + inner.ndim
        return at if at >= 0 and inner.shape[at] == x.shape[axis] else None
    if x.op is reshape_p:
        for old, new in blocks_of(inner.shape, x.shape):
            if new == [axis] and len(old) == 1:
                return old[0]
    return None


def _cut(x: Node, axis: int) -> Node:
    n, ones = x.shape[axis] // 2, (1,) * x.ndim
    starts = ((0,) * x.ndim, _with((0,) * x.ndim, axis, n))
    halves = [_made(slice_p, (x,), start, ones, _with(x.shape, axis, n)) for start in starts]
    return _made(pair_p, (halves[0], halves[1]))


def _with(values: Shape, axis: int, value: int) -> Shape:
    return (*values[:axis], value, *values[axis + 1 :])
