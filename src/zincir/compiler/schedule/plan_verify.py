"""Whether a plan computes what its launches mean: it is run on names of values instead of numbers.

Every element of memory holds the name of the value that was written there last, and the phase in
which that was. A read must find the value it is meant for, written in an earlier phase; nothing may
be written that another launch of the phase reads or writes; what lies in the arena may only overlap
in memory if it does not in time. Runs behind planning where verification is on.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from zincir.compiler.loops.lower import NestCall
from zincir.compiler.loops.nest import Take
from zincir.compiler.loops.staging import times
from zincir.compiler.rewrite.legalise import Legal
from zincir.compiler.schedule.footprint import Array, Footprint, Unit, units
from zincir.compiler.schedule.launch import (
    BatchTiled,
    HostCall,
    Launch,
    MatMul,
    ScatterRows,
    WinogradTiles,
    kernels_of,
)
from zincir.compiler.schedule.plan import Plan
from zincir.errors import CompileError, explain
from zincir.graph.node import Node, describe
from zincir.types import size

_LARGEST = 1 << 16
"""Elements of a buffer that are followed one by one; of larger ones, the launches are."""

_BEFORE = -1
"""The phase in which inputs were written."""


def verify_plan(plan: Plan) -> None:
    """Check a plan for the launches it was given, in an order in which they could be run.

    Raises:
        CompileError: names the kernel, what it would do wrong, and the user's line.
    """
    legal, order = plan.legal, list(plan.given.launches)
    planned = [launch for phase in plan.phases for launch in phase]
    if len(planned) != len(order) or set(planned) != set(order):
        raise CompileError(explain("plan: some kernels are missing, or there twice"))
    for phase in plan.phases:
        if len(phase) > 1 and any(isinstance(launch.work, HostCall) for launch in phase):
            _refuse(phase[0], "shares its phase with a function of NumPy")
    _check_order(legal, order, plan)
    _check_arena(plan)
    _Machine(legal, plan).run()


# --- whole buffers ------------------------------------------------------------------------------


def _check_order(legal: Legal, order: list[Launch], plan: Plan) -> None:
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
                _refuse(launch, f"reads {_name(x)}, which nobody writes")
            if len(made) == 1 and phase[made[0]] >= phase[launch]:
                _refuse(launch, f"reads {_name(x)} in phase {phase[launch]}, before it is written")
    for x, made in writers.items():
        for first, second in pairwise(made):
            if phase[first] >= phase[second]:
                _refuse(second, f"writes parts of {_name(x)} in phase {phase[second]}, too early")


def _check_arena(plan: Plan) -> None:
    """What lies in the arena at the same time lies apart."""
    life: dict[Node, list[int]] = {}
    user: dict[Node, Launch] = {}
    for number, phase in enumerate(plan.phases):
        for launch in phase:
            for x in (*launch.reads, *launch.writes):
                if x not in plan.home:
                    _refuse(launch, f"touches {_name(x)}, which has no place in memory")
                if plan.home[x][0] == "arena":
                    life.setdefault(x, [number, number])[1] = number
                    user.setdefault(x, launch)
    placed: list[tuple[int, int, Node]] = []
    for x in sorted(life, key=lambda x: plan.home[x][1]):
        low = plan.home[x][1]
        high = low + size(x.shape) * x.dtype.itemsize
        if low % x.dtype.itemsize or high > plan.arena_bytes:
            _refuse(user[x], f"has {_name(x)} at byte {low}, partly outside of the arena")
        placed = [entry for entry in placed if entry[1] > low]
        for _, _, y in placed:
            if low < high and life[x][0] <= life[y][1] and life[y][0] <= life[x][1]:
                _refuse(user[x], f"has {_name(x)} in the memory of {_name(y)}, which is in use")
        placed.append((low, high, x))


# --- element by element -------------------------------------------------------------------------


@dataclass(slots=True)
class _Cells:
    """What one stretch of memory holds."""

    holder: Array
    """The value, by its number."""
    since: Array
    """The phase in which it was written."""
    writer: Array
    """The launch of the present phase that wrote it, from 1 on; 0: none."""
    reader: Array
    """The launch of the present phase that read it; -1: several."""


@dataclass(slots=True)
class _Machine:
    legal: Legal
    plan: Plan
    cells: dict[Hashable, _Cells] = field(default_factory=dict[Hashable, _Cells])
    numbers: dict[Node, int] = field(default_factory=dict[Node, int])
    phase: int = 0

    def run(self) -> None:
        """All phases, one after another; then the outputs are looked at."""
        for x in self.legal.graph.inputs:
            cells = self._cells(x)
            if cells is not None:
                cells.holder[:] = self._number(x)
                cells.since[:] = _BEFORE
        for phase, launches in enumerate(self.plan.phases):
            self.phase = phase
            for number, launch in enumerate(launches, 1):
                self._launch(launch, number)
            for cells in self.cells.values():
                cells.writer[:] = 0
                cells.reader[:] = 0
        for root in self.legal.graph.outputs:
            base = self.legal.views[root].base
            cells = self._cells(base)
            if cells is not None and (cells.holder != self._number(base)).any():
                self._refuse_output(base)

    def _refuse_output(self, base: Node) -> None:
        what = f"plan: an output, {_name(base)}, is not written wholly, or is written over"
        raise CompileError(explain(what, where=describe(base.origin)))

    def _number(self, x: Node) -> int:
        return self.numbers.setdefault(x, len(self.numbers) + 1)

    def _key(self, x: Node) -> Hashable:
        home = self.plan.home[x]
        return x if home[0] == "arena" else home

    def _cells(self, x: Node) -> _Cells | None:
        """The memory of a value; None if it is not followed."""
        n = size(x.shape)
        if not n or n > _LARGEST or x in self.legal.graph.layouts:
            return None
        key = self._key(x)
        if key not in self.cells:
            self.cells[key] = _Cells(*(np.zeros(n, np.int32) for _ in range(4)))
        return self.cells[key]

    def _launch(self, launch: Launch, number: int) -> None:
        if isinstance(launch.work, BatchTiled):
            self._check_tiles(launch, launch.work)
        for kernel in kernels_of(launch):
            parts = list(units(self.legal, kernel.work))
            self._check_units(launch, kernel, parts)
            for unit in parts:
                for access in unit.reads:
                    self._read(launch, number, kernel, access)
            written: dict[Hashable, Array] = {}
            for unit in parts:
                for access in unit.writes:
                    self._write(launch, number, access, written)

    def _found(self, access: Footprint, launch: Launch) -> tuple[_Cells, Array] | None:
        """The memory of an access, and which elements of it are touched."""
        cells, at = self._cells(access.buffer), access.elements()
        if cells is None or at is None or not at.size:
            return None
        if at.min() < 0 or at.max() >= len(cells.holder):
            _refuse(launch, f"reaches beyond the ends of {_name(access.buffer)}")
        return cells, at.ravel()

    def _read(self, launch: Launch, number: int, kernel: Launch, access: Footprint) -> None:
        found = self._found(access, launch)
        x = access.buffer
        if found is None:
            return
        cells, at = found
        own = isinstance(kernel.work, MatMul | WinogradTiles) and x is kernel.work.node
        if own and access.slot >= 0:
            return  # What follows a product reads the block that was just made: `_check_units`.
        if (cells.holder[at] != self._number(x)).any():
            what = "before it is written" if x in self.numbers else "which nobody has written"
            _refuse(launch, f"reads {_name(x)}, or memory that was its own, {what} or afterwards")
        now = cells.since[at] == self.phase
        if (now & ((cells.writer[at] != number) | (not _is_tiled(launch)))).any():
            _refuse(launch, f"reads {_name(x)} in the phase in which it is written")
        before = cells.reader[at]
        cells.reader[at] = np.where((before == 0) | (before == number), number, -1)

    def _write(
        self, launch: Launch, number: int, access: Footprint, written: dict[Hashable, Array]
    ) -> None:
        found = self._found(access, launch)
        if found is None:
            return
        cells, at = found
        x = access.buffer
        used = [n for n, s in zip(access.sizes, access.strides, strict=True) if s]
        once = len(np.unique(at)) == size(tuple(used)) if len(used) > 1 else True
        twice = written.setdefault(self._key(x), np.zeros(len(cells.holder), bool))
        others = (cells.writer[at] != 0) & ((cells.writer[at] != number) | (not _is_tiled(launch)))
        if not once or twice[at].any() or others.any():
            _refuse(launch, f"writes an element of {_name(x)} that is written in the same phase")
        if ((cells.reader[at] != 0) & (cells.reader[at] != number)).any():
            _refuse(launch, f"writes over an element for {_name(x)} that another launch reads then")
        twice[at] = True
        cells.holder[at] = self._number(x)
        cells.since[at] = self.phase
        cells.writer[at] = number

    # -- inside of a launch -------------------------------------------------------------------

    def _check_units(self, launch: Launch, kernel: Launch, parts: list[Unit]) -> None:
        """What runs at the same time does not meet in memory, but where it goes hand in hand."""
        for unit in parts:
            for write in unit.writes:
                for other in parts:
                    for read in other.reads:
                        if not self._meet(write, read, launch):
                            continue
                        why = self._hand_in_hand(kernel, unit, other, write, read)
                        if why:
                            _refuse(launch, f"reads {_name(read.buffer)}, {why}")

    def _meet(self, write: Footprint, read: Footprint, launch: Launch) -> bool:
        if self._key(write.buffer) != self._key(read.buffer):
            return False
        found, other = self._found(write, launch), self._found(read, launch)
        if found is None or other is None:
            return write.buffer is read.buffer and write.sizes == read.sizes
        touched = np.zeros(len(found[0].holder), bool)
        touched[found[1]] = True
        return bool(touched[other[1]].any())

    def _hand_in_hand(
        self, kernel: Launch, unit: Unit, other: Unit, write: Footprint, read: Footprint
    ) -> str:
        """Why a write of what the same launch reads is not sound; empty if it is."""
        work = kernel.work
        if isinstance(work, MatMul | WinogradTiles) and unit is not other:
            at_its_own = other.call is not None and _row_by_row(read)
            same = write.buffer is read.buffer is work.node
            return "" if same and at_its_own else "whose memory it writes at another time"
        if unit.call is None:
            # Rows are added to what was written before.
            added = isinstance(work, ScatterRows) and read.buffer is work.node
            return "" if added else "and writes over it"
        if unit is not other:
            return "and writes over it in another loop nest"
        return _out_of_place(unit.call, write, read)

    def _check_tiles(self, launch: Launch, batch: BatchTiled) -> None:
        """What one kernel of a batch writes is touched by others in the same tile alone."""
        parts = [unit for kernel in batch.launches for unit in units(self.legal, kernel.work)]
        owners: dict[Hashable, Array] = {}
        for write in (a for unit in parts for a in unit.writes):
            for owner, at, tile in self._tiles(launch, batch, write, owners, make=True):
                if ((owner[at] >= 0) & (owner[at] != tile)).any():
                    _refuse(launch, f"writes parts of {_name(write.buffer)} in two tiles")
                owner[at] = tile
                if (owner[at] != tile).any():
                    _refuse(launch, f"writes parts of {_name(write.buffer)} in two tiles")
        for read in (a for unit in parts for a in unit.reads):
            for owner, at, tile in self._tiles(launch, batch, read, owners, make=False):
                if ((owner[at] >= 0) & (owner[at] != tile)).any():
                    _refuse(launch, f"reads of {_name(read.buffer)} what belongs to another tile")

    def _tiles(
        self,
        launch: Launch,
        batch: BatchTiled,
        access: Footprint,
        owners: dict[Hashable, Array],
        *,
        make: bool,
    ) -> Iterator[tuple[Array, Array, Array]]:
        """The owners of memory, elements that are touched, and in which tile they are."""
        key, cells, at = self._key(access.buffer), self._cells(access.buffer), access.elements()
        if cells is None or at is None or not at.size or (key not in owners and not make):
            return
        owner = owners.setdefault(key, np.full(len(cells.holder), -1, np.int32))
        n = access.sizes[0] if access.sizes else 1
        if not access.cut or n % batch.tiles:
            # All of it belongs to every tile.
            touched = owner[at]
            if make or (touched >= 0).any():
                _refuse(launch, f"cannot touch {_name(access.buffer)} tile by tile")
            return
        tile = np.arange(n)[:, None] * batch.tiles // n
        yield owner, at, np.broadcast_to(tile, at.shape)


def _row_by_row(read: Footprint) -> bool:
    """Whether loops go over a buffer once, as it lies."""
    launch = 1
    for n, stride in zip(reversed(read.sizes), reversed(read.strides), strict=True):
        if n != 1 and stride != launch:
            return False
        launch *= n
    return read.offset == 0 and launch == size(read.buffer.shape)


def _out_of_place(call: NestCall, write: Footprint, read: Footprint) -> str:
    """Why a loop nest may not write over what it reads; empty if it may."""
    nest = call.nest
    if any(isinstance(x, Take) and x.slot == read.slot for x in nest.body):
        return "at places that are computed, and writes over it"
    if (read.strides, read.offset) != (write.strides, write.offset):
        return "and writes over it at another place"
    last, first = times(nest)
    if last[read.slot] > first[write.slot]:
        return "and writes over it in an earlier stage"
    return ""


def _is_tiled(launch: Launch) -> bool:
    """Whether kernels of a launch read what others of it wrote just before."""
    return isinstance(launch.work, BatchTiled)


# --- messages -----------------------------------------------------------------------------------


def _name(x: Node) -> str:
    return f"{x.op.name}{list(x.shape)} {x.dtype.name}"


def _refuse(launch: Launch, why: str) -> None:
    written = sorted(launch.writes, key=lambda x: x.serial)
    kernel = f"{launch.work.name} -> {', '.join(map(_name, written))}"
    raise CompileError(
        explain(
            f"plan: the kernel {kernel} {why}",
            where=describe(written[-1].origin),
            try_="please report it together with the function that was compiled",
        )
    )
