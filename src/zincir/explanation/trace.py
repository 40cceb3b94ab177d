"""From a loss to its steps: values forward, gradients backward, and what links them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zincir.explanation.derivatives import MOST_LOCAL, Gradients, add_local, gradients_of
from zincir.explanation.naming import Names, layers_of, models_of, names_of
from zincir.explanation.private import Array, Private, private
from zincir.explanation.reading import Reading, reading
from zincir.explanation.steps import Chain
from zincir.explanation.trials import trials
from zincir.explanation.writer import Writer, role
from zincir.graph.node import Node, grad_mode
from zincir.interpret import interpret
from zincir.tensor import Tensor


@dataclass(frozen=True, eq=False)
class Traced:
    """A chain, and what it was made of.

    Attributes:
        gradients: by trained leaf, all of its gradient.
        numbers: by node, its step.
    """

    chain: Chain
    graph: Private
    gradients: dict[Node, Array]
    numbers: dict[Node, int]


def trace(loss: Tensor, names: Names | None = None) -> Traced:
    """All steps to a loss and back; see `Chain`. Nothing of the user's is changed."""
    graph = private(loss)
    models = models_of(graph)
    named = names_of(graph, names, models)
    with grad_mode(False):
        found = gradients_of(graph)
        if len(graph.order) <= MOST_LOCAL:
            add_local(graph, found)
        seen, gradients = _readings(graph, found)
    writer = Writer(graph, found, seen, named)
    tried = [] if len(graph.order) > MOST_LOCAL else trials(loss, graph, writer.number)
    chain = writer.chain(tried, layers_of(models))
    return Traced(chain, graph, gradients, writer.number)


def _readings(graph: Private, found: Gradients) -> tuple[dict[Node, Reading], dict[Node, Array]]:
    """Of all that is shown; and the gradients of what is trained, all of them."""
    wanted = dict.fromkeys(graph.order)
    wanted.update(dict.fromkeys([*found.of.values(), *found.added.values()]))
    wanted.update(dict.fromkeys(row for rows in found.local.values() for row in rows))
    seen: dict[Node, Reading] = {}
    trained: dict[Node, list[Node]] = {}
    for node in graph.order:
        if role(node) == "trained" and node in found.of:
            trained.setdefault(found.of[node], []).append(node)
    gradients: dict[Node, Array] = {}

    drawn = {*graph.order, *found.of.values()}

    def watch(node: Node, value: Any) -> None:
        for leaf_ in trained.get(node, ()):
            gradients[leaf_] = np.array(value)
        if node in wanted and not node.op.has_several:
            seen[node] = reading(value, drawn=node in drawn)

    with np.errstate(all="ignore"):
        interpret(list(wanted), graph.values, watch=watch)
    return seen, gradients
