"""Rules for views: one view of another is one view, and what shows all as it is is none.

reshape(reshape(x)) --> reshape(x)
permute(permute(x)) --> permute(x), or x
permute(matmul(a, b)) --> matmul(b.T, a.T)
"""

from __future__ import annotations

from zincir.compiler.rewrite.rewriter import Rewriter, Rules
from zincir.graph.node import Node
from zincir.operations.contraction import matmul_p
from zincir.operations.movement import expand_p, permute_p, reshape_p


def _reshape(build: Rewriter, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    (x,) = xs
    if x.shape == node.shape:
        return x
    if x.op is reshape_p:
        return build.rebuilt(node, x.inputs)
    return None


def _expand(build: Rewriter, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    (x,) = xs
    if x.shape == node.shape:
        return x
    return build.rebuilt(node, x.inputs) if x.op is expand_p else None


def _permute(build: Rewriter, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    (x,), (axes,) = xs, node.attrs
    if axes == tuple(range(len(axes))):
        return x
    if x.op is permute_p:
        inner = x.attrs[0]
        attrs = (tuple(inner[a] for a in axes),)
        again = build.make(node, permute_p, x.inputs, attrs)
        return build.rebuilt(again, x.inputs)
    last = len(axes)
    plain = x.op is matmul_p and x.attrs == (0,)
    if plain and single and axes == (*range(last - 2), last - 1, last - 2):
        a, b = (build.make(node, permute_p, (n,), (axes,)) for n in x.inputs)
        a, b = build.rebuilt(a, a.inputs), build.rebuilt(b, b.inputs)
        return build.make(x, matmul_p, (b, a), (0,))
    return None


VIEWS: Rules = {reshape_p: _reshape, expand_p: _expand, permute_p: _permute}
