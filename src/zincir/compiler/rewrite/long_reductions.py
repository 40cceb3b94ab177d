"""graph -> graph: long reductions to few results in pieces that threads can share.

sum(x[100000]) --> sum(sum(reshape(x, [50, 2000]), 1), 0)

The cut follows from the shape alone, and so do the bits of the result.
"""

from __future__ import annotations

from zincir.compiler.options import Options
from zincir.compiler.rewrite.rewriter import Rewriter, rewrite
from zincir.compiler.rewrite.simplify import ALGEBRA, reduction
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.operations.movement import reshape_p
from zincir.types import size

_LONG = 4096
_PIECES = 64


def long_reductions(graph: Graph, options: Options) -> Graph:
    """See the module's description."""
    rules = {**ALGEBRA, Kind.REDUCTION: _reduction}
    return rewrite(graph, rules, join_outputs=True)


def _reduction(build: Rewriter, node: Node, xs: tuple[Node, ...], single: bool) -> Node:
    made = reduction(build, node, xs, single)
    if made.op is not node.op or made is xs[0]:
        return made
    return _in_pieces(build, made, xs[0], made.attrs[0]) or made


def _in_pieces(build: Rewriter, node: Node, x: Node, axes: tuple[int, ...]) -> Node | None:
    inner = size(tuple(x.shape[a] for a in axes))
    axis = axes[0]
    if inner < _LONG or size(node.shape) * 8 > inner or size(node.shape) > 256:
        return None
    n = x.shape[axis]
    pieces = max(p for p in range(1, _PIECES + 1) if n % p == 0)
    if pieces == 1 or (len(axes) == 1 and pieces == n):
        return None
    if pieces == n:
        partial = build.make(node, node.op, (x,), (axes[1:],))
        return build.make(node, node.op, (partial,), (axes[:1],))
    cut = (*x.shape[:axis], pieces, n // pieces, *x.shape[axis + 1 :])
    split = build.rebuilt(build.make(node, reshape_p, (x,), (cut,)), (x,))
    shifted = tuple(a + 1 for a in axes)
    partial = build.make(node, node.op, (split,), (shifted,))
    total = build.make(node, node.op, (partial,), ((axis,),))
    flat = build.make(node, reshape_p, (total,), (node.shape,))
    return build.rebuilt(flat, (total,))
