"""plan -> plan: large results that the program does not read again are written past the caches.

A store of a whole cache line that goes to memory at once spares the processor reading the line
first, a third of the traffic of a copy. It needs whole vectors at aligned places, and it is slower
where somebody is about to read: in ResNets and MobileNet, whose every value is read soon, it was.
"""

from __future__ import annotations

from dataclasses import replace

from zincir.compiler.loops.lower import NestCall
from zincir.compiler.loops.staging import stages
from zincir.compiler.machine import STREAM_BYTES, STREAM_STORE_BYTES
from zincir.compiler.options import Options
from zincir.compiler.schedule.launch import BatchTiled, Launch, LoopNests, kernels_of
from zincir.compiler.schedule.plan import Plan
from zincir.graph.node import Node
from zincir.types import size


def streaming_stores(given: Plan, options: Options) -> Plan:
    """The plan with loop nests whose slots are marked as written so."""
    kernels = [kernel for launch in given.given.launches for kernel in kernels_of(launch)]
    read = {buffer for kernel in kernels for buffer in kernel.reads}
    large = {x for x in given.home if x not in read and _is_large(given, x)}
    new = {x: _marked(x, large) for x in given.given.launches if not large.isdisjoint(x.writes)}
    if not new:
        return given
    launches = [new.get(launch, launch) for launch in given.given.launches]
    phases = [[new.get(launch, launch) for launch in phase] for phase in given.phases]
    return replace(given, given=replace(given.given, launches=launches), phases=phases)


def _is_large(plan: Plan, buffer: Node) -> bool:
    return (
        plan.home[buffer][0] == "output"
        and size(buffer.shape) * buffer.dtype.itemsize >= STREAM_BYTES
    )


def _marked(launch: Launch, large: set[Node]) -> Launch:
    match launch.work:
        case LoopNests(calls):
            return replace(launch, work=LoopNests([_streaming(call, large) for call in calls]))
        case BatchTiled(launches):
            marked = [_marked(x, large) for x in launches]
            return replace(launch, work=replace(launch.work, launches=marked))
        case _:
            return launch


def _streaming(call: NestCall, large: set[Node]) -> NestCall:
    read_back = {slot for stage in stages(call.nest) for slot, _ in stage.reloads}
    slots = list(call.nest.slots)
    for i in {i for i, _ in call.nest.stores} - read_back:
        if call.accesses[i].buffer in large:
            slots[i] = replace(slots[i], streams=_aligned(call, i))
    return replace(call, nest=replace(call.nest, slots=tuple(slots)))


def _aligned(call: NestCall, slot: int) -> bool:
    """Whether all that is written are whole vectors, one behind another."""
    nest, access = call.nest, call.accesses[slot]
    rows, inner, along = call.strides[slot]
    if along != 1 or nest.lanes * access.dtype.itemsize < STREAM_STORE_BYTES:
        return False
    return all(n % nest.lanes == 0 for n in (call.vector_size, access.at.offset, *rows, *inner))
