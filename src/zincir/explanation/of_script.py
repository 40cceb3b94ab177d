"""The last loss that a script differentiated, kept while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from zincir import tensor_backward
from zincir.explanation.explain import explain
from zincir.explanation.explanation import Explanation
from zincir.graph.node import Node
from zincir.graph.walk import toposort
from zincir.operations.source import leaf_p, variable_p
from zincir.recording import CURRENT, changed_setting
from zincir.tensor import wrap


class LastLoss:
    """A context that keeps a copy of the graph of each scalar that is differentiated inside.

    A copy, since backward passes give graphs up. Functions that would be recorded are run as they
    are written, as recordings see no values.
    """

    def __init__(self) -> None:
        self._kept: Node | None = None
        self.passes = 0

    def __enter__(self) -> Self:
        tensor_backward.WATCHERS.append(self._keep)
        changed_setting()
        return self

    def __exit__(self, *_: object) -> None:
        if self._keep in tensor_backward.WATCHERS:
            tensor_backward.WATCHERS.remove(self._keep)
        changed_setting()

    def explained(self) -> Explanation | None:
        """The last one explained; None if there was none."""
        return None if self._kept is None else explain(wrap(self._kept))

    def _keep(self, outputs: Sequence[Node]) -> None:
        if CURRENT.recording is not None:
            CURRENT.recording.refuse("zincir explain looks at its losses")
            return
        root = outputs[0] if len(outputs) == 1 else None
        if root is None or any(n != 1 for n in root.shape) or root.dtype.is_complex:
            return
        self.passes += 1
        self._kept = _copied(root)


def _copied(root: Node) -> Node:
    """A graph as it is now: nodes that take part in gradients anew, others as they are."""
    copies: dict[Node, Any] = {}
    for node in toposort([root]):
        moving = any(copies[x] is not x for x in node.inputs)
        still = not (node.inputs and node.inputs[0].needs_grad)
        ends = node.op is leaf_p or (node.op is variable_p and still)
        if ends or not (node.needs_grad or moving):
            copies[node] = node
            continue
        inputs = tuple(copies[x] for x in node.inputs)
        spec = (node.shape, node.dtype)
        copy = Node(node.op, inputs, node.attrs, spec, node.needs_grad, node.origin)
        copy.owner, copy.value = node.owner, node.value
        copies[node] = copy
    copies[root].owner = None  # whoever wraps it holds it
    return copies[root]
