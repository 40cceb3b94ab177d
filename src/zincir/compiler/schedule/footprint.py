"""Which elements of which buffers a launch reads and writes, for the verifier of plans.

It is said in terms of what the launch means (views of operands, loops of nests), not of what the
planner concluded from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from zincir.compiler.loops.lower import NestCall
from zincir.compiler.loops.nest import Load, Take
from zincir.compiler.rewrite.legalise import Legal
from zincir.compiler.schedule.launch import (
    HostCall,
    Looped,
    LoopNests,
    MatMul,
    ScatterRows,
    WinogradTiles,
    Work,
)
from zincir.graph.node import Node
from zincir.types import Shape, contiguous_strides, size

Array: TypeAlias = np.ndarray[Any, Any]

_MOST = 1 << 19
"""Elements of an access that are looked at one by one."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Loops over a buffer: elements `offset + sum(stride * loop)`."""

    buffer: Node
    sizes: Shape
    strides: Shape
    offset: int
    cut: int = 1
    """From so many of the first loops, as if they were one, tiles of the batch are cut."""
    slot: int = -1
    """Of the loop nest."""

    def elements(self, outer: int = 1) -> Array | None:
        """A row of elements for each round of the first loops; None if they are too many."""
        loops = list(zip(self.sizes, self.strides, strict=True)) or [(1, 0)]
        inner = [(n, s) for n, s in loops[outer:] if n != 1 and s]
        if size(tuple(n for n, _ in (*loops[:outer], *inner))) > _MOST:
            return None
        return self.offset + _places(loops[:outer])[:, None] + _places(inner)


def _places(loops: list[tuple[int, int]]) -> Array:
    """Where each round of some loops is."""
    places = np.zeros(1, np.int64)
    for n, stride in loops:
        places = (places[:, None] + np.arange(n) * stride).ravel()
    return places


@dataclass(slots=True)
class Unit:
    """Work that one kernel does in one go. What is read belongs to the same element's round."""

    reads: list[Footprint]
    writes: list[Footprint]
    call: NestCall | None = None


def units(legal: Legal, work: Work) -> Iterator[Unit]:
    """The parts of a launch, if it is not tiled; they may run at the same time."""
    match work:
        case LoopNests(calls):
            for call in calls:
                yield _of_nest(call)
        case MatMul() | WinogradTiles():
            reads = [_of_view(legal, x, _tiled_loops(work, x)) for x in work.node.inputs]
            yield Unit(reads, [_whole(legal, work.node, _tiled_loops(work, work.node))])
            if work.epilogue is not None:
                yield _of_nest(work.epilogue)
        case ScatterRows(node, _, index, source):
            yield Unit([_whole(legal, x) for x in (index, source, node)], [_whole(legal, node)])
        case Looped():
            yield _of_loop(work)
        case HostCall(node):
            yield Unit([_of_view(legal, x) for x in node.inputs], [_whole(legal, node)])
        case _:
            raise AssertionError(f"{work} is made of other launches")


def _of_loop(loop: Looped) -> Unit:
    """All rounds as one; what is carried is read before it is written, which `check_order` sees."""
    first, then = loop.rounds.constants, loop.rounds.constants + loop.rounds.carried
    inputs = (*loop.node.inputs[:first], *loop.node.inputs[then:])
    pairs = zip(inputs, loop.inputs, strict=True)
    reads = [Footprint(v.base, x.shape, v.strides, v.offset) for x, v in pairs]
    writes = [Footprint(x, x.shape, contiguous_strides(x.shape), 0) for x in loop.outputs]
    if loop.room is not None:
        writes.append(Footprint(loop.room, loop.room.shape, (1,), 0))
    return Unit(reads, writes)


def _tiled_loops(work: MatMul | WinogradTiles, x: Node) -> int:
    """How many loops over an operand, or the result, tiles are cut from: of a weight, none."""
    if isinstance(work, MatMul):
        return max(1, work.node.ndim - 2)
    return int("u" not in work.operands or x in (work.node, work.node.inputs[0]))


def _whole(legal: Legal, node: Node, cut: int = 1) -> Footprint:
    return Footprint(legal.views[node].base, node.shape, contiguous_strides(node.shape), 0, cut)


def _of_view(legal: Legal, node: Node, cut: int = 1) -> Footprint:
    view = legal.views[node]
    return Footprint(view.base, node.shape, view.strides, view.offset, cut)


def _of_nest(call: NestCall) -> Unit:
    stored = {slot for slot, _ in call.nest.stores}
    loaded = {x.slot for x in call.nest.body if isinstance(x, Load | Take)}
    taken = {x.slot: call.takes[x.number] for x in call.nest.body if isinstance(x, Take)}
    unit = Unit([], [], call)
    if 0 in (*call.row_sizes, *call.inner_sizes, call.vector_size):
        return unit
    pairs = zip(call.accesses, call.strides, strict=True)
    for i, (access, (rows, inner, along)) in enumerate(pairs):
        if access.buffer is None:
            continue
        sizes = (*call.row_sizes, *call.inner_sizes, call.vector_size)
        strides = (*rows, *inner, along)
        if i in taken:
            _, stride, count = taken[i]
            sizes, strides = (*sizes, count), (*strides, stride)
        cut = max(1, len(call.row_sizes))
        footprint = Footprint(access.buffer, sizes, strides, access.at.offset, cut, i)
        if i in loaded:
            unit.reads.append(footprint)
        if i in stored:
            unit.writes.append(footprint)
    return unit
