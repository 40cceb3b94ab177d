"""The only traversals of a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from zincir.graph.node import Node


def toposort(
    roots: Iterable[Node], enter: Callable[[Node], bool] = lambda node: True
) -> list[Node]:
    """All nodes reachable from `roots`, inputs before users, without recursion.

    A node for which `enter` is false is left out, with whatever only it leads to.
    """
    order: list[Node] = []
    seen: set[int] = set()
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
            continue
        if id(node) in seen or not enter(node):
            continue
        seen.add(id(node))
        stack.append((node, True))
        stack.extend((n, False) for n in reversed(node.inputs) if id(n) not in seen)
    return order


def rebuild(node: Node, inputs: tuple[Node, ...]) -> Node:
    """The same operation on other inputs (of the same shapes and types)."""
    if inputs == node.inputs:
        return node
    return Node(node.op, inputs, node.attrs, (node.shape, node.dtype), node.needs_grad, node.origin)
