"""graph -> graph: algebra on views and constants, and shared subexpressions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container
from functools import partial
from typing import Any

from zincir.compiler.rewrite.depthwise import shifted
from zincir.compiler.rewrite.memory_order import sunk
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.graph.primitive import Kind, Primitive
from zincir.graph.walk import toposort
from zincir.ops.arithmetic import cast_p, div_p, mul_p
from zincir.ops.contraction import matmul_p
from zincir.ops.convolution import convolution_p, framed
from zincir.ops.movement import expand_p, permute_p, reshape_p
from zincir.ops.source import const_p
from zincir.types import size

_LONG = 4096
_PIECES = 64


def simplify(graph: Graph) -> Graph:
    """Rewrite from the inputs down.

    mul(x, 1) --> x
    reshape(reshape(x)) --> reshape(x)
    permute(matmul(a, b)) --> matmul(b.T, a.T)
    relu(permute(x)) --> permute(relu(x))            see `layout`
    """
    uses = Counter(n for node in toposort(graph.outputs) for n in node.inputs)
    builder = _Rebuilder(uses, set(graph.outputs), graph.arranged)
    new: dict[Node, Node] = {}
    for node in toposort(graph.outputs):
        new[node] = builder.rebuilt(node, tuple(new[n] for n in node.inputs))
    return Graph([new[root] for root in graph.outputs], graph.inputs, graph.layouts)


class _Rebuilder:
    def __init__(self, uses: Counter[Node], roots: set[Node], arranged: Container[Node]) -> None:
        self._arranged = arranged
        self._uses = uses
        self._roots = roots
        self._known: dict[tuple[Any, ...], Node] = {}

    def rebuilt(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        if not inputs and node.op.kind is Kind.SOURCE and node.op is not const_p:
            return node
        if node not in self._roots:
            moved = sunk(partial(self.build, node), node, inputs, self._arranged)
            if moved is not None:
                return moved
        return self._better(node, inputs)

    def _better(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        rule = _reduction if node.op.kind is Kind.REDUCTION else _RULES.get(node.op)
        single = bool(node.inputs) and self._uses[node.inputs[0]] == 1
        better = rule(self, node, inputs, single) if rule else None
        return better if better is not None else self.make(node, node.op, inputs, node.attrs)

    def build(
        self, source: Node, op: Primitive, xs: tuple[Node, ...], *attrs: Any, stay: bool = False
    ) -> Node:
        """A node, simplified in its turn."""
        node = self.make(source, op, xs, attrs)
        return self._better(node, xs) if stay else self.rebuilt(node, xs)

    def make(
        self, source: Node, op: Primitive, inputs: tuple[Node, ...], attrs: tuple[Any, ...]
    ) -> Node:
        """A node equal to every other with the same op, inputs and attributes."""
        key = (op, inputs, attrs)
        if key not in self._known:
            spec = op.infer(*[(n.shape, n.dtype) for n in inputs], *attrs)
            self._known[key] = Node(op, inputs, attrs, spec, False, source.origin)
        return self._known[key]


Rule = Callable[[_Rebuilder, Node, tuple[Node, ...], bool], Node | None]


def _constant(node: Node) -> float | None:
    while node.op.kind is Kind.VIEW:
        node = node.inputs[0]
    return node.attrs[0] if node.op is const_p else None


def _mul(build: _Rebuilder, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    for one, x in (xs, xs[::-1]):
        if x.shape == node.shape and _constant(one) == 1:
            return x
    return None


def _div(build: _Rebuilder, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    x, y = xs
    return x if x.shape == node.shape and _constant(y) == 1 else None


def _cast(build: _Rebuilder, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    return xs[0] if xs[0].dtype is node.dtype else None


def _reshape(build: _Rebuilder, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    (x,) = xs
    if x.shape == node.shape:
        return x
    if x.op is reshape_p:
        return build.rebuilt(node, x.inputs)
    return None


def _expand(build: _Rebuilder, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    (x,) = xs
    if x.shape == node.shape:
        return x
    return build.rebuilt(node, x.inputs) if x.op is expand_p else None


def _permute(build: _Rebuilder, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
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


def _convolution(build: _Rebuilder, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    x, w = xs
    *rest, before, after = node.attrs
    none = (0,) * len(before)
    if before != none or after != none:
        x = _down_to(build, node, framed(x, before, after), x)
        return build.build(node, convolution_p, (x, w), *rest, none, none)
    return shifted(partial(build.build, node), node, xs)


def _down_to(build: _Rebuilder, node: Node, top: Node, x: Node) -> Node:
    """What was made of `x` alone, simplified."""
    if top is x:
        return x
    inputs = tuple(_down_to(build, node, n, x) for n in top.inputs)
    return build.build(node, top.op, inputs, *top.attrs)


def _reduction(build: _Rebuilder, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    (x,), (axes,) = xs, node.attrs
    axes = tuple(a for a in axes if x.shape[a] != 1)
    if not axes:
        return x
    if 0 in x.shape:
        # Nothing is read of an operand without elements: not even what is the same for them all.
        start = build.make(node, const_p, (), (node.op.neutral(node.dtype), node.dtype))
        return build.build(node, expand_p, (start,), node.shape)
    return _in_pieces(build, node, x, axes) or build.make(node, node.op, (x,), (axes,))


def _in_pieces(build: _Rebuilder, node: Node, x: Node, axes: tuple[int, ...]) -> Node | None:
    """Cut a long reduction to few results into pieces that threads can share.

    The cut follows from the shape alone, and so do the bits of the result.
    """
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


_RULES: dict[Primitive, Rule] = {
    mul_p: _mul,
    div_p: _div,
    cast_p: _cast,
    reshape_p: _reshape,
    expand_p: _expand,
    permute_p: _permute,
    convolution_p: _convolution,
}
