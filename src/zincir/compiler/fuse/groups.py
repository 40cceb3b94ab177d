"""graph -> groups: which values are computed in one loop nest.

A group has a domain (the sizes of its loops) and `inner` loops that its reductions fold. A value
joins the group of something it reads when it has the same domain, reads it at the same place, and
no value outside of the group lies between them.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.compiler.access import strided
from zincir.compiler.fuse.group import Group, GroupKind, Groups
from zincir.compiler.fuse.read import Read, own_address, reads
from zincir.compiler.options import Options
from zincir.compiler.rewrite.legalise import INLINE, Legal
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.graph.walk import in_order, toposort
from zincir.types import Shape, size

_CHEAP, _CHEAP_BROADCAST = 5, 2
"""Operations that are computed again rather than stored; fewer if each is used many times over."""
_BROADCAST = 4
"""A value is used many times over by one that has so many times its elements."""
_LONGEST = 60
"""Operations of an expression; of a longer one, what comes first is stored."""
_MOST_MEMBERS = 24
"""Of a group: more would not stay in registers."""
_LONE = {
    Kind.TRANSFORM: GroupKind.TRANSFORM,
    Kind.ASSEMBLY: GroupKind.ASSEMBLY,
    Kind.SCATTER: GroupKind.SCATTER,
    Kind.OUTPUT: GroupKind.LOOP,
    Kind.HOST: GroupKind.HOST,
    Kind.CONTRACTION: GroupKind.HOST,
}
"""What nothing else is computed with; products of integers among them."""


def fuse(given: Legal, options: Options) -> Groups:
    """See the module's description."""
    legal = given.copy()
    order = toposort(legal.graph.outputs)
    forced = legal.materialised | _keep_shared(legal, order)
    fuser = _Fuser(legal, order)
    for node in order:
        if legal.is_buffer(node) and node.op.kind is not Kind.SOURCE and size(node.shape):
            fuser.assign(node)
    _drop_internal(legal, fuser, forced)
    position = {node: i for i, node in enumerate(order)}
    for group in fuser.groups:
        group.members.sort(key=position.__getitem__)
    return Groups(legal, tuple(fuser.ordered()))


def _users(order: list[Node]) -> dict[Node, set[Node]]:
    """For each node, those that compute with it, perhaps through views."""
    users: dict[Node, set[Node]] = {}
    for node in order:
        if node.op.kind is not Kind.VIEW:
            for x in node.inputs:
                while x.op.kind is Kind.VIEW:
                    x = x.inputs[0]
                users.setdefault(x, set()).add(node)
    return users


def _keep_shared(legal: Legal, order: list[Node]) -> set[Node]:
    """Give a buffer to inline values that are used more than once and cost too much to repeat.

    Returns those that end an expression which would become too long otherwise.
    """
    cuts: set[Node] = set()
    users = _users(order)
    length: dict[Node, int] = {}
    cost: dict[Node, int] = {}
    for node in order:
        length[node] = cost[node] = 0
        if legal.is_buffer(node):
            continue
        for x in node.inputs:
            length[node] += length[x]
            if size(x.shape) * _BROADCAST > size(node.shape):
                cost[node] += cost[x]
        if node.op.kind not in INLINE:
            continue
        own = 10 if node.op.expensive else 2 if node.op.kind is Kind.TAKE else 1
        length[node] += own
        cost[node] += own
        uses = users.get(node, ())
        broadcast = any(size(u.shape) >= size(node.shape) * _BROADCAST for u in uses)
        if length[node] > _LONGEST:
            cuts.add(node)
        if node in cuts or (
            len(uses) > 1 and cost[node] > (_CHEAP_BROADCAST if broadcast else _CHEAP)
        ):
            legal.materialised.add(node)
            legal.views[node] = strided(node)
            length[node] = cost[node] = 0
    return cuts


