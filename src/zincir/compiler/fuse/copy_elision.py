"""groups -> groups: values that are wanted inside a larger one are computed there, not copied.

A convolution reads its input padded with zeros, and `cat` puts values side by side. If
anything else reads such a value, it would be computed in one place and copied into another; but a
region of the larger one is as good a place as any, since all that reads it goes by strides.
"""

from __future__ import annotations

from dataclasses import replace

from zincir.compiler.access import Strided, reshape_strides, through
from zincir.compiler.fuse.group import Group, GroupKind, Groups
from zincir.compiler.options import Options
from zincir.compiler.rewrite.legalise import INLINE, Legal
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.operations.movement import expand_p, update_p
from zincir.operations.source import const_p
from zincir.types import Shape, contiguous_strides, size

_STRIDED = (GroupKind.NEST, GroupKind.MATMUL, GroupKind.TRANSFORM, GroupKind.ASSEMBLY)
"""Kinds of groups that write and read by strides."""
_SIDE_BY_SIDE = 16
"""Elements that have to lie side by side in the larger value."""


def is_padding(node: Node) -> bool:
    """Whether a value is another one with constants around it."""
    if node.op is not update_p or not set(node.attrs[1]) <= {1}:
        return False
    base = node.inputs[0]
    return base.op is expand_p and base.inputs[0].op is const_p


def copy_elision(given: Groups, options: Options) -> Groups:
    """Give what is part of a larger value its place there, where every reader can do with that."""
    placer = _Placer(given.legal.copy(), given.groups)
    for group in reversed(given.groups):
        node = group.node
        if group.kind is not GroupKind.ASSEMBLY or (node.op is update_p and not is_padding(node)):
            continue
        assert node.op.writes is not None
        regions = node.op.writes(*node.inputs, *node.attrs)
        for number, starts, steps, _ in regions[1:] if is_padding(node) else regions:
            placer.place(group, node, number, starts, steps)
    return replace(given, legal=placer.legal)


class _Placer:
    def __init__(self, legal: Legal, groups: tuple[Group, ...]) -> None:
        self.legal = legal
        self.groups = groups
        self.results = {legal.views[root].base for root in legal.graph.outputs}
        self.made_in = {node: group for group in groups for node in group.members}

    def place(self, group: Group, whole: Node, number: int, starts: Shape, steps: Shape) -> None:
        """Compute an operand of `whole` in its region, if that can be done."""
        legal, x = self.legal, whole.inputs[number]
        value = _materialised_value(legal, x)
        maker = None if value is None else self.made_in.get(value)
        if value is None or maker is None or value in legal.alias_of or value in self.results:
            return
        if value.op.kind not in INLINE and maker.kind is not GroupKind.ASSEMBLY:
            return
        readers = [g for g in self.groups if value in g.reads and g is not group]
        if any(g.kind not in _STRIDED for g in (maker, *readers)):
            return
        place = _inside(legal.views[whole], x, value, starts, steps)
        views = None if place is None else _seen_at(place, value, legal)
        if views is not None:
            legal.views.update(views)
            legal.alias_of[value] = whole, number


def _materialised_value(legal: Legal, x: Node) -> Node | None:
    """The value that `x` shows as it lies in memory, perhaps with other axes."""
    view = _view(legal, x)
    if view is None or view.offset or size(view.base.shape) != size(x.shape):
        return None
    mine, other = (
        [s for n, s in zip(x.shape, strides, strict=True) if n != 1]
        for strides in (view.strides, contiguous_strides(x.shape))
    )
    return view.base if mine == other else None


def _view(legal: Legal, node: Node) -> Strided | None:
    """What `node` shows of a buffer, even one that became a buffer after all views were noted."""
    view = legal.views.get(node)
    if view is None and node.op.kind is Kind.VIEW:
        inner = _view(legal, node.inputs[0])
        return None if inner is None else through(node, inner)
    return view


def _inside(whole: Strided, x: Node, value: Node, starts: Shape, steps: Shape) -> Strided | None:
    """Where the elements of `value` are if `x`, which shows it, is such a region of `whole`."""
    offset = whole.offset + sum(a * s for a, s in zip(starts, whole.strides, strict=True))
    strides = tuple(a * s for a, s in zip(steps, whole.strides, strict=True))
    mine = reshape_strides(x.shape, value.shape, strides)
    if mine is None:
        return None
    side_by_side = 1
    for n, stride in zip(reversed(value.shape), reversed(mine), strict=True):
        if n != 1 and stride == side_by_side:
            side_by_side *= n
    return Strided(whole.base, offset, mine) if side_by_side >= _SIDE_BY_SIDE else None


def _seen_at(place: Strided, value: Node, legal: Legal) -> dict[Node, Strided] | None:
    """All views of `value`, if it is at `place`, if there are such."""
    found = {value: place}
    for node, view in legal.views.items():
        if view.base is value and node is not value:
            inner = found.get(node.inputs[0])
            moved = None if inner is None else through(node, inner)
            if moved is None:
                return None
            found[node] = moved
    return found
