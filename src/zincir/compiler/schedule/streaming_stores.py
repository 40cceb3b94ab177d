"""A part of pass 5: large results that the program does not read again are written past the caches.

A store of a whole cache line that goes to memory at once spares the processor reading the line
first, a third of the traffic of a copy. It needs whole vectors at aligned places, and it is slower
where somebody is about to read: in ResNets and MobileNet, whose every value is read soon, it was.
"""

from __future__ import annotations

from dataclasses import replace

from zincir.compiler.loops.lower import NestCall
from zincir.compiler.loops.staging import stages
from zincir.compiler.schedule.launches import Nests, links
from zincir.compiler.schedule.plan import Plan
from zincir.graph.node import Node
from zincir.types import size

_LARGE = 8 << 20
"""Bytes of a result that the nearest caches would not hold for its next reader either."""
_NARROWEST = 32
"""Bytes of a store: fewer would fill a cache line too slowly."""


def stream(plan: Plan) -> None:
    """Mark the slots of loop nests that are written so."""
    steps = [link for phase in plan.phases for step in phase for link in links(step)]
    read = {buffer for step in steps for buffer in step.reads}
    for step in steps:
        if isinstance(step.work, Nests):
            for call in step.work.calls:
                _mark(plan, call, read)


def _mark(plan: Plan, call: NestCall, read: set[Node]) -> None:
    large = {i for i, _ in call.nest.stores if _is_large(plan, call.places[i].buffer, read)}
    if not large:
        return
    read_back = {slot for stage in stages(call.nest) for slot, _ in stage.reloads}
    slots = list(call.nest.slots)
    for i in large - read_back:
        slots[i] = replace(slots[i], streams=_aligned(call, i))
    call.nest = replace(call.nest, slots=tuple(slots))


def _is_large(plan: Plan, buffer: Node | None, read: set[Node]) -> bool:
    if buffer is None or buffer in read or plan.home[buffer][0] != "output":
        return False
    return size(buffer.shape) * buffer.dtype.itemsize >= _LARGE


def _aligned(call: NestCall, slot: int) -> bool:
    """Whether all that is written are whole vectors, one behind another."""
    nest, place = call.nest, call.places[slot]
    rows, inner, along = call.strides[slot]
    if along != 1 or nest.lanes * place.dtype.itemsize < _NARROWEST:
        return False
    return all(n % nest.lanes == 0 for n in (call.vector_size, place.at.offset, *rows, *inner))
