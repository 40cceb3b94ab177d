"""Values that are computed while the graph is being made: they decide whether there is an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zincir.graph.node import Node


class _Computing:
    """What computes values, set by whoever knows how. It says whether they are those of the line
    that asks: of what is recorded, values belong to one call of many.
    """

    compute: Callable[[Sequence[Node]], bool] | None = None


COMPUTING = _Computing()


def at_once(*nodes: Node) -> Any:
    """Compute what may fail, unless something is being recorded: its error belongs to this line."""
    if COMPUTING.compute is not None:
        COMPUTING.compute(nodes)
    return nodes[0] if len(nodes) == 1 else nodes


def known(node: Node) -> Any:
    """The array of a node, computed at once; None while something is being recorded."""
    if COMPUTING.compute is None or not COMPUTING.compute((node,)):
        return None
    return node.value.array
