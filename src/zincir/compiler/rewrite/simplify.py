"""graph -> graph: algebra on constants, types and axes of size 1.

mul(x, 1) --> x
cast(x, its own type) --> x
sum(x[1, 5], axis 0) --> x
add(update(0, x, 0), update(0, y, 4)) --> cat(x, y)
add(x, scatter(0, index, rows)) --> scatter(x, index, rows)

Behind the pass that moves permutations, which needs to see every shape that the user made.
"""

from __future__ import annotations

from zincir.compiler.options import Options
from zincir.compiler.rewrite.few_rows import added, scaled, subtracted
from zincir.compiler.rewrite.rewriter import Rewriter, Rules, rewrite
from zincir.compiler.rewrite.side_by_side import put_together
from zincir.compiler.rewrite.views import VIEWS
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.operations.arithmetic import add_p, cast_p, div_p, mul_p, sub_p
from zincir.operations.movement import expand_p
from zincir.operations.source import const_p


def simplify(graph: Graph, options: Options) -> Graph:
    """See the module's description."""
    return rewrite(graph, ALGEBRA)


def _constant(node: Node) -> float | None:
    while node.op.kind is Kind.VIEW:
        node = node.inputs[0]
    return node.attrs[0] if node.op is const_p else None


def _mul(build: Rewriter, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    for one, x in (xs, xs[::-1]):
        if x.shape == node.shape and _constant(one) == 1:
            return x
    return scaled(build, node, xs)


def _add(build: Rewriter, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    return added(build, node, xs) or put_together(build, node, xs, single)


def _div(build: Rewriter, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    x, y = xs
    return x if x.shape == node.shape and _constant(y) == 1 else None


def _cast(build: Rewriter, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    return xs[0] if xs[0].dtype is node.dtype else None


def reduction(build: Rewriter, node: Node, xs: tuple[Node, ...], single: bool) -> Node:
    """Over axes longer than 1 alone; of no elements, what a sum begins with."""
    (x,), (axes,) = xs, node.attrs
    axes = tuple(a for a in axes if x.shape[a] != 1)
    if not axes:
        return x
    if 0 in x.shape:
        # Nothing is read of an operand without elements: not even what is the same for them all.
        start = build.make(node, const_p, (), (node.op.neutral(node.dtype), node.dtype))
        return build.build(node, expand_p, (start,), node.shape)
    return build.make(node, node.op, (x,), (axes,))


ALGEBRA: Rules = {
    **VIEWS,
    add_p: _add,
    sub_p: subtracted,
    mul_p: _mul,
    div_p: _div,
    cast_p: _cast,
    Kind.REDUCTION: reduction,
}
