"""A graph as an attribute of a node: the body of a loop, say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zincir.errors import CompileError, explain
from zincir.graph.node import Node, apply, describe
from zincir.graph.primitive import Kind
from zincir.graph.show import show
from zincir.graph.walk import rebuild, toposort


class Subgraph:
    """A function of some values, as a graph; equal to one that computes the same in the same way.

    Args:
        parameters: leaves without values, which stand for what it will be called with.
        results: what it computes of them, and of nothing else but constants.

    Raises:
        CompileError: a result depends on another value.
    """

    __slots__ = ("_hash", "_order", "key", "parameters", "results")

    def __init__(self, parameters: Sequence[Node], results: Sequence[Node]) -> None:
        self.parameters = tuple(parameters)
        self.results = tuple(results)
        self._order = toposort([*self.parameters, *self.results])
        leaves = {parameter.op for parameter in self.parameters}
        for node in self._order:
            outside = node.value is not None or (node.op in leaves and node not in self.parameters)
            if outside:
                raise CompileError(
                    explain(
                        "a subgraph depends on a value that is none of its parameters",
                        where=describe(node.origin),
                        got=repr(node),
                        try_="make it a parameter, and give the value at each call",
                    )
                )
        number = {node: i for i, node in enumerate(self._order)}
        entries = [(n.op, n.attrs, *[number[x] for x in n.inputs]) for n in self._order]
        self.key: Any = (tuple(entries), tuple([number[n] for n in self.results]))
        """All that makes it what it is."""
        self._hash = hash(self.key)

    def __call__(self, *values: Node) -> tuple[Node, ...]:
        """The results for these values: nodes of the graph that they belong to."""
        new = dict(zip(self.parameters, values, strict=True))
        for node in self._order:
            if node not in new:
                inputs = [new[x] for x in node.inputs]
                new[node] = apply(node.op, *inputs, attrs=node.attrs) if inputs else node
        return tuple([new[node] for node in self.results])

    def without_aliases(self) -> Subgraph:
        """The same without names that matter to gradients alone."""
        new: dict[Node, Node] = {}
        for node in self._order:
            inputs = tuple([new[x] for x in node.inputs])
            new[node] = inputs[0] if node.op.kind is Kind.ALIAS else rebuild(node, inputs)
        return Subgraph(self.parameters, [new[x] for x in self.results])

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Subgraph) and self._hash == other._hash and self.key == other.key

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return show(self.results, self.parameters)
