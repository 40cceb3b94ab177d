"""Which tile computes a product, how its loops are blocked, and what its kernel is told.

Everything here is a run-time argument of the kernel except `Variant`, its structure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Protocol

from zincir.compile.kernels.pack import Packer


class Machine(Protocol):
    """The part of `runtime.native.Target` that decides about tiles."""

    @property
    def vector_bytes(self) -> int: ...

    @property
    def vector_registers(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Variant:
    """The structure of a kernel: a tile of `rows` x (`vectors` * `lanes`) sums in registers."""

    kind: str
    """float or double."""
    lanes: int
    rows: int
    vectors: int
    unit_rows: bool
    """Rows of A lie side by side (a_row == 1), as they come or because they were packed."""

    @property
    def columns(self) -> int:
        return self.vectors * self.lanes

    @property
    def may_pack_a(self) -> bool:
        """A tile of one row reads A in place."""
        return self.unit_rows and self.rows > 1

    @property
    def itemsize(self) -> int:
        return 4 if self.kind == "float" else 8

    @property
    def buffer_bytes(self) -> int:
        """Room for one tile at the start of a thread's scratch."""
        return _round_up(self.rows * self.columns * self.itemsize, 64)

    @property
    def key(self) -> str:
        """Names the kernel's code."""
        rows = "unit" if self.unit_rows else "strided"
        return f"gemm {self.kind} {self.lanes} {self.rows}x{self.vectors} {rows}"


@dataclass(frozen=True, slots=True)
class Gemm:
    """C[o,m,n] = sum over r, k of A[o,r,m,k] * B[o,r,k,n]; strides count elements.

    Columns of C are contiguous. An outer stride of 0 repeats an operand for every `o`.
    """

    kind: str
    m: int
    n: int
    k: int
    a_row: int
    a_k: int
    b_k: int
    b_col: int
    c_row: int
    reduced: int = 1
    """Number of blocks `r` that are summed besides k."""
    a_reduce: int = 0
    b_reduce: int = 0
    batch: int = 1
    a_outer: int = 0
    b_outer: int = 0
    c_outer: int = 0


@dataclass(frozen=True, slots=True)
class GemmCall:
    """The arguments of a kernel, in the order of the array of i64 that `args` points to."""

    a: int = 0
    b: int = 0
    c: int = 0
    m: int = 0
    n: int = 0
    k: int = 0
    reduced: int = 1
    batch: int = 1
    a_reduce: int = 0
    a_row: int = 0
    a_k: int = 0
    b_reduce: int = 0
    b_k: int = 0
    b_col: int = 0
    c_row: int = 0
    c_col: int = 1
    """Other than 1 when rows and columns were exchanged: slower, through a buffer."""
    a_outer: int = 0
    b_outer: int = 0
    c_outer: int = 0
    batch_parts: int = 1
    """The work is cut into batch_parts * row_parts * column_parts parts, dealt to threads."""
    row_parts: int = 1
    column_parts: int = 1
    block_rows: int = 1
    """Multiple of the tile's rows; as block_columns. A block is what an epilogue gets."""
    block_columns: int = 1
    block_reduced: int = 1
    """More than 1 only if block_k == k."""
    block_k: int = 1
    pack_a: int = 0
    """Address of the packing kernel, or 0: in place."""
    pack_b: int = 0
    scratch: int = 0
    """Aligned to 64 bytes; thread t owns `scratch_stride` bytes from scratch_stride * t."""
    scratch_stride: int = 0
    scratch_b: int = 0
    """Where the packed panels of B start in a thread's scratch, in bytes."""
    epilogue: int = 0
    """0, or `void f(ptr epilogue_args, i64 row_lo, i64 row_hi, i64 col_lo, i64 col_hi)`."""
    epilogue_args: int = 0
    swapped: int = 0
    """Rows and columns were exchanged, and the epilogue wants them as they were."""

    def pack(self) -> list[int]:
        """The values in order, for an array of i64."""
        return [getattr(self, name) for name in GEMM_ARGUMENTS]


GEMM_ARGUMENTS = tuple(field.name for field in fields(GemmCall))


@dataclass(frozen=True, slots=True)
class GemmPlan:
    """A variant, and its call but for the addresses (a, b, c, scratch, epilogue).

    `swapped` products want the addresses of A and B exchanged; `bind` sees to it.
    """

    variant: Variant
    call: GemmCall
    threads: int
    pack_a: Packer | None
    pack_b: Packer | None

    @property
    def scratch_bytes_per_thread(self) -> int:
        return self.call.scratch_stride

    @property
    def packers(self) -> tuple[Packer, ...]:
        """The packing kernels it needs."""
        return tuple(p for p in (self.pack_a, self.pack_b) if p)

    def bind(
        self, a: int, b: int, c: int, *, scratch: int, address: Callable[[Packer], int]
    ) -> GemmCall:
        """The call complete but for its epilogue; `address` finds packing kernels."""
        if self.call.swapped:
            a, b = b, a
        return replace(
            self.call,
            a=a,
            b=b,
            c=c,
            scratch=scratch,
            pack_a=address(self.pack_a) if self.pack_a else 0,
            pack_b=address(self.pack_b) if self.pack_b else 0,
        )


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def _round_up(a: int, b: int) -> int:
    return _ceil(a, b) * b


