"""Words about products: what to compute, with which tile, and what its kernel is told.

Everything here is a run-time argument of the kernel except `Variant`, its structure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from zincir.compiler.kernels.matmul.pack import Packer

_UNITS = {6: 2, 8: 4, 12: 4, 16: 4}


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
    a_row: int = 0
    """How far they lie apart, if the code knows it (see `NEAR_ROW`); 0: an argument says so."""
    pairs: bool = False
    """Elements of A and B are pairs of bfloat16, both of which are multiplied and summed."""

    @property
    def columns(self) -> int:
        return self.vectors * self.lanes

    @property
    def unit(self) -> int:
        """Tiles for what is left of the rows have multiples of this."""
        return _UNITS.get(self.rows, self.rows)

    @property
    def heights(self) -> range:
        """How many rows the kernel's tiles have: fewer where only so many are left."""
        return range(self.unit, self.rows + 1, self.unit)

    def fits(self, m: int) -> bool:
        """Whether `m` rows can be read in place: no tile is higher than the matrix."""
        return m >= self.rows or m % self.unit == 0

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
        return -(-self.rows * self.columns * self.itemsize // 64) * 64

    @property
    def key(self) -> str:
        """Names the kernel's code."""
        rows = "unit" if self.unit_rows else "strided"
        known = f" {self.a_row}" if self.a_row else ""
        pairs = " pairs" if self.pairs else ""
        return f"gemm {self.kind} {self.lanes} {self.rows}x{self.vectors} {rows}{known}{pairs}"


Axis = tuple[int, int, int]
"""One axis: how long it is, and its strides in A and in B."""


@dataclass(frozen=True, slots=True)
class Gemm:
    """C[o,m,n] = sum over r, k of A[o,r,m,k] * B[o,r,k,n]; strides count elements.

    Both o and r may stand for several axes. Other strides between columns of C than 1 are slower.
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
    outer: tuple[Axis, ...] = ()
    """The axes of o. A stride of 0 repeats an operand."""
    reduced: tuple[Axis, ...] = ()
    """The axes of r, which are summed over besides k."""
    c_col: int = 1
    c_outer: int = 0
    """From one product to the next in C."""
    pairs: bool = False
    """As in `Variant`."""

    @property
    def batch(self) -> int:
        """Number of products o."""
        return prod(n for n, _, _ in self.outer)

    @property
    def blocks(self) -> int:
        """Number of blocks r that are summed."""
        return prod(n for n, _, _ in self.reduced)

    @property
    def shares_b(self) -> bool:
        """Whether all products have the same B."""
        return not any(b for _, _, b in self.outer)

    def swapped(self) -> Gemm:
        """The product of the transposed operands, whose result is the transposed C."""
        return replace(
            self,
            m=self.n,
            n=self.m,
            a_row=self.b_col,
            a_k=self.b_k,
            b_k=self.a_k,
            b_col=self.a_row,
            c_row=self.c_col,
            c_col=self.c_row,
            outer=tuple((n, b, a) for n, a, b in self.outer),
            reduced=tuple((n, b, a) for n, a, b in self.reduced),
        )


@lru_cache(maxsize=1024)
def offsets(axes: tuple[tuple[int, int], ...]) -> np.ndarray[Any, Any]:
    """Where elements are that are numbered along axes of (size, stride), the last one fastest."""
    found = np.zeros(1, np.int64)
    for n, stride in axes:
        found = (found[:, None] + np.arange(n) * stride).reshape(-1)
    return np.ascontiguousarray(found)


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
    a_row: int = 0
    a_k: int = 0
    b_k: int = 0
    b_col: int = 0
    c_row: int = 0
    c_col: int = 1
    a_places: int = 0
    """Address of the elements at which A begins for each o; as the other three tables."""
    b_places: int = 0
    a_blocks: int = 0
    """Address of how many elements further A begins for each r."""
    b_blocks: int = 0
    c_outer: int = 0
    shares_b: int = 0
    """B is the same for every o."""
    batch_parts: int = 1
    """The work is cut into batch_parts * row_parts * column_parts parts, which threads take."""
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
    taken: int = 0
    """How many parts were taken; the kernel counts, and leaves 0 behind."""
    further: int = 0
    """Not 0: go on with the sums that C holds, instead of with 0."""
    swapped: int = 0
    """Rows and columns were exchanged, and the epilogue wants them as they were."""

    def pack(self) -> list[int]:
        """The values in order, for an array of i64."""
        return [getattr(self, name) for name in GEMM_ARGUMENTS]


GEMM_ARGUMENTS = tuple(f.name for f in fields(GemmCall))


@dataclass(frozen=True, slots=True)
class TiledGemm:
    """A variant, and its call but for the addresses (a, b, c, scratch, epilogue).

    `swapped` products want the addresses of A and B exchanged; `bind` sees to it.
    """

    variant: Variant
    call: GemmCall
    threads: int
    pack_a: Packer | None
    pack_b: Packer | None
    tables: dict[str, np.ndarray[Any, Any]] = field(compare=False)
    """What the call's tables hold; they have to live as long as the call."""

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
            **{name: table.ctypes.data for name, table in self.tables.items()},
            pack_a=address(self.pack_a) if self.pack_a else 0,
            pack_b=address(self.pack_b) if self.pack_b else 0,
        )
