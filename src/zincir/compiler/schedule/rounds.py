"""launches -> launches: what runs in each round of a loop is planned.

A round is a small program with an arena of its own, which is used again in every round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from zincir import settings
from zincir.compiler.derived import derive_as
from zincir.compiler.fuse.copy_elision import copy_elision
from zincir.compiler.fuse.groups import fuse
from zincir.compiler.options import Options
from zincir.compiler.rewrite.depthwise import depthwise
from zincir.compiler.rewrite.expand import unroll
from zincir.compiler.rewrite.halves import halves
from zincir.compiler.rewrite.legalise import legalise
from zincir.compiler.rewrite.long_reductions import long_reductions
from zincir.compiler.rewrite.memory_order import memory_order
from zincir.compiler.rewrite.precision import precision
from zincir.compiler.rewrite.simplify import simplify
from zincir.compiler.schedule.launch import Launch, Launches, Looped
from zincir.compiler.schedule.launches import lower
from zincir.compiler.schedule.plan import Plan, plan
from zincir.compiler.schedule.plan_verify import verify_plan
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.graph.verify import verify
from zincir.operations.source import leaf_p
from zincir.types import contiguous_strides, uint8

_PASSES: tuple[Callable[[Any, Options], Any], ...] = (
    unroll,
    halves,
    precision,
    depthwise,
    memory_order,
    simplify,
    long_reductions,
    legalise,
    fuse,
    copy_elision,
    lower,
    plan,
)
"""As in `compiler.PIPELINE`."""


def plan_rounds(given: Launches, options: Options) -> Launches:
    """See the module's description."""
    if not any(isinstance(launch.work, Looped) for launch in given.launches):
        return given
    return replace(given, launches=[_planned(x, options) for x in given.launches])


def _planned(launch: Launch, options: Options) -> Launch:
    loop = launch.work
    if not isinstance(loop, Looped):
        return launch
    body = _body(loop, replace(options, donations={}))
    cost = sum(x.cost for phase in body.phases for x in phase) * loop.rounds.length
    room, writes = None, launch.writes
    if body.arena_bytes:
        spec = (body.arena_bytes,), uint8
        room = derive_as(loop.node, leaf_p, (), spec, spec)
        writes = writes | {room}
    return Launch(replace(loop, body=body, room=room), launch.reads, writes, cost)


def _body(loop: Looped, options: Options) -> Plan:
    rounds = loop.rounds
    inputs, layouts = list(rounds.body.parameters), dict[Node, tuple[int, ...]]()
    first, then = rounds.constants, rounds.constants + rounds.carried
    constants = zip(inputs[:first], loop.inputs, strict=False)
    rows = zip(inputs[then:], loop.inputs[first:], strict=True)
    for x, strides in [
        *[(x, view.strides) for x, view in constants],
        *[(x, view.strides[1:]) for x, view in rows],
    ]:
        if strides != contiguous_strides(x.shape):
            layouts[x] = strides
    value: Any = Graph(list(rounds.body.results), inputs, layouts)
    checking = settings.current().verify
    for row in _PASSES:
        value = row(value, options)
        if checking:
            verify(value.graph.outputs, f"{row.__name__}, of a round")
    if checking:
        verify_plan(value)
    return value
