"""Values added up of parts that lie side by side are these parts, put together.

add(update(0, x, from 0), update(0, y, from 4)) --> cat(x, y)

So are the gradients of what was cut into parts, each of which was used.
"""

from __future__ import annotations

from zincir.compiler.rewrite.rewriter import Rewriter
from zincir.graph.node import Node
from zincir.operations.arithmetic import add_p
from zincir.operations.movement import cat_p, expand_p, update_p
from zincir.operations.source import const_p

_MOST = 16
"""Parts of a value."""


def put_together(build: Rewriter, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    """The rule for a sum."""
    parts = _parts(node.shape, xs)
    if parts is None:
        return None
    apart = [
        axis
        for axis in range(node.ndim)
        if any(p.shape[axis] != node.shape[axis] for p, _ in parts)
    ]
    if len(apart) != 1:
        return None
    (axis,) = apart
    parts.sort(key=lambda part: part[1][axis])
    end = 0
    for x, starts in parts:
        if starts[axis] != end:
            return None
        end += x.shape[axis]
    if end != node.shape[axis]:
        return None
    return build.build(node, cat_p, tuple([x for x, _ in parts]), axis)


def _parts(
    shape: tuple[int, ...], xs: tuple[Node, ...]
) -> list[tuple[Node, tuple[int, ...]]] | None:
    """What is added up, and from where on it stands among zeros; None if it does not."""
    found: list[tuple[Node, tuple[int, ...]]] = []
    stack = [*xs]
    while stack:
        x = stack.pop()
        if x.shape != shape or len(found) == _MOST:
            return None
        if x.op is add_p:
            stack += x.inputs
        elif x.op is update_p and _is_zero(x.inputs[0]) and set(x.attrs[1]) <= {1}:
            found.append((x.inputs[1], x.attrs[0]))
        else:
            return None
    return found


def _is_zero(x: Node) -> bool:
    while x.op is expand_p:
        x = x.inputs[0]
    return x.op is const_p and x.attrs[0] == 0
