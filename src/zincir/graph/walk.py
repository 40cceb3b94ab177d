"""The only traversals of a graph, and of whatever else has an order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from zincir.graph.node import Node

T = TypeVar("T")


def toposort(roots: Iterable[Node], enter: Callable[[Node], bool] | None = None) -> list[Node]:
    """All nodes reachable from `roots`, inputs before users, without recursion.

    A node for which `enter` is false is left out, with whatever only it leads to.
    """
    order: list[Node] = []
    seen: set[Node] = set()
    begun: list[Node] = []
    stack: list[Node | None] = [*roots]
    stack.reverse()
    while stack:
        node = stack.pop()
        if node is None:  # everything above the node begun last is in order
            order.append(begun.pop())
            continue
        if node in seen or (enter is not None and not enter(node)):
            continue
        seen.add(node)
        if not node.inputs:
            order.append(node)
            continue
        begun.append(node)
        stack.append(None)
        stack.extend([n for n in reversed(node.inputs) if n not in seen])
    return order


def rebuild(node: Node, inputs: tuple[Node, ...]) -> Node:
    """The same operation on other inputs (of the same shapes and types)."""
    if inputs == node.inputs:
        return node
    return Node(node.op, inputs, node.attrs, (node.shape, node.dtype), node.needs_grad, node.origin)


def in_order(items: Iterable[T], before: Callable[[T], Iterable[T]]) -> list[T]:
    """`items`, each after those that `before` names, and otherwise as they come."""
    done: set[T] = set()
    order: list[T] = []
    stack = [(item, False) for item in reversed(list(items))]
    while stack:
        item, ready = stack.pop()
        if item in done:
            continue
        if ready:
            done.add(item)
            order.append(item)
            continue
        stack.append((item, True))
        stack.extend((x, False) for x in before(item) if x not in done)
    return order
