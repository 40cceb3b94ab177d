"""Gives nodes their values. Everything that is looked at passes through here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zincir.graph.node import Node
from zincir.interpret import interpret
from zincir.runtime.buffer import Buffer


def evaluate(nodes: Sequence[Node]) -> None:
    """Compute the values of all `nodes`, in one program.

    Afterwards `node.value` is a `Buffer`; a node that takes no part in gradients lets go of its
    inputs.
    """
    wanted = [node for node in nodes if node.value is None]
    if not wanted:
        return
    for node, array in zip(wanted, interpret(wanted), strict=True):
        node.value = Buffer(np.array(array))
    for node in wanted:
        release(node)


def release(node: Node) -> None:
    """Let go of the graph behind a known value that no backward pass will want."""
    if not node.needs_grad or node.freed or not any(n.needs_grad for n in node.inputs):
        node.inputs = ()