class _Fuser:
    def __init__(self, legal: Legal, order: list[Node]) -> None:
        self.legal = legal
        self.position = {node: i for i, node in enumerate(order)}
        self.groups: dict[Group, int] = {}
        """In the order in which they were begun, which is what their numbers say."""
        self.group_of: dict[Node, Group] = {}
        self._loops: dict[Node, Group] = {}
        """The group of each loop's outputs."""
        self._known: dict[tuple[Node, GroupKind, Shape, frozenset[int]], list[Read] | None] = {}

    def _read(self, node: Node, group: Group) -> list[Read] | None:
        """What `node` reads if it is computed in a group of such a domain; None if it cannot be."""
        key = (node, group.kind, group.dims, group.inner)
        if key not in self._known:
            map_ = group.map_of(node)
            found = None if map_ is None else list(reads(self.legal, node, map_, len(group.dims)))
            self._known[key] = found
        return self._known[key]

    def assign(self, node: Node) -> None:
        group = self._new_group(node)
        if group.kind is GroupKind.NEST:
            for candidate in self._candidates(node, group):
                joined = self._join(node, group, candidate)
                if joined is not None:
                    group = joined
        if node not in group.members:
            group.members.append(node)
        group.reads |= set(self._buffers_read(node, group))
        at = self.position[node]
        group.span = min(group.span[0], at), max(group.span[1], at)
        self.group_of[node] = group
        self.groups.setdefault(group, at)

    def _new_group(self, node: Node) -> Group:
        kind = node.op.kind
        if kind is Kind.OUTPUT and node.inputs[0] in self._loops:
            return self._loops[node.inputs[0]]
        if kind is Kind.REDUCTION:
            x = node.inputs[0]
            longer = [k for k, n in enumerate(x.shape) if n != 1]
            inner = frozenset(longer.index(k) for k in node.attrs[0] if x.shape[k] != 1)
            return Group(GroupKind.NEST, tuple(x.shape[k] for k in longer), inner)
        if kind in INLINE:
            return Group(GroupKind.NEST, tuple(n for n in node.shape if n != 1), frozenset())
        if kind is Kind.CONTRACTION and node.dtype.category == 2:
            return Group(GroupKind.MATMUL, node.shape, frozenset())
        made = Group(_LONE[kind], node.shape, frozenset())
        if kind is Kind.OUTPUT:
            self._loops[node.inputs[0]] = made
        return made

    def _buffers_read(self, node: Node, group: Group) -> Iterator[Node]:
        if node.op.kind is Kind.REDUCTION or node.op.kind in INLINE:
            for read in self._read(node, group) or ():
                yield read.buffer
            return
        stack = list(node.inputs)
        while stack:
            x = stack.pop()
            view = self.legal.views.get(x)
            if view is not None and self.legal.is_buffer(view.base):
                yield view.base
            else:
                if x.op.kind in (Kind.TAKE, Kind.INDEXED) and x.inputs:
                    yield self.legal.views[x.inputs[0]].base
                stack.extend(x.inputs)

    def _candidates(self, node: Node, own: Group) -> list[Group]:
        """Groups worth joining: of what is read, and reductions over the same data."""
        read = {r.buffer for r in self._read(node, own) or ()}
        found = [self.group_of[x] for x in read if x in self.group_of]
        if own.inner:
            large = {x for x in read if size(x.shape) > 1}
            found += [
                g
                for g in self.groups
                if g.kind is GroupKind.NEST
                and g.dims == own.dims
                and g.inner == own.inner
                and g.reads & large
            ]
        return sorted(set(found), key=self.groups.__getitem__, reverse=True)

    def _join(self, node: Node, own: Group, other: Group) -> Group | None:
        """`other` with `node` (and the rest of `own`) in it, if that is sound."""
        if (
            other.kind not in (GroupKind.NEST, GroupKind.MATMUL)
            or len(other.members) >= _MOST_MEMBERS
        ):
            return None
        merged = _merged(own, other)
        if merged is None:
            return None
        newcomers = [*own.members, node] if node not in own.members else own.members
        for member in (*other.members, *newcomers):
            if not self._reads_in_place(member, merged, {*merged.members, *newcomers}):
                return None
        if self._path_around(own, other, node):
            return None
        return self._take_over(own, other, merged)

    def _take_over(self, own: Group, other: Group, merged: Group) -> Group:
        other.kind, other.dims = merged.kind, merged.dims
        other.inner, other.members = merged.inner, merged.members
        other.reads |= own.reads
        other.span = min(own.span[0], other.span[0]), max(own.span[1], other.span[1])
        for member in own.members:
            self.group_of[member] = other
        self.groups.pop(own, None)
        return other

    def _reads_in_place(self, node: Node, group: Group, members: set[Node]) -> bool:
        """Whether `node` fits the domain and reads other members only where they were made.

        A product reads its operands through memory, from anywhere and before what follows it runs:
        none of them may be made in its own group.
        """
        if node.op.kind is Kind.CONTRACTION:
            return members.isdisjoint(self._buffers_read(node, group))
        found = self._read(node, group)
        if found is None:
            return False
        for read in found:
            if read.buffer in members:
                made = own_address(read.buffer, group.loops_of(read.buffer), group.dims)
                if read.address != made:
                    return False
        return True

    def _path_around(self, own: Group, other: Group, node: Node) -> bool:
        """Whether something outside both groups must run between them."""
        starts = {r.buffer for r in self._read(node, own) or ()} | own.reads
        both = {own, other}
        if self._reaches(starts, other, both):
            return True
        return self._reaches(set(other.reads), own, both)

    def _reaches(self, starts: set[Node], target: Group, without: set[Group]) -> bool:
        """Whether what is read depends on `target` through a third group."""
        seen: set[Group] = set()
        stack = [g for x in starts if (g := self.group_of.get(x)) and g not in without]
        first = self._first_to_reach(target.span[0]) if stack else 0
        while stack:
            group = stack.pop()
            if group in seen or group.span[1] < first:
                continue
            seen.add(group)
            for x in group.reads:
                below = self.group_of.get(x)
                if below is target:
                    return True
                if below is not None and below not in without:
                    stack.append(below)
        return False

    def _first_to_reach(self, place: int) -> int:
        """The first place from which a group may depend on what comes at `place` or later.

        One that ends before `place` does so through a group that begins before and ends behind it.
        """
        starts = [g.span[0] for g in self.groups if g.span[0] < place <= g.span[1]]
        return min(starts, default=place)

    def ordered(self) -> list[Group]:
        """Groups, each after those it reads from."""

        def before(group: Group) -> list[Group]:
            read = sorted(group.reads, key=lambda n: n.serial)
            below = [self.group_of[x] for x in read if x in self.group_of]
            return [g for g in below if g is not group]

        return in_order(self.groups, before)


