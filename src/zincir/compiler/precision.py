"""graph -> graph: what products read, rounded to bfloat16.

matmul(x, y) --> matmul(bfloat16(x), bfloat16(y)), in float32 all the same

The gradient's products are in the graph by then, and are rounded like all others. What is rounded
is stored in float32: see `docs/decisions/010-bfloat16-is-rounding.md`.
"""

from __future__ import annotations

import warnings

from zincir.compiler.snapshot import Graph
from zincir.errors import ArgumentError, explain
from zincir.graph.node import Node, describe, here
from zincir.graph.primitive import Kind
from zincir.graph.walk import rebuild, toposort
from zincir.ops.bfloat import bfloat16_p
from zincir.ops.source import const_p
from zincir.runtime import native
from zincir.types import float32, size

PRECISIONS = ("bf16",)
"""What `zincir.compile` may be asked for, besides float32."""

_PRODUCTS = (Kind.CONTRACTION, Kind.CONVOLUTION)
_PART = 4
"""All of a value is rounded, and not the view of it, if the view shows at least one part in so
many: then other views share it."""


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


def lacking(precision: str | None) -> str | None:
    """What this machine lacks to compute in `precision`, if it lacks anything."""
    if precision is None or native.target().multiplies_bfloat16:
        return None
    return "products of bfloat16 (avx512_bf16, amx_bf16)"


def warn_lacking(what: str) -> None:
    """Tell the user, at the line that calls a compiled function, that float32 is used."""
    text = explain(
        'zincir.compile(precision="bf16"): not on this machine; float32 is used',
        expected=f"a CPU with {what}",
        got=native.target().cpu,
    )
    warnings.warn(text, RuntimeWarning, stacklevel=4)


def rounded(graph: Graph) -> Graph:
    """The graph whose products of float32 read operands rounded to bfloat16."""
    rounder = _Rounder()
    new: dict[Node, Node] = {}
    for node in toposort(graph.outputs):
        inputs = tuple(new[x] for x in node.inputs)
        if node.op.kind in _PRODUCTS and node.dtype is float32:
            inputs = tuple(rounder.operand(x, node.op.kind) for x in inputs)
        new[node] = rebuild(node, inputs)
    return Graph([new[root] for root in graph.outputs], graph.inputs, graph.layouts)


class _Rounder:
    def __init__(self) -> None:
        self._known: dict[Node, Node] = {}

    def operand(self, x: Node, product: Kind) -> Node:
        """`x` rounded: behind its views, so that other views of the same value are, too.

        A convolution wants operands in an order of its own: what comes from outside is copied into
        that order anyway, and is rounded there.
        """
        views = [x]
        while views[-1].op.kind is Kind.VIEW:
            views.append(views[-1].inputs[0])
        base = views.pop()
        if base.op is const_p:
            return x  # 0, 1, -1, 2 or 0.5
        if base.op.kind is Kind.SOURCE and product is Kind.CONVOLUTION:
            return self._rounded(x)
        while views and size(base.shape) > _PART * size(views[0].shape):
            base = views.pop()
        y = self._rounded(base)
        for view in reversed(views):
            y = rebuild(view, (y,))
        return y

    def _rounded(self, x: Node) -> Node:
        if x.op is bfloat16_p:
            return x
        if x not in self._known:
            spec = x.shape, x.dtype
            self._known[x] = Node(bfloat16_p, (x,), (), spec, False, x.origin)
        return self._known[x]
