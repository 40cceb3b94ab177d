"""Whether launches of a plan come in order, and whether values lie apart while they live."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from zincir.compiler.rewrite.legalise import Legal
from zincir.compiler.schedule.launch import BatchTiled, Launch, kernels_of
from zincir.compiler.schedule.plan import Plan
from zincir.errors import CompileError, explain
from zincir.graph.node import Node, describe
from zincir.types import size


def check_order(legal: Legal, order: list[Launch], plan: Plan) -> None:
    """Launches come behind those that write what they read, or wrote what they write to."""
    phase = {launch: i for i, launches in enumerate(plan.phases) for launch in launches}
    inputs = set(legal.graph.inputs)
    writers: dict[Node, list[Launch]] = {}
    for launch in order:
        for x in launch.writes:
            writers.setdefault(x, []).append(launch)
    for launch in order:
        for x in launch.reads - inputs:
            made = writers.get(x, [])
            if not made and size(x.shape):
                refuse(launch, f"reads {name_of(x)}, which nobody writes")
            if len(made) == 1 and phase[made[0]] >= phase[launch]:
                refuse(launch, f"reads {name_of(x)} in phase {phase[launch]}, before it is written")
    for x, made in writers.items():
        for first, second in pairwise(made):
            if phase[first] >= phase[second]:
                refuse(second, f"writes parts of {name_of(x)} in phase {phase[second]}, too early")


def check_arena(plan: Plan) -> None:
    """What lies in the arena at the same time lies apart."""
    spans: list[_Span] = []
    for x, (first, last, launch) in _lives(plan.phases).items():
        if x not in plan.home:
            refuse(launch, f"touches {name_of(x)}, which has no place in memory")
        kind, low = plan.home[x]
        if kind == "arena":
            high = low + size(x.shape) * x.dtype.itemsize
            if low % x.dtype.itemsize or high > plan.arena_bytes:
                refuse(launch, f"has {name_of(x)} at byte {low}, partly outside of the arena")
            spans.append(_Span(low, high, first, last, x, launch))
    _check_apart(spans)


def check_scratch(plan: Plan) -> None:
    """What is in scratch is touched by kernels of one batch tiling alone, and lies apart there."""
    owner: dict[Node, Launch] = {}
    for launch in (launch for phase in plan.phases for launch in phase):
        parts = launch.work.parts if isinstance(launch.work, BatchTiled) else 0
        spans: list[_Span] = []
        for x, (first, last, _) in _lives([kernel] for kernel in kernels_of(launch)).items():
            kind, low = plan.home[x]
            if kind != "scratch":
                continue
            if owner.setdefault(x, launch) is not launch or not parts:
                refuse(launch, f"touches {name_of(x)}, which is in the scratch of other kernels")
            high = low + size(x.shape) * x.dtype.itemsize // parts
            spans.append(_Span(low, high, first, last, x, launch))
        _check_apart(spans)


def _lives(phases: Iterable[Iterable[Launch]]) -> dict[Node, tuple[int, int, Launch]]:
    """The first and the last phase in which values are touched, and who does so first."""
    life: dict[Node, tuple[int, int, Launch]] = {}
    for number, phase in enumerate(phases):
        for launch in phase:
            for x in (*launch.reads, *launch.writes):
                first, _, user = life.get(x, (number, number, launch))
                life[x] = first, number, user
    return life


@dataclass(frozen=True, slots=True)
class _Span:
    """Bytes that a value has from one phase to another."""

    low: int
    high: int
    first: int
    last: int
    value: Node
    user: Launch


def _check_apart(spans: list[_Span]) -> None:
    placed: list[_Span] = []
    for x in sorted(spans, key=lambda x: x.low):
        placed = [y for y in placed if y.high > x.low]
        for y in placed:
            if x.low < x.high and x.first <= y.last and y.first <= x.last:
                used = f"the memory of {name_of(y.value)}, which is in use"
                refuse(x.user, f"has {name_of(x.value)} in {used}")
        placed.append(x)


# --- messages -----------------------------------------------------------------------------------


def name_of(x: Node) -> str:
    """A value in a message."""
    return f"{x.op.name}{list(x.shape)} {x.dtype.name}"


def refuse(launch: Launch, why: str) -> None:
    """Say what is wrong with a launch.

    Raises:
        CompileError: always.
    """
    written = sorted(launch.writes, key=lambda x: x.serial)
    kernel = f"{launch.work.name} -> {', '.join(map(name_of, written))}"
    raise CompileError(
        explain(
            f"plan: the kernel {kernel} {why}",
            where=describe(written[-1].origin),
            try_="please report it together with the function that was compiled",
        )
    )
