"""groups -> calls of kernels: expressions become values of a loop nest, views become strides."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from zincir.compiler.access import Affine, Map, identity
from zincir.compiler.fuse.group import Group, GroupKind
from zincir.compiler.fuse.read import address, buffer_read, operands
from zincir.compiler.loops.nest import (
    Apply,
    Constant,
    Instruction,
    Load,
    Nest,
    Position,
    Reduce,
    Slot,
    Step,
    Take,
    verify,
)
from zincir.compiler.loops.staging import worth_keeping
from zincir.compiler.rewrite.legalise import Legal
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.operations.source import const_p, position_strides
from zincir.types import DType, Shape, contiguous_strides, size


@dataclass(frozen=True, slots=True)
class Access:
    """What a slot stands for: a buffer (None for a position), an offset, a stride for each loop."""

    buffer: Node | None
    at: Affine
    dtype: DType
    per_thread: int = 0
    """Elements for each thread, if the memory belongs to the thread."""


@dataclass(slots=True)
class NestCall:
    """A loop nest with everything its code leaves open."""

    nest: Nest
    group: Group
    row_sizes: Shape
    inner_sizes: Shape
    vector_size: int
    accesses: list[Access]
    strides: list[tuple[tuple[int, ...], tuple[int, ...], int]]
    """For each slot: along the rows, the inner loops and the vector."""
    takes: list[tuple[Node, int, int]] = field(default_factory=list[tuple[Node, int, int]])
    """For each take: its node, the stride of a row, and the number of rows."""

    @property
    def row_count(self) -> int:
        return size(self.row_sizes)


@dataclass(slots=True)
class Raw:
    """Values of a nest before loops are merged."""

    body: list[Instruction] = field(default_factory=list[Instruction])
    accesses: list[Access] = field(default_factory=list[Access])
    stores: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    takes: list[tuple[Node, int, int]] = field(default_factory=list[tuple[Node, int, int]])


class Expressions:
    """Collects the values of one group."""

    def __init__(self, legal: Legal, group: Group, loads: frozenset[Node] = frozenset()) -> None:
        self._legal = legal
        self._group = group
        self._loops = len(group.dims)
        self._inside = set(group.members) - loads
        self._known: dict[Any, int] = {}
        self.raw = Raw()

    def _add(self, x: Instruction) -> int:
        found = self._known.get(x)
        if found is None:
            found = self._known[x] = len(self.raw.body)
            self.raw.body.append(x)
        return found

    def slot(self, access: Access) -> int:
        """The number of an access among those of the nest."""
        if access not in self.raw.accesses:
            self.raw.accesses.append(access)
        return self.raw.accesses.index(access)

    def store(self, node: Node, at: Affine | None = None, into: Node | None = None) -> None:
        """Compute `node` over its own loops and write it (to `into`, if not to itself)."""
        if at is None:
            map_ = identity(node.shape, self._group.loops_of(node), self._group.dims)
            assert map_ is not None
            view = self._legal.views[node]
            into, at = view.base, address(map_, view.offset, view.strides, self._loops)
        value = self.member(node)
        slot = self.slot(Access(into or node, at, node.dtype))
        self.raw.stores.append((slot, value))

    def member(self, node: Node) -> int:
        """The value of a member, where the group computes it."""
        found = self._known.get(node)
        if found is None:
            map_ = self._group.map_of(node)
            assert map_ is not None
            if node.op.kind is Kind.REDUCTION:
                operand = self.value(node.inputs[0], map_)
                found = self._add(Reduce(node.op, operand, node.dtype))
            else:
                found = self._computed(node, map_)
            self._known[node] = found
        return found

    def value(self, node: Node, map_: Map) -> int:
        """The value of `node` at coordinates `map_`."""
        key = (node, map_)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._value(node, map_)
        return found

    def _value(self, node: Node, map_: Map) -> int:
        if node.op is const_p:
            return self._add(Constant(node.attrs[0], node.dtype))
        read = buffer_read(self._legal, node, map_, self._loops)
        if read is None:
            return self._computed(node, map_)
        made = node
        while made.op.kind is Kind.VIEW:
            made = made.inputs[0]
        if made in self._inside:
            return self.member(made)
        assert read.address is not None
        return self._add(Load(self.slot(Access(read.buffer, read.address, node.dtype))))

    def _computed(self, node: Node, map_: Map) -> int:
        kind = node.op.kind
        if kind is Kind.TAKE:
            return self._take(node, map_)
        if kind is Kind.INDEXED:
            return self._indexed(node, map_)
        args = tuple(self.value(x, at) for x, at in operands(node, map_, self._loops))
        if kind is Kind.VIEW:
            return args[0]
        attrs = tuple(a for a in node.attrs if isinstance(a, DType))
        return self._add(Apply(node.op, args, attrs))

    def _indexed(self, node: Node, map_: Map) -> int:
        at = address(map_, 0, position_strides(node), self._loops)
        args = [self._add(Position(self.slot(Access(None, at, node.dtype))))]
        none = (0,) * self._loops
        for x in node.inputs:
            view = self._legal.views[x]
            for i in range(size(x.shape)):
                where = Affine(view.offset + i * (view.strides or (1,))[0], none)
                args.append(self._add(Load(self.slot(Access(view.base, where, x.dtype)))))
        attrs = tuple(a for a in node.attrs if isinstance(a, DType))
        return self._add(Apply(node.op, tuple(args), attrs))

    def _take(self, node: Node, map_: Map) -> int:
        table, index = node.inputs
        view = self._legal.views[table]
        chosen = self.value(index, map_[: len(index.shape)])
        rest = map_[len(index.shape) :]
        at = address(rest, view.offset, view.strides[1:], self._loops)
        slot = self.slot(Access(view.base, at, node.dtype))
        entry = (node, view.strides[0], table.shape[0])
        if entry not in self.raw.takes:
            self.raw.takes.append(entry)
        where = address(map_[: len(index.shape)], 0, contiguous_strides(index.shape), self._loops)
        position = self.slot(Access(None, where, index.dtype))
        return self._add(Take(slot, chosen, self.raw.takes.index(entry), position))


def lower_nest(
    legal: Legal, group: Group, stored: list[Node], lanes: int, loads: frozenset[Node]
) -> NestCall:
    """A group as one loop nest that writes `stored`; members in `loads` are read from memory."""
    expressions = Expressions(legal, group, loads)
    for node in group.members:
        # In this order no computation has to reach far up its own group.
        if node not in loads:
            expressions.member(node)
    for node in stored:
        expressions.store(node)
    return finish(expressions.raw, group, lanes)


def lower_region(
    legal: Legal, target: Node, source: Node, starts: Shape, steps: Shape, lanes: int
) -> NestCall:
    """A nest that writes `source` into a region of the buffer of `target`."""
    group = Group(GroupKind.NEST, source.shape, frozenset(), [])
    expressions = Expressions(legal, group)
    map_ = identity(source.shape, group.all_loops, group.dims)
    assert map_ is not None
    out = legal.views[target]
    offset = out.offset + sum(a * s for a, s in zip(starts, out.strides, strict=True))
    scaled = tuple(a * s for a, s in zip(steps, out.strides, strict=True))
    at = address(map_, offset, scaled, len(group.dims))
    value = expressions.value(source, map_)
    slot = expressions.slot(Access(out.base, at, target.dtype))
    expressions.raw.stores.append((slot, value))
    return finish(expressions.raw, group, lanes)


def finish(raw: Raw, group: Group, lanes: int) -> NestCall:
    """Merge loops that run on from one another, and split structure from sizes."""
    longer = [k for k, n in enumerate(group.dims) if n != 1]
    folds = any(isinstance(x, Reduce) for x in raw.body)
    rows = [k for k in longer if k not in group.inner]
    inner = [k for k in longer if k in group.inner]
    if not inner and rows and group.dims[rows[-1]] >= lanes:
        rows[:-1] = _by_reach(rows[:-1], rows[-1], raw)
    inside = not rows or not inner or max(inner) > max(rows)
    if group.kind is GroupKind.MATMUL:
        *before, last = range(len(group.dims))
        row_runs, inner_runs = _merged(before, group.dims, raw), []
        vector = (group.dims[last], last)
    else:
        row_runs, inner_runs = (_merged(loops, group.dims, raw) for loops in (rows, inner))
        runs = inner_runs if inside and inner else row_runs
        vector = runs.pop() if runs else None
    lanes = lanes if vector else 1
    return _call(raw, lanes, row_runs, inner_runs, vector, inside, folds, group)


def _by_reach(loops: list[int], vector: int, raw: Raw) -> list[int]:
    """Row loops with long strides outside, for what is read (or written) with gaps by a vector.

    Then the cache lines that one vector touches serve the next ones.
    """
    gaps = [p.at.coefficients for p in raw.accesses if abs(p.at.coefficients[vector]) > 1]
    if not gaps:
        return loops
    return sorted(loops, key=lambda k: max(abs(c[k]) for c in gaps), reverse=True)


def _merged(loops: list[int], dims: Shape, raw: Raw) -> list[tuple[int, int]]:
    """Loops as (size, the loop whose strides they have), neighbours merged where all agree."""
    runs: list[tuple[int, int]] = []
    for k in loops:
        if runs:
            n, before = runs[-1]
            if all(
                p.at.coefficients[before] == p.at.coefficients[k] * dims[k] for p in raw.accesses
            ):
                runs[-1] = (n * dims[k], k)
                continue
        runs.append((dims[k], k))
    return runs


def _call(
    raw: Raw,
    lanes: int,
    rows: list[tuple[int, int]],
    inner: list[tuple[int, int]],
    vector: tuple[int, int] | None,
    inside: bool,
    folds: bool,
    group: Group,
) -> NestCall:
    strides: list[tuple[tuple[int, ...], tuple[int, ...], int]] = []
    slots: list[Slot] = []
    for access in raw.accesses:
        c = access.at.coefficients
        along = c[vector[1]] if vector else 0
        step = {0: Step.SAME, 1: Step.NEXT}.get(along, Step.FAR)
        in_rows, in_inner = (tuple(c[k] for _, k in runs) for runs in (rows, inner))
        slots.append(Slot(access.dtype, step, any(in_rows), any(in_inner), access.per_thread > 0))
        strides.append((in_rows, in_inner, along))
    nest = Nest(
        len(rows),
        len(inner),
        inside,
        lanes,
        tuple(slots),
        tuple(raw.body),
        tuple(raw.stores),
        folds,
    )
    nest, kept = _with_kept(nest, vector[0] if vector else 1)
    verify(nest)
    return NestCall(
        nest,
        group,
        tuple(n for n, _ in rows),
        tuple(n for n, _ in inner),
        vector[0] if vector else 1,
        raw.accesses + kept,
        strides + [((0,) * len(rows), (), access.per_thread) for access in kept],
        raw.takes,
    )


def _with_kept(nest: Nest, width: int) -> tuple[Nest, list[Access]]:
    """The nest with slots for what its stages hand on to one another."""
    slots = list(nest.slots)
    keeps: list[tuple[int, int]] = []
    accesses: list[Access] = []
    width = -(-width // 16) * 16
    for value in worth_keeping(nest):
        dtype = _dtype(nest, value)
        keeps.append((len(slots), value))
        slots.append(Slot(dtype, Step.NEXT, False, False, True))
        accesses.append(Access(None, Affine(0, ()), dtype, width))
    return replace(nest, slots=tuple(slots), keeps=tuple(keeps)), accesses


def _dtype(nest: Nest, value: int) -> DType:
    """The type of a floating-point value: its own, or that of its operands."""
    x = nest.body[value]
    match x:
        case Constant(_, dtype) | Reduce(_, _, dtype):
            return dtype
        case Load(slot) | Position(slot) | Take(slot, _, _, _):
            return nest.slots[slot].dtype
        case Apply(_, args, attrs):
            return attrs[0] if attrs else _dtype(nest, args[-1])
