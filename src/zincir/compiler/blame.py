"""The error that a failing pass becomes: it names the pass, the node at hand, the user's line."""

from __future__ import annotations

import traceback

from zincir.errors import CompileError, explain
from zincir.graph.node import Node, describe

_AT_HAND = ("node", "launch", "group")
"""Names under which passes hold what they are at; a launch or group has its own `node`."""


def blamed(title: str, error: Exception) -> CompileError:
    """What to raise in place of `error`, which a pass with this title has raised."""
    node = _at_hand(error)
    return CompileError(
        explain(
            f"{title} failed: {type(error).__name__}: {error}",
            where="" if node is None else f"{node!r}, made at {describe(node.origin)}",
            try_="please report it together with the function that was compiled",
        )
    )


def _at_hand(error: Exception) -> Node | None:
    """What the innermost function that is at a node calls so."""
    found: Node | None = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        for name in _AT_HAND:
            held = frame.f_locals.get(name)
            node = held if isinstance(held, Node) else getattr(held, "node", None)
            if isinstance(node, Node):
                found = node
                break
    return found
