"""launches -> plan: an order with few barriers, updates in place, memory used again.

A phase is what runs between two barriers: its launches neither read nor write what another of them
writes. Memory is handed on from phase to phase, never inside one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from zincir.compiler.fuse.group import title
from zincir.compiler.loops.lower import NestCall
from zincir.compiler.loops.nest import Load, Take
from zincir.compiler.loops.staging import times
from zincir.compiler.options import Options
from zincir.compiler.rewrite.legalise import Legal
from zincir.compiler.schedule.launch import (
    BatchTiled,
    HostCall,
    Launch,
    Launches,
    Looped,
    LoopNests,
    MatMul,
    ScatterRows,
    WinogradTiles,
    Work,
)
from zincir.compiler.schedule.placing import (
    Home,
    part_bytes,
    place_in_arena,
    place_in_scratch,
)
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.graph.walk import in_order


@dataclass(frozen=True, slots=True)
class Plan:
    """Launches by phase, and where every buffer lives."""

    given: Launches
    """What was planned."""
    phases: list[list[Launch]]
    home: dict[Node, Home]
    donated: dict[int, int]
    """Outputs (by number) written into the memory of inputs (by number)."""
    arena_bytes: int

    @property
    def legal(self) -> Legal:
        return self.given.legal

    @property
    def graph(self) -> Graph:
        return self.given.graph

    def in_scratch(self, launch: Launch) -> list[Node]:
        """What lives near the thread that runs a part of a launch, in the order of the graph."""
        own = (x for x in launch.writes if self.home[x][0] == "scratch")
        return sorted(own, key=lambda x: x.serial)

    def scratch_bytes(self, launch: Launch) -> int:
        """Scratch that a thread needs for the values of a part of a batch tiling."""
        assert isinstance(launch.work, BatchTiled)
        parts = launch.work.parts
        own = self.in_scratch(launch)
        return max((self.home[x][1] + part_bytes(x, parts) for x in own), default=0)

    def show(self) -> str:
        lines = [f"arena {self.arena_bytes} bytes"]
        for i, phase in enumerate(self.phases):
            lines.append(f"phase {i}")
            for launch in phase:
                lines.append(f"  {launch.title()}")
                own = self.in_scratch(launch)
                if own:
                    titles = ", ".join(map(title, own))
                    lines.append(f"    scratch {self.scratch_bytes(launch)} bytes a part: {titles}")
        return "\n".join(lines)


def plan(given: Launches, options: Options) -> Plan:
    """Order the launches and place the buffers."""
    legal, launches = given.legal, list(given.launches)
    donated = _Donor(legal, launches).accept(options.donations)
    memory = _memory_names(legal, donated)
    phases = _phases(launches, memory)
    home = dict(memory)
    place_in_scratch(launches, home, options.threads)
    arena = place_in_arena(phases, home)
    return Plan(given, phases, home, donated, arena)


def _memory_names(legal: Legal, donated: dict[int, int]) -> dict[Node, Home]:
    home: dict[Node, Home] = {}
    for i, node in enumerate(legal.graph.inputs):
        home[node] = ("input", i)
    for i, root in enumerate(legal.graph.outputs):
        base = legal.views[root].base
        home[base] = ("input", donated[i]) if i in donated else ("output", i)
    return home


class _Donor:
    """Finds out which outputs can be written over their inputs.

    That needs every other reader of the input to run before the writer; the order is kept by
    adding the readers to what the writer waits for.
    """

    def __init__(self, legal: Legal, launches: list[Launch]) -> None:
        self.legal = legal
        self.launches = launches
        self.writer: dict[Node, Launch] = {}
        """The last launch that writes a buffer; those before it follow one another in `after`."""
        self.after: dict[Launch, set[Launch]] = {}
        self.writers: Counter[Node] = Counter()
        """How many launches write a buffer."""
        self.readers: dict[Node, set[Launch]] = {}
        for launch in launches:
            self.writers.update(launch.writes)
            for x in launch.reads:
                self.readers.setdefault(x, set()).add(launch)
            touched = (*launch.reads, *launch.writes)
            self.after[launch] = {self.writer[x] for x in touched if x in self.writer}
            self.writer |= dict.fromkeys(launch.writes, launch)

    def accept(self, donations: Mapping[int, int]) -> dict[int, int]:
        """Those donations that can be had; launches are brought into an order that allows them."""
        donated: dict[int, int] = {}
        for o, i in donations.items():
            base = self.legal.views[self.legal.graph.outputs[o]].base
            source = self.legal.graph.inputs[i]
            if self._can(base, source):
                donated[o] = i
        if donated:
            position = {launch: i for i, launch in enumerate(self.launches)}
            self.launches[:] = in_order(
                self.launches, lambda launch: sorted(self.after[launch], key=position.__getitem__)
            )
        return donated

    def _can(self, base: Node, source: Node) -> bool:
        launch = self._first_writer(base)
        if launch is None or source in self.legal.graph.layouts:
            return False
        readers = self.readers.get(source, set()) - {launch}
        if any(self._waits_for(reader, launch) for reader in readers):
            return False
        if source in launch.reads and not _in_place(launch, base, source):
            return False
        self.after[launch] |= readers
        return True

    def _first_writer(self, base: Node) -> Launch | None:
        """What writes a buffer; of a table to which rows are added, what copies the old one there.

        That has nothing to do if the new one takes the place of the old one.
        """
        launch = self.writer.get(base)
        if launch is None or self.writers[base] == 1:
            return launch
        if self.writers[base] != 2 or not isinstance(launch.work, ScatterRows):
            return None
        (first,) = (x for x in self.after[launch] if base in x.writes)
        return first if self._copies(first.work) else None

    def _copies(self, work: Work) -> bool:
        if not isinstance(work, LoopNests) or len(work.calls) != 1:
            return False
        return work.calls[0].nest.copies

    def _waits_for(self, launch: Launch, other: Launch) -> bool:
        seen: set[Launch] = set()
        stack = [launch]
        while stack:
            for before in self.after[stack.pop()]:
                if before is other:
                    return True
                if before not in seen:
                    seen.add(before)
                    stack.append(before)
        return False


def _in_place(launch: Launch, base: Node, source: Node) -> bool:
    """Whether the launch reads each element of `source` only to write that element of `base`."""
    work = launch.work
    if isinstance(work, BatchTiled):
        touching = [s for s in work.launches if source in s.reads or base in {*s.reads, *s.writes}]
        return len(touching) == 1 and _in_place(touching[0], base, source)
    if isinstance(work, MatMul | WinogradTiles):
        read = {operand for operand, _ in work.operands.values()}
        if source in read or base in {work.node, *read} or work.epilogue is None:
            return False
        calls = [work.epilogue]
    elif isinstance(work, LoopNests):
        calls = work.calls
    else:
        return False
    if len(calls) != 1:
        return False
    return _same_element(calls[0], base, source)


def _same_element(call: NestCall, base: Node, source: Node) -> bool:
    nest, accesses = call.nest, call.accesses
    (out,) = (i for i, _ in nest.stores if accesses[i].buffer is base)
    for x in nest.body:
        if not isinstance(x, Load | Take) or accesses[x.slot].buffer is not source:
            continue
        if isinstance(x, Take) or accesses[x.slot].at != accesses[out].at:
            return False
    # A later stage would read what an earlier one has written.
    read, written = times(nest)
    return all(read[i] <= written[out] for i in read if accesses[i].buffer is source)


_LONE = (HostCall, Looped)
Memory = Node | Home
"""A temporary, or the name of an input or output."""


@dataclass(slots=True)
class _Touched:
    """The memory that the launches of a phase read and write."""

    read: set[Memory] = field(default_factory=set[Memory])
    written: set[Memory] = field(default_factory=set[Memory])


def _phases(launches: list[Launch], memory: dict[Node, Home]) -> list[list[Launch]]:
    """Each launch in the earliest phase after those it must not overlap with.

    Host calls and loops have phases of their own.
    """
    phases: list[list[Launch]] = []
    touched: list[_Touched] = []
    for launch in launches:
        read: set[Memory] = {memory.get(x, x) for x in launch.reads}
        written: set[Memory] = {memory.get(x, x) for x in launch.writes}
        lone = isinstance(launch.work, _LONE)
        at = len(phases)
        while at > 0:
            before = touched[at - 1]
            if written & (before.read | before.written) or read & before.written:
                break
            at -= 1
        fits = [
            i
            for i in range(at, len(phases))
            if not lone and not isinstance(phases[i][0].work, _LONE)
        ]
        if fits:
            at = fits[0]
        else:
            at = len(phases)
            phases.append([])
            touched.append(_Touched())
        phases[at].append(launch)
        touched[at].read |= read
        touched[at].written |= written
    return phases
