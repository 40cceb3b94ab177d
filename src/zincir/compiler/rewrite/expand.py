"""graph -> graph: an operation with several outputs becomes the graph that it stands for.

output(scan(state, xs), 0) --> tanh(tanh(state + xs[0]) + xs[1])
"""

from __future__ import annotations

from collections.abc import Sequence

from zincir.compiler.options import Options
from zincir.compiler.rewrite.rewriter import Rewriter, rewrite
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.graph.walk import toposort


def expand(graph: Graph, options: Options) -> Graph:
    """See the module's description."""
    if not any(node.op.kind is Kind.COMPOUND for node in toposort(graph.outputs)):
        return graph
    return rewrite(graph, {Kind.OUTPUT: _Expansion().output})


class _Expansion:
    def __init__(self) -> None:
        self._outputs: dict[Node, list[Node]] = {}
        """Of each compound operation that was met."""

    def output(self, build: Rewriter, node: Node, xs: tuple[Node, ...], single: bool) -> Node:
        """The rule."""
        (whole,) = xs
        if whole not in self._outputs:
            assert whole.op.expand is not None
            made = whole.op.expand(*whole.inputs, *whole.attrs)
            self._outputs[whole] = _built(build, whole, made)
        index: int = node.attrs[0]
        return self._outputs[whole][index]


def _built(build: Rewriter, whole: Node, made: Sequence[Node]) -> list[Node]:
    """What was made of the inputs of `whole`, rewritten in its turn."""
    new: dict[Node, Node] = {x: x for x in whole.inputs}
    for node in toposort(made, lambda node: node not in new):
        inputs = tuple([new[x] for x in node.inputs])
        new[node] = build.build(whole, node.op, inputs, *node.attrs)
    return [new[node] for node in made]
