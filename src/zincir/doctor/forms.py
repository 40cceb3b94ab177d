"""Forms that are recognised in a graph: softmax, ReLU, gates, what only moves elements.

A layer and a function written by hand look the same here, as both are made of nodes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from zincir.graph.node import Node, describe
from zincir.graph.primitive import Kind

Users: TypeAlias = Mapping[Node, Sequence[Node]]
_SAME = frozenset({"copy", "cast", "cast_exact"})
"""Operations that give each element as it is."""


def users_of(order: Iterable[Node]) -> dict[Node, list[Node]]:
    """By node: what is computed from it directly."""
    found: dict[Node, list[Node]] = {}
    for node in order:
        for x in dict.fromkeys(node.inputs):
            found.setdefault(x, []).append(node)
    return found


def bare(node: Node) -> Node:
    """What a node shows under another name, or in another shape.

    >>> import zincir
    >>> x = zincir.ones(2, 3).exp()
    >>> bare(x.view(3, 2).T._node) is x._node
    True
    """
    while node.inputs and (_moves(node) or node.op.name in _SAME):
        node = node.inputs[0]
    return node


def _moves(node: Node) -> bool:
    return node.op.kind is Kind.ALIAS or node.op.kind is Kind.VIEW


def shown_by(node: Node, users: Users) -> list[Node]:
    """What is computed from a node, seen through views and other names."""
    found: list[Node] = []
    stack = list(users.get(node, ()))
    while stack:
        user = stack.pop()
        if _moves(user) or user.op.name in _SAME:
            stack.extend(users.get(user, ()))
        else:
            found.append(user)
    return found


def is_number(node: Node, value: float | None = None) -> bool:
    """Whether a node is a constant number (this one)."""
    node = bare(node)
    if node.op.name != "const":
        return False
    return value is None or float(node.attrs[0]) == value


@dataclass(frozen=True)
class Softmax:
    """Exponentials divided by their sum, or the logarithm of that."""

    logits: Node
    """What the exponential is taken of, without the shift by the largest."""
    result: Node
    """The probabilities; of a logarithm, that of the sum."""
    logarithm: bool
    classes: int
    """How many exponentials are added up."""


def softmaxes(order: Sequence[Node], users: Users) -> list[Softmax]:
    """All softmax and log-softmax (or log-sum-exp) of a graph, in order.

    >>> import zincir
    >>> from zincir.graph.walk import toposort
    >>> x = zincir.ones(2, 3, requires_grad=True)
    >>> order = toposort([zincir.nn.functional.softmax(x, 1)._node])
    >>> [(found.logits is x._node, found.logarithm) for found in softmaxes(order, users_of(order))]
    [(True, False)]
    """
    found: list[Softmax] = []
    for node in order:
        power = bare(node.inputs[0]) if node.op.name == "sum" and node.inputs else node
        if power.op.name != "exp" or not power.inputs or power is node:
            continue
        logits = _unshifted(power.inputs[0])
        classes = math.prod(node.inputs[0].shape) // max(1, math.prod(node.shape))
        for user in shown_by(node, users):
            if user.op.name == "log":
                found.append(Softmax(logits, user, True, classes))
            elif user.op.name == "reciprocal":
                shares = [u for u in shown_by(user, users) if u.op.name == "mul"]
                found += [Softmax(logits, u, False, classes) for u in shares if _of(u, power)]
            elif user.op.name == "div" and _of(user, power):
                found.append(Softmax(logits, user, False, classes))
    return found


def labels_of(found: Softmax, users: Users) -> Node | None:
    """Where a cross-entropy has ones: (..., classes) true at each label; None if it has no labels.

    >>> import zincir
    >>> from zincir.graph.walk import toposort
    >>> x = zincir.ones(2, 3, requires_grad=True) * 1
    >>> loss = zincir.nn.functional.cross_entropy(x, zincir.tensor([2, 0]))
    >>> order = toposort([loss._node])
    >>> users = users_of(order)
    >>> labels_of(softmaxes(order, users)[0], users).shape
    (2, 3)
    """
    stack = shown_by(found.logits, users)
    while stack:
        user = stack.pop()
        if user.op.name == "sub":  # the shift by the largest, or by the logarithm of the sum
            stack += shown_by(user, users)
        elif user.op.name == "where" and user.inputs:
            hit = bare(user.inputs[0])
            if hit.op.name == "eq" and hit.ndim and hit.shape[-1] == found.classes:
                return hit
    return None


@dataclass(frozen=True)
class Doubled:
    """A log-softmax, or the logarithm of a sigmoid, of what is probabilities already."""

    inner: str
    """What made them: softmax or sigmoid."""
    classes: int
    where: str
    origin: str
    outer: str = "softmax"
    """What is taken of them once more."""


def doubled(
    order: Sequence[Node], users: Users, found: Sequence[Softmax], layer: Callable[[str], str]
) -> list[Doubled]:
    """Softmaxes and sigmoids that stand behind others; `layer` names the layer whose path a node
    has.
    """
    made = {s.result for s in found if not s.logarithm}
    twice: list[Doubled] = []

    def note(inner: Node, classes: int, outer: str) -> None:
        name = "sigmoid" if inner.op.name == "sigmoid" else "softmax"
        file, line, path = inner.origin
        twice.append(Doubled(name, classes, layer(path), describe((file, line, "")), outer))

    for outer in found:
        inner = bare(outer.logits)
        if outer.logarithm and (inner in made or inner.op.name == "sigmoid"):
            note(inner, outer.classes, "softmax")
    for node in order:
        inner = _logits_of_pairs(node, users)
        if inner is not None and (inner in made or inner.op.name == "sigmoid"):
            note(inner, 2, "sigmoid")
    return twice


def _logits_of_pairs(node: Node, users: Users) -> Node | None:
    """The logits of a binary cross-entropy: max(x, 0) - x * t + log(1 + exp(-|x|))."""
    if node.op.name != "log1p" or not node.inputs or bare(node.inputs[0]).op.name != "exp":
        return None
    sums = [user for user in shown_by(node, users) if user.op.name == "add"]
    if not any(bare(x).op.name == "sub" for user in sums for x in user.inputs):
        return None
    power = bare(node.inputs[0])
    size = bare(power.inputs[0]) if power.inputs else power
    if size.op.name != "where" or len(size.inputs) != 3 or bare(size.inputs[2]).op.name != "neg":
        return None
    return bare(size.inputs[1])


def _of(node: Node, power: Node) -> bool:
    """Whether one of the operands is this exponential, or one of the same."""
    operands = [bare(x) for x in node.inputs]
    return any(x is power or (x.op is power.op and x.inputs == power.inputs) for x in operands)


def _unshifted(node: Node) -> Node:
    node = bare(node)
    if node.op.name == "sub" and bare(node.inputs[1]).op.name in ("amax", "max", "const"):
        node = bare(node.inputs[0])
    return node


def rectified(node: Node) -> Node | None:
    """What a node is the positive part of, if it is that: ReLU, ReLU6, clamp(min=0), maximum.

    >>> import zincir
    >>> x = zincir.ones(2, requires_grad=True) * 3
    >>> [rectified(y._node) is x._node for y in (x.relu(), x.clamp(min=0), x.tanh())]
    [True, True, False]
    """
    if node.op.name == "maximum":
        pairs = (node.inputs, node.inputs[::-1])
        return next((x for x, zero in pairs if is_number(zero, 0.0)), None)
    if node.op.name != "where":
        return None
    condition, chosen, other = node.inputs
    if len(condition.inputs) != 2 or not is_number(condition.inputs[1], 0.0):
        return None
    x = condition.inputs[0]
    if condition.op.name == "le" and is_number(chosen, 0.0):
        capped = other.op.name == "where" and other.inputs[2] is x  # ReLU6
        return x if other is x or capped else None
    if condition.op.name in ("ge", "gt") and chosen is x and _zero_or_detached(other):
        return x
    return None


def _zero_or_detached(node: Node) -> bool:
    """The rest of a clamp: 0 below the bound, and what has no gradient above it."""
    if is_number(node, 0.0):
        return True
    return node.op.name == "where" and is_number(node.inputs[1], 0.0) and not node.needs_grad


def is_gate(node: Node, users: Users) -> bool:
    """Whether an activation is a factor of something that is learnt, or a part of GELU."""
    for user in shown_by(node, users):
        others = [x for x in user.inputs if bare(x) is not node]
        if user.op.name == "mul" and any(x.needs_grad for x in others):
            return True
        if user.op.name in ("add", "sub") and any(is_number(x) for x in user.inputs):
            return True
    return False
