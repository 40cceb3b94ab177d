"""Every node obeys its primitive: run after each pass when verification is on."""

from __future__ import annotations

from collections.abc import Iterable

from zincir.errors import CompileError, explain
from zincir.graph.node import Node, describe, spec_of
from zincir.graph.subgraph import Subgraph
from zincir.graph.walk import toposort


def verify(roots: Iterable[Node], during: str) -> None:
    """Check shapes and types of all nodes above `roots` against the primitives' own rules.

    Raises:
        CompileError: names the node, where it came from and the pass that left it so.
    """
    for node in toposort(roots):
        expected = spec_of(node.op, node.inputs, node.attrs)
        for attr in node.attrs:
            if isinstance(attr, Subgraph):
                verify(attr.results, during)
        if expected != (node.shape, node.dtype):
            raise CompileError(
                explain(
                    f"{during} left an invalid node: {node!r}",
                    where=describe(node.origin),
                    expected=f"{expected[1].name}{list(expected[0])}",
                    got=f"{node.dtype.name}{list(node.shape)}",
                )
            )