@cache
def family(machine: Machine) -> tuple[tuple[int, int], ...]:
    """The tiles (rows, vectors) in use on a machine, the preferred one first."""
    if machine.vector_registers >= 32 and machine.vector_bytes == 64:
        return ((8, 2), (14, 2), (4, 2), (10, 2), (1, 8), (8, 1), (14, 1), (1, 1))
    if machine.vector_registers >= 32:
        return ((8, 3), (4, 3), (8, 1), (1, 8), (1, 1))
    return ((6, 2), (4, 2), (4, 1), (1, 6), (1, 1))


def choose(problem: Gemm, machine: Machine) -> Variant:
    """The tile that wastes the least, in favour of the one that is probably compiled already."""
    lanes = machine.vector_bytes // (4 if problem.kind == "float" else 8)
    best: tuple[float, int, int] | None = None
    for place, (rows, vectors) in enumerate(family(machine)):
        tiles = _ceil(problem.m, rows) * _ceil(problem.n, vectors * lanes)
        # An FMA waits 4 cycles for the one before it, and two start per cycle.
        cycles = max(rows * vectors / 2, 4.0, (rows + vectors) / 2)
        cost = tiles * cycles * (1.0 if place == 0 else 1.1)
        if best is None or cost < best[0]:
            best = (cost, rows, vectors)
    assert best is not None
    unit = problem.a_row == 1 or problem.m < best[1]
    return Variant(problem.kind, lanes, best[1], best[2], unit)


def plan(problem: Gemm, threads: int, machine: Machine) -> GemmPlan:
    """How to compute `problem` on `threads` threads of `machine`."""
    return plan_variant(problem, threads, choose(problem, machine))


def plan_variant(
    p: Gemm, threads: int, v: Variant, pack_a: bool = False, pack_b: bool = False
) -> GemmPlan:
    """As `plan`, with the tile given."""
    pack_a = v.may_pack_a and (pack_a or p.a_row != 1 or p.m < v.rows)
    pack_b = pack_b or p.b_col != 1 or p.n < v.columns
    row_tiles, column_tiles = _ceil(p.m, v.rows), _ceil(p.n, v.columns)
    parts = _parts(p.batch, row_tiles, column_tiles, threads)
    rows = min(_round_up(max(1, 256 // v.rows), 1), row_tiles) * v.rows
    columns = min(column_tiles, max(1, 512 // v.columns)) * v.columns
    block_k = min(max(1, p.k), 512)
    block_reduced = max(1, min(p.reduced, 512 // block_k)) if block_k == p.k else 1
    depth = block_k * block_reduced
    a_bytes = rows * depth * v.itemsize if pack_a else 0
    b_bytes = columns * depth * v.itemsize if pack_b else 0
    slack = v.lanes * max(v.rows, v.columns) * v.itemsize
    scratch_b = _round_up(v.buffer_bytes + (a_bytes + slack if pack_a else 0), 64)
    call = GemmCall(
        m=p.m,
        n=p.n,
        k=p.k,
        reduced=p.reduced,
        batch=p.batch,
        a_reduce=p.a_reduce,
        a_row=p.a_row,
        a_k=p.a_k,
        b_reduce=p.b_reduce,
        b_k=p.b_k,
        b_col=p.b_col,
        c_row=p.c_row,
        a_outer=p.a_outer,
        b_outer=p.b_outer,
        c_outer=p.c_outer,
        batch_parts=parts[0],
        row_parts=parts[1],
        column_parts=parts[2],
        block_rows=rows,
        block_columns=columns,
        block_reduced=block_reduced,
        block_k=block_k,
        scratch_b=scratch_b,
        scratch_stride=_round_up(scratch_b + (b_bytes + slack if pack_b else 0), 64),
    )
    packers = (
        Packer(v.kind, v.lanes, v.rows) if pack_a else None,
        Packer(v.kind, v.lanes, v.columns) if pack_b else None,
    )
    return GemmPlan(v, call, parts[0] * parts[1] * parts[2], *packers)


def _parts(batch: int, row_tiles: int, column_tiles: int, threads: int) -> tuple[int, int, int]:
    """How many parts the batch, the rows and the columns are cut into."""
    if batch >= threads:
        return threads, 1, 1
    best, grid = None, (1, 1, 1)
    for rows in range(1, min(threads, row_tiles) + 1):
        columns = min(threads // rows, column_tiles)
        load = _ceil(row_tiles, rows) * _ceil(column_tiles, columns)
        if best is None or load < best:
            best, grid = load, (1, rows, columns)
    return grid
