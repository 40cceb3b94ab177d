"""A graph of one's own: copied, so that whatever is done with it cannot be noticed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zincir.autograd.function import function_output
from zincir.errors import GradientError, explain
from zincir.evaluate import evaluate
from zincir.graph.node import Node, changed_at, describe, user_line
from zincir.graph.primitive import Kind
from zincir.graph.walk import toposort
from zincir.interpret import interpret
from zincir.operations.parts import imag_p, real_p
from zincir.operations.source import given_up_p, leaf_p, variable_p
from zincir.recording import CURRENT
from zincir.runtime.buffer import Buffer
from zincir.shared_value import current
from zincir.tensor import Tensor

Array = np.ndarray[Any, Any]


@dataclass
class Private:
    """A copy of the graph above a loss.

    Attributes:
        order: what the loss depends on, as it was computed; constants that need no gradient are one
            leaf each, however they were computed.
        original: by node of the copy.
        values: the arrays of its leaves, and of what had been computed already.
    """

    root: Node
    order: list[Node]
    original: dict[Node, Node]
    values: dict[Node, Array]

    @property
    def leaves(self) -> dict[Node, Array]:
        """The arrays of leaves alone."""
        return {node: array for node, array in self.values.items() if not node.inputs}


def private(loss: Tensor, *, still: bool = False) -> Private:
    """Copy the graph of a loss.

    Args:
        still: what somebody holds and no gradient passes through is a constant, one leaf, though
            it was computed from what is trained: as it is for gradients, and whether or not it was
            looked at, since the graph of what was looked at is gone. What forward of an
            `autograd.Function` computes is none.

    Raises:
        GradientError: it has no gradient, is not one real number, or a backward pass gave it up.
    """
    root = checked(loss)
    order = _used(root)
    inside = _inside_of_functions(order) if still else set[Node]()
    depends: set[Node] = set()
    for node in order:
        constant = still and node.owner is not None and node not in inside
        if node.needs_grad or (not constant and any(x in depends for x in node.inputs)):
            depends.add(node)
    ends = {n for n in depends if _is_end(n)}
    given = {x for n in depends - ends for x in n.inputs if x not in depends}
    for node in reversed(order):  # of a complex constant, not its parts are given
        if node in given and node.op in (real_p, imag_p) and node.value is None:
            given.discard(node)
            depends.add(node)
            given.update(node.inputs)
    _refuse_given_up(depends - ends)
    copies: dict[Node, Node] = {}
    values: dict[Node, Array] = {}
    known = _known([*given, *ends])
    looking = any(function_output(node) is not None for node in order)
    for node in order:
        if node not in depends and node not in given:
            continue
        leaf = node in given or node in ends
        spec = (node.shape, node.dtype)
        inputs = () if leaf else tuple(copies[x] for x in node.inputs)
        op, attrs = (leaf_p, spec) if leaf else (node.op, node.attrs)
        copies[node] = Node(op, inputs, attrs, spec, node.needs_grad, node.origin)
        if leaf:
            values[copies[node]] = known[node]
            if looking:
                copies[node].value = _kept(known[node])
        elif node.value is not None and not node.op.has_several:
            values[copies[node]] = node.value.array
    original = {copy: node for node, copy in copies.items()}
    return Private(copies[root], list(original), original, values)


def _inside_of_functions(order: list[Node]) -> set[Node]:
    """What was computed by forward of functions with a gradient of their own."""
    calls = [found for node in order if (found := function_output(node)) is not None]
    spans = {(call.began, call.core.serial) for call in calls}
    return {node for node in order if any(a < node.serial < b for a, b in spans)}


def _kept(array: Array) -> Buffer:
    """What nobody writes to, for `backward` of a user that looks at values."""
    buffer = Buffer(array)
    buffer.shared = True
    return buffer


def checked(loss: Any) -> Node:
    """The node of a loss that can be explained."""
    if not isinstance(loss, Tensor):
        raise GradientError(
            explain(
                "explain: not a tensor", where=user_line(), expected="the loss, a scalar tensor",
                got=type(loss).__name__, try_="explain(loss), not loss.item()",
            )
        )  # fmt: skip
    if CURRENT.recording is not None:
        raise GradientError(
            explain(
                "explain: inside of a compiled function", where=user_line(),
                try_="explain what the function is made of, outside of it",
            )
        )  # fmt: skip
    root = current(loss)
    if not root.needs_grad:
        raise GradientError(
            explain(
                "explain: this tensor has no gradient", where=user_line(),
                got=f"{root!r}, made at {describe(root.origin)}",
                try_="requires_grad=True on what is trained, before the loss is computed; not in "
                "no_grad",
            )
        )  # fmt: skip
    if any(n != 1 for n in root.shape) or root.dtype.is_complex:
        raise GradientError(
            explain(
                "explain: this tensor is not a scalar", where=user_line(),
                expected="one real number: a loss",
                got=f"{root.dtype.name}{list(root.shape)}, made at {describe(root.origin)}",
                try_="explain(loss.mean()) or explain(loss.sum())",
            )
        )  # fmt: skip
    return root


def _age(node: Node) -> int:
    return node.serial


def _used(root: Node) -> list[Node]:
    """What a loss is computed from, in order; of parameters not what they were made of.

    A parameter that was changed in place without gradients was made of what it had been.
    """
    order = sorted(toposort([root]), key=_age)
    used = {root}
    for node in reversed(order):
        if node in used and not _is_end(node):
            used.update(node.inputs)
    return [node for node in order if node in used]


def _is_end(node: Node) -> bool:
    """Whether gradients end here."""
    if node.op is leaf_p:
        return True
    return node.op is variable_p and bool(node.inputs) and not node.inputs[0].needs_grad


def _refuse_given_up(nodes: set[Node]) -> None:
    gone = [n for n in nodes if n.op is given_up_p or (n.freed and not n.inputs)]
    if gone:
        raise GradientError(
            explain(
                "explain: the graph of this loss was given up by a backward pass",
                where=describe(gone[0].origin),
                expected="a loss that still has its graph",
                try_="explain(loss) before loss.backward(), or loss.backward(retain_graph=True); "
                "of a compiled function, explain the loss of the function itself",
            )
        )


def _known(nodes: list[Node]) -> dict[Node, Array]:
    """Arrays of leaves. What was never computed is computed as all others would see it.

    That is by the compiler, and on a copy; what is only moved has no other bits in NumPy.
    """
    sources = [n.inputs[0] if n.value is None and n.op is variable_p else n for n in nodes]
    copies: dict[Node, Node] = {}
    computed: set[Node] = set()
    for node in toposort(sources):
        if node.value is not None:
            copies[node] = node
            continue
        inputs = tuple(copies[x] for x in node.inputs)
        spec = (node.shape, node.dtype)
        copies[node] = Node(node.op, inputs, node.attrs, spec, False, node.origin)
        if node.op.kind not in _MOVED or any(x in computed for x in node.inputs):
            computed.add(node)
    evaluate([copies[x] for x in dict.fromkeys(sources) if x in computed])
    arrays = interpret([copies[x] for x in sources])
    return dict(zip(nodes, arrays, strict=True))


_MOVED = frozenset({Kind.SOURCE, Kind.ALIAS, Kind.VIEW, Kind.ASSEMBLY, Kind.TAKE})


def changed_since(node: Node) -> str:
    """Where a tensor was changed in place since the graph read it; empty if it was not."""
    where = changed_at(node)
    if where is not None:
        return describe(where)
    home = node.home
    if home is not None and home[0].writes != home[1] and home[0].written_at is not None:
        return describe(home[0].written_at)
    return ""
