"""The engine of those passes that rewrite a graph by rules, from the inputs down.

A rule is asked about one node, whose inputs are rewritten already, and answers with a better one or
with None. What it builds is rewritten by the same rules in its turn, and equal expressions become
one node. The passes differ in their rules alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from zincir.compiler.derived import derive, rebuild
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.graph.primitive import Kind, Primitive
from zincir.graph.walk import toposort
from zincir.operations.source import const_p

Build: TypeAlias = Callable[..., Node]
"""`build(op, inputs, *attrs)`: a rewritten node. With `stay=True` no `first` rule is asked."""


def rewrite(
    graph: Graph, rules: Rules, first: First | None = None, *, join_outputs: bool = False
) -> Graph:
    """The graph rewritten by `rules`.

    Args:
        first: a rule for all nodes but the outputs, which is asked before the others.
        join_outputs: whether an output and an equal value inside become one node. Only the last of
            these passes may do that, as what is inside moves more freely.
    """
    order = toposort(graph.outputs)
    rewriter = Rewriter(order, set(graph.outputs), rules, first, join_outputs=join_outputs)
    new: dict[Node, Node] = {}
    for node in order:
        new[node] = rewriter.rebuilt(node, tuple(new[n] for n in node.inputs))
    return graph.with_outputs([new[root] for root in graph.outputs])


class Rewriter:
    """What rules build with."""

    def __init__(
        self,
        order: list[Node],
        roots: set[Node],
        rules: Rules,
        first: First | None,
        *,
        join_outputs: bool,
    ) -> None:
        self._uses = Counter(n for node in order for n in node.inputs)
        self._roots = roots
        self._apart = set[Node]() if join_outputs else roots
        self._rules = rules
        self._first = first
        self._known: dict[tuple[Any, ...], Node] = {}

    def rebuilt(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        """The node, on rewritten inputs, as the rules have it."""
        if not inputs and node.op.kind is Kind.SOURCE and node.op is not const_p:
            return node
        if self._first is not None and node not in self._roots:
            moved = self._first(partial(self.build, node), node, inputs)
            if moved is not None:
                return moved
        return self._better(node, inputs)

    def _better(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        rule = self._rules.get(node.op) or self._rules.get(node.op.kind)
        single = bool(node.inputs) and self._uses[node.inputs[0]] == 1
        better = rule(self, node, inputs, single) if rule else None
        return better if better is not None else self._kept(node, inputs)

    def _kept(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        """The same operation, whose inputs have the shapes they had."""
        key = (node.op, inputs, node.attrs, node if node in self._apart else None)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = rebuild(node, inputs)
        return found

    def build(
        self, source: Node, op: Primitive, xs: tuple[Node, ...], *attrs: Any, stay: bool = False
    ) -> Node:
        """A node, rewritten in its turn."""
        node = self.make(source, op, xs, attrs)
        return self._better(node, xs) if stay else self.rebuilt(node, xs)

    def only_user(self, node: Node, k: int) -> bool:
        """Whether nothing but `node`, one of the nodes that are rewritten, uses its k-th input."""
        x = node.inputs[k]
        return self._uses[x] == 1 and x not in self._roots

    def make(
        self, source: Node, op: Primitive, inputs: tuple[Node, ...], attrs: tuple[Any, ...]
    ) -> Node:
        """A node equal to every other with the same op, inputs and attributes."""
        key = (op, inputs, attrs, source if source in self._apart else None)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = derive(source, op, inputs, attrs)
        return found


Rule: TypeAlias = Callable[[Rewriter, Node, tuple[Node, ...], bool], Node | None]
"""`rule(build, node, inputs, single)`; `single` says that nothing else uses the first input."""
Rules: TypeAlias = Mapping[Primitive | Kind, Rule]
First: TypeAlias = Callable[[Build, Node, tuple[Node, ...]], Node | None]
