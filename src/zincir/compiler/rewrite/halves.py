"""graph -> graph: float16 and bfloat16 are computed in float32, and rounded by each operation.

add(x, y) --> cast(add(cast(x, float32), cast(y, float32)), bfloat16)

What moves numbers without looking at them stays, and moves halves: take(cast(x)) --> cast(take(x)).
Sums and products of matrices add up in float32,
and are rounded once.
"""

from __future__ import annotations

from zincir.compiler.derived import derive, rebuild
from zincir.compiler.options import Options
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.graph.walk import toposort
from zincir.operations.arithmetic import cast_p
from zincir.operations.halves import moves, wide_attrs
from zincir.operations.source import const_p
from zincir.types import float32


def halves(graph: Graph, options: Options) -> Graph:
    """See the module's description."""
    order = toposort(graph.outputs)
    if not any(node.dtype.half for node in order):
        return graph
    new: dict[Node, Node] = {}
    widener = _Widener()
    for node in order:
        new[node] = widener.computed(node, tuple([new[x] for x in node.inputs]))
    return graph.with_outputs([new[root] for root in graph.outputs])


class _Widener:
    def __init__(self) -> None:
        self._wide: dict[Node, Node] = {}
        """What halves were widened to."""

    def computed(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        """A node over inputs that were rewritten already."""
        if node.op.kind in (Kind.LOOP, Kind.OUTPUT):  # what is inside has this pass of its own
            return rebuild(node, inputs)
        if inputs and _is_wide(inputs[0]):
            (inner,) = inputs[0].inputs
            if node.op is cast_p and node.dtype is inner.dtype:
                return inner
            if node.op.kind in (Kind.VIEW, Kind.TAKE):
                return self._widened(derive(node, node.op, (inner, *inputs[1:]), node.attrs))
        half = node.dtype.half or any([x.dtype.half for x in inputs])
        if not half or moves(node.op, node.attrs):
            return rebuild(node, inputs)
        wide = tuple([self._widened(x) for x in inputs])
        made = derive(node, node.op, wide, wide_attrs(node.attrs))
        return derive(node, cast_p, (made,), (node.dtype,)) if node.dtype.half else made

    def _widened(self, x: Node) -> Node:
        if not x.dtype.half:
            return x
        if x not in self._wide:
            self._wide[x] = (
                derive(x, const_p, (), (x.attrs[0], float32))
                if x.op is const_p
                else derive(x, cast_p, (x,), (float32,))
            )
        return self._wide[x]


def _is_wide(x: Node) -> bool:
    """Whether these are halves, as they are computed with."""
    return x.op is cast_p and x.dtype is float32 and x.inputs[0].dtype.half
