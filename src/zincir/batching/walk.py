"""A graph rebuilt: with other leaves, or for many examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from zincir.batching.rules import examples, for_many
from zincir.errors import GradientError, explain
from zincir.graph.node import MODE, Node, apply, describe, grad_mode
from zincir.graph.primitive import Kind
from zincir.graph.walk import toposort
from zincir.operations.movement import cat, reshape, sum_
from zincir.operations.random import uniform_p
from zincir.operations.source import alias, custom, custom_p, leaf

Translate = Callable[[Any, Node], list[Any]]
"""Gradients of one custom node, given what computes them and the gradient that arrives."""


def dependents(roots: Iterable[Node], leaves: Iterable[Node]) -> list[Node]:
    """The nodes above `roots` that are computed from `leaves`, inputs before users."""
    found = set(leaves)
    order: list[Node] = []
    for node in toposort(roots):
        if node not in found and any(x in found for x in node.inputs):
            found.add(node)
            order.append(node)
    return order


def rebuilt(roots: Sequence[Node], other: Mapping[Node, Node]) -> list[Node]:
    """The same graph on other leaves, of the same shapes and types."""
    new = dict(other)
    for node in dependents(roots, other):
        inputs = [new.get(x, x) for x in node.inputs]

        def make(node: Node = node, inputs: list[Node] = inputs) -> Node:
            return apply(node.op, *inputs, attrs=node.attrs)

        def translate(backward: Any, g: Node) -> list[Any]:
            found = backward(g)
            there = [n for n in found if n is not None]
            again = iter(rebuilt(there, other))
            return [None if n is None else next(again) for n in found]

        new[node] = _again(node, make, inputs, translate)
    return [new.get(root, root) for root in roots]


def batched(
    roots: Sequence[Node], many: Mapping[Node, Node], count: int, drawn_since: int | None
) -> list[Node | None]:
    """The roots for many examples, along a new first axis; None for those that all have in common.

    Args:
        many: by the leaves that stand for one example, the values of all.
        count: how many there are.
        drawn_since: the number of a node: each example has random numbers of its own where they
            were drawn since.
    """
    new: dict[Node, Node] = dict(many)
    parts: dict[Node, list[Node]] = {}
    drawn = [n for n in toposort(roots) if n.op is uniform_p and drawn_since is not None]
    drawn = [n for n in drawn if n.serial > (drawn_since or 0)]
    for node in drawn:
        new[node] = for_many(node, [None], count)
    for node in dependents(roots, [*many, *drawn]):
        inputs = [new.get(x) for x in node.inputs]
        if node.op.kind is Kind.COMPOUND:
            with grad_mode(node.needs_grad):
                each = examples(node, inputs, count)
                parts[node] = [apply(node.op, *xs, attrs=node.attrs) for xs in each]
            continue
        if node.op.kind is Kind.OUTPUT:
            with grad_mode(node.needs_grad):
                rows = [apply(node.op, x, attrs=node.attrs) for x in parts[node.inputs[0]]]
                new[node] = cat([reshape(y, (1, *y.shape)) for y in rows], 0)
            continue

        def make(node: Node = node, inputs: list[Node | None] = inputs) -> Node:
            return for_many(node, inputs, count)

        def translate(
            backward: Any, g: Node, node: Node = node, inputs: list[Node | None] = inputs
        ) -> list[Any]:
            one = leaf(node.shape, node.dtype)
            found = backward(one)
            there = [n for n in found if n is not None]
            again = iter(batched(there, {**many, one: g}, count, drawn_since))
            spread = [None if n is None else next(again) for n in found]
            return [
                _summed(y, n, count) if own is None and n is not None else y
                for y, n, own in zip(spread, found, inputs[1:], strict=True)
            ]

        known = [x if b is None else b for x, b in zip(node.inputs, inputs, strict=True)]
        new[node] = _again(node, make, known, translate)
    return [new.get(root) for root in roots]


def _summed(many: Node | None, one: Node, count: int) -> Node:
    """The gradient of an input that all examples have in common."""
    return one * float(count) if many is None else reshape(sum_(many, (0,)), one.shape)


class _Elsewhere:
    """The gradient of a custom node, found for the node that it stands for, and brought over."""

    def __init__(self, node: Node, translate: Translate) -> None:
        self._node, self._translate = node, translate

    def backward(self, g: Node, y: Node, inputs: Sequence[Node]) -> list[Any]:
        """The gradients of the inputs."""
        call, node = self._node.attrs[0], self._node

        def backward(one: Node) -> list[Any]:
            return call.backward(one, node, node.inputs[1:])

        return self._translate(backward, g)


def _again(
    node: Node, make: Callable[[], Node], inputs: Sequence[Node], translate: Translate
) -> Node:
    """A node made anew, with gradients if it had them, at the line where it was made."""
    before, MODE.origin = MODE.origin, node.origin
    try:
        with grad_mode(node.needs_grad):
            if node.op is not custom_p:
                return make()
            if not any(x.needs_grad for x in inputs[1:]):
                return alias(inputs[0])
            if not type(node.attrs[0]).__module__.endswith("autograd.function"):
                return custom(inputs[0], tuple(inputs[1:]), _Elsewhere(node, translate))
        raise GradientError(
            explain(
                "a Function with a gradient of its own cannot be differentiated through func.vmap "
                "or func.grad from outside",
                where=describe(node.origin),
                try_="func.grad inside of func.vmap, or the function written with operations",
            )
        )
    finally:
        MODE.origin = before
