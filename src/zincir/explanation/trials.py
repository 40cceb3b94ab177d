"""What becomes of the loss if a parameter of one element is changed a little: tried."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from zincir.explanation.elsewhere import LossElsewhere, unseen
from zincir.explanation.private import Private, private
from zincir.explanation.steps import Trial
from zincir.graph.node import Node
from zincir.half import plain
from zincir.tensor import Tensor

MOST = 3


def trials(loss: Tensor, graph: Private, numbers: Mapping[Node, int]) -> list[Trial]:
    """A trial for some parameters; none if the forward pass of a user's function is not followed.

    Args:
        graph: of the loss; numbers: of its nodes, the steps.
    """
    single = [
        node
        for node in graph.order
        if not node.inputs and node.needs_grad and math.prod(node.shape) == 1
        and node.dtype.category == 2 and node in numbers
    ]  # fmt: skip
    if not single or unseen(graph.order):
        return []
    still = private(loss, still=True)
    copies = {original: node for node, original in still.original.items()}
    pairs = [(numbers[node], copies[graph.original[node]]) for node in single[:MOST]]
    return [*_tried(still, pairs)]


def _tried(graph: Private, pairs: list[tuple[int, Node]]) -> Iterator[Trial]:
    elsewhere = LossElsewhere(graph)
    for number, node in pairs:
        value = float(plain(graph.values[node]).reshape(-1)[0])
        size = max(1.0, abs(value))

        def at(there: float, node: Node = node) -> float:
            return elsewhere.at(node, np.full(node.shape, there))

        here, nearest = at(value), at(value + 1e-7 * size)
        for step in (1e-3, 1e-5):  # the first that is near enough for the slope to tell
            there = at(value + step * size)
            if (there - here) * (nearest - here) >= 0:
                yield Trial(number, value + step * size, there)
                break
