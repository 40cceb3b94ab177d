"""Nodes that passes make of others: each knows the entry of the computation that it comes from.

An error says the user's line by it, and a program that was found on disk says today's line, where
the node that was compiled had another one.
"""

from __future__ import annotations

from typing import Any

from zincir.graph.node import Node, Origin, spec_of
from zincir.graph.primitive import Attr, Primitive, Spec

_NONE = -1


class Derived(Node):
    """A node of a graph that is compiled. It takes no part in gradients."""

    __slots__ = ("entry",)

    def __init__(
        self,
        op: Primitive,
        inputs: tuple[Node, ...],
        attrs: tuple[Attr, ...],
        spec: Spec,
        origin: Origin,
        entry: int,
    ) -> None:
        super().__init__(op, inputs, attrs, spec, False, origin)
        self.entry = entry
        """The number, in the key of the snapshot, of what this was made of."""


def entry_of(node: Node) -> int | None:
    """The number of the entry that `node` comes from; None if no snapshot has it."""
    return node.entry if isinstance(node, Derived) and node.entry != _NONE else None


def derive(
    source: Node, op: Primitive, inputs: tuple[Node, ...], attrs: tuple[Any, ...] = ()
) -> Node:
    """A node in place of `source`, or of a part of it."""
    return derive_as(source, op, inputs, attrs, spec_of(op, inputs, attrs))


def derive_as(
    source: Node, op: Primitive, inputs: tuple[Node, ...], attrs: tuple[Any, ...], spec: Spec
) -> Node:
    """As `derive`, of a shape and type that are known."""
    entry = source.entry if isinstance(source, Derived) else _NONE
    return Derived(op, inputs, attrs, spec, source.origin, entry)


def rebuild(node: Node, inputs: tuple[Node, ...]) -> Node:
    """The same operation on other inputs (of the same shapes and types)."""
    if inputs == node.inputs:
        return node
    return derive_as(node, node.op, inputs, node.attrs, (node.shape, node.dtype))