def _merged(own: Group, other: Group) -> Group | None:
    """The two groups as one, if their loops agree."""
    members = [*other.members, *own.members]
    if GroupKind.MATMUL in (own.kind, other.kind):
        product, rest = (own, other) if own.kind is GroupKind.MATMUL else (other, own)
        if rest.kind is GroupKind.MATMUL or rest.inner:
            return None
        return Group(GroupKind.MATMUL, product.dims, product.inner, members)
    if own.dims == other.dims and own.inner == other.inner:
        return Group(GroupKind.NEST, own.dims, own.inner, members)
    if own.inner and not other.inner and own.dims == other.dims:
        return Group(GroupKind.NEST, own.dims, own.inner, members)
    if not own.inner and not own.members and other.inner:
        return Group(GroupKind.NEST, other.dims, other.inner, members)
    return None


def _drop_internal(legal: Legal, fuser: _Fuser, forced: set[Node]) -> None:
    """Values that only their own group uses need no buffer, unless that was asked for."""
    readers: dict[Node, set[Group]] = {}
    for group in fuser.groups:
        for x in group.reads:
            readers.setdefault(x, set()).add(group)
    for group in fuser.groups:
        for node in list(group.members):
            optional = node in legal.materialised and node not in forced
            if optional and readers.get(node, {group}) <= {group}:
                legal.materialised.discard(node)
                legal.views.pop(node, None)
                group.members.remove(node)
                group.reads.discard(node)
        group.reads -= set(group.members)
