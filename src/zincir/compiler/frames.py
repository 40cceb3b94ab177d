"""A part of pass 3: values that are wanted inside a frame are computed there.

A convolution reads its input within a frame of zeros. If anything else reads the same value, it
would be computed in one place and copied into another; but the middle of the frame is as good a
place as any, since all that reads it goes by strides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from zincir.compiler.access import Strided, through
from zincir.compiler.legalise import INLINE, Legal
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.ops.movement import expand_p, update_p
from zincir.ops.source import const_p
from zincir.types import contiguous_strides

_STRIDED = ("nest", "matmul", "transform", "assembly")
"""Kinds of groups that write and read by strides."""


class Reader(Protocol):
    """What has to be known of a group: see `fuse.Group`."""

    kind: str
    members: list[Node]
    reads: set[Node]


def is_frame(node: Node) -> bool:
    """Whether a value is another one with constants around it."""
    if node.op is not update_p or not set(node.attrs[1]) <= {1}:
        return False
    base = node.inputs[0]
    return base.op is expand_p and base.inputs[0].op is const_p


def move_into_frames(legal: Legal, groups: Iterable[Reader]) -> None:
    """Give what is framed its place in the frame, where every reader can do with that."""
    groups = list(groups)
    results = {legal.views[root].base for root in legal.graph.outputs}
    made_in = {node: group for group in groups for node in group.members}
    for group in groups:
        frame = group.members[-1]
        if group.kind != "assembly" or not is_frame(frame):
            continue
        value = _whole_value(legal, frame.inputs[1])
        maker = made_in.get(value) if value is not None else None
        if value is None or maker is None or value in results or value.op.kind not in INLINE:
            continue
        readers = [g for g in groups if value in g.reads and g is not group]
        if any(g.kind not in _STRIDED for g in (maker, *readers)):
            continue
        views = _seen_in(frame, value, legal)
        if views is None:
            continue
        legal.views.update(views)
        legal.framed[frame] = value
        for reader in readers:
            reader.reads.remove(value)
            reader.reads.add(frame)


def _whole_value(legal: Legal, middle: Node) -> Node | None:
    """The value that `middle` shows, if it has the same axes but for some of size 1."""
    view = _view(legal, middle)
    if view is None or view.offset:
        return None
    value = view.base
    mine, other = (
        [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
        for shape, strides in (
            (middle.shape, view.strides),
            (value.shape, contiguous_strides(value.shape)),
        )
    )
    return value if mine == other else None


def _view(legal: Legal, node: Node) -> Strided | None:
    """What `node` shows of a buffer, even one that became a buffer after all views were noted."""
    view = legal.views.get(node)
    if view is None and node.op.kind is Kind.VIEW:
        inner = _view(legal, node.inputs[0])
        return None if inner is None else through(node, inner)
    return view


def _seen_in(frame: Node, value: Node, legal: Legal) -> dict[Node, Strided] | None:
    """All views of `value` as views of the frame, if there are such."""
    strides = contiguous_strides(frame.shape)
    offset = sum(a * s for a, s in zip(frame.attrs[0], strides, strict=True))
    longer = iter([s for n, s in zip(frame.inputs[1].shape, strides, strict=True) if n != 1])
    mine = tuple([0 if n == 1 else next(longer) for n in value.shape])
    found = {value: Strided(frame, offset, mine)}
    for node, view in legal.views.items():
        if view.base is value and node is not value:
            inner = found.get(node.inputs[0])
            moved = None if inner is None else through(node, inner)
            if moved is None:
                return None
            found[node] = moved
    return found
