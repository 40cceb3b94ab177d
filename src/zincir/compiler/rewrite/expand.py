"""graph -> graph: an operation with several outputs becomes the graph that it stands for.

output(scan(state, xs), 0) --> tanh(tanh(state + xs[0]) + xs[1])
output(scan(state, xs), 0) --> output(rounds(state, xs), 0)[n], if it can be a loop of the program
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zincir.compiler.options import Options
from zincir.compiler.rewrite.rewriter import Rewriter, rewrite
from zincir.compiler.rewrite.rounds import as_rounds, is_loop
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.graph.walk import toposort
from zincir.loop.scan import scan_p
from zincir.operations.compound import specs_of


def expand(graph: Graph, options: Options) -> Graph:
    """See the module's description."""
    return _expanded(graph, loops=True)


def unroll(graph: Graph, options: Options) -> Graph:
    """As `expand`, without loops: for the body of a loop."""
    return _expanded(graph, loops=False)


def _expanded(graph: Graph, *, loops: bool) -> Graph:
    order = toposort(graph.outputs)
    if not any(node.op.kind is Kind.COMPOUND for node in order):
        return graph
    return rewrite(graph, {Kind.OUTPUT: _Expansion(order, loops=loops).output})


class _Expansion:
    def __init__(self, order: Sequence[Node], *, loops: bool) -> None:
        self._loops = loops
        self._outputs: dict[Node, Mapping[int, Node]] = {}
        """Of each compound operation that was met."""
        self._used: dict[Node, set[int]] = {}
        for node in order:
            if node.op.kind is Kind.OUTPUT:
                self._used.setdefault(node.inputs[0], set()).add(node.attrs[0])

    def output(
        self, build: Rewriter, node: Node, xs: tuple[Node, ...], single: bool
    ) -> Node | None:
        """The rule."""
        (whole,) = xs
        if whole.op.kind is Kind.LOOP:
            return None
        written = node.inputs[0]
        if written not in self._outputs:
            assert whole.op.expand is not None
            if whole.op is scan_p and self._loops and is_loop(whole):
                used = self._used.get(written) or range(len(specs_of(whole)))
                self._outputs[written] = as_rounds(build, whole, used)
            else:
                made = whole.op.expand(*whole.inputs, *whole.attrs)
                self._outputs[written] = dict(enumerate(_built(build, whole, made)))
        index: int = node.attrs[0]
        return self._outputs[written][index]


def _built(build: Rewriter, whole: Node, made: Sequence[Node]) -> list[Node]:
    """What was made of the inputs of `whole`, rewritten in its turn."""
    new: dict[Node, Node] = {x: x for x in whole.inputs}
    for node in toposort(made, lambda node: node not in new):
        inputs = tuple([new[x] for x in node.inputs])
        if node.op.kind is Kind.ALIAS:
            new[node] = inputs[0]
            continue
        new[node] = build.build(whole, node.op, inputs, *node.attrs)
    return [new[node] for node in made]
