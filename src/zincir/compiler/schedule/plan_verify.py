"""Whether a plan computes what its launches mean: it is run on names of values instead of numbers.

Every element of memory holds the name of the value that was written there last, and the phase in
which that was. A read must find the value it is meant for, written in an earlier phase; nothing may
be written that another launch of the phase reads or writes. Where values live is looked at before:
see `places_verify`. Runs behind planning where verification is on.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

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
    Looped,
    MatMul,
    ScatterRows,
    WinogradTiles,
    kernels_of,
)
from zincir.compiler.schedule.places_verify import (
    check_arena,
    check_order,
    check_scratch,
    name_of,
    refuse,
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
        if len(phase) > 1 and any(isinstance(launch.work, HostCall | Looped) for launch in phase):
            refuse(phase[0], "shares its phase with a function of NumPy, or a loop")
    check_order(legal, order, plan)
    check_arena(plan)
    check_scratch(plan)
    _Machine(legal, plan).run()


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
        what = f"plan: an output, {name_of(base)}, is not written wholly, or is written over"
        raise CompileError(explain(what, where=describe(base.origin)))

    def _number(self, x: Node) -> int:
        return self.numbers.setdefault(x, len(self.numbers) + 1)

    def _key(self, x: Node) -> Hashable:
        home = self.plan.home[x]
        return x if home[0] in ("arena", "scratch") else home

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
            refuse(launch, f"reaches beyond the ends of {name_of(access.buffer)}")
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
            refuse(launch, f"reads {name_of(x)}, or memory that was its own, {what} or afterwards")
        now = cells.since[at] == self.phase
        if (now & ((cells.writer[at] != number) | (not _is_tiled(launch)))).any():
            refuse(launch, f"reads {name_of(x)} in the phase in which it is written")
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
            refuse(launch, f"writes an element of {name_of(x)} that is written in the same phase")
        if ((cells.reader[at] != 0) & (cells.reader[at] != number)).any():
            refuse(
                launch, f"writes over an element for {name_of(x)} that another launch reads then"
            )
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
                            refuse(launch, f"reads {name_of(read.buffer)}, {why}")

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
                    refuse(launch, f"writes parts of {name_of(write.buffer)} in two tiles")
                owner[at] = tile
                if (owner[at] != tile).any():
                    refuse(launch, f"writes parts of {name_of(write.buffer)} in two tiles")
                in_its_place = at * batch.tiles // len(owner) == tile
                if self.plan.home[write.buffer][0] == "scratch" and not in_its_place.all():
                    refuse(launch, f"writes {name_of(write.buffer)} beyond the scratch of a tile")
        for read in (a for unit in parts for a in unit.reads):
            for owner, at, tile in self._tiles(launch, batch, read, owners, make=False):
                if ((owner[at] >= 0) & (owner[at] != tile)).any():
                    refuse(launch, f"reads of {name_of(read.buffer)} what belongs to another tile")

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
        x, outer = access.buffer, _tiled_loops(access, batch.tiles)
        key, cells, at = self._key(x), self._cells(x), access.elements(outer)
        if cells is None or at is None or not at.size or (key not in owners and not make):
            return
        owner = owners.setdefault(key, np.full(len(cells.holder), -1, np.int32))
        if not outer:
            # All of it belongs to every tile.
            touched = owner[at]
            if make or (touched >= 0).any():
                refuse(launch, f"cannot touch {name_of(x)} tile by tile")
            return
        tile = np.broadcast_to(np.arange(len(at))[:, None] * batch.tiles // len(at), at.shape)
        yield owner, at, tile


def _tiled_loops(access: Footprint, tiles: int) -> int:
    """How many of the first loops make so many tiles; 0 if none do."""
    rounds = 1
    for outer, n in enumerate(access.sizes[: access.cut], start=1):
        rounds *= n
        if rounds % tiles == 0:
            return outer
    return 0


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
