"""What a tile, and packing operands for it, takes: the model that tiles are chosen by.

It counts cycles of a core with two multiply-add units of 4 cycles that starts 3 operations in each:
half of what it could, as the other half often goes to a second hardware thread. Its constants are
in `compiler.machine`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from zincir.compiler.kernels.matmul.tiles import Gemm, Variant
from zincir.compiler.machine import (
    BLOCK_A_BYTES,
    FETCH_CYCLES,
    L1_BYTES,
    L2_BYTES,
    PANEL_BYTES,
    PANEL_IN_PLACE_BYTES,
    PANEL_PACKED_BYTES,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A tile for a product, and what is packed."""

    problem: Gemm
    variant: Variant
    pack_a: bool
    pack_b: bool
    swapped: bool = False


def cycles(c: Choice) -> float:
    """What the choice takes on one thread."""
    p, v = c.problem, c.variant
    depth, column_tiles = p.k * p.blocks, ceil_div(p.n, v.columns)
    far = near = 0.0
    if depth > _near(p.b_k * v.itemsize, v.columns * v.itemsize):
        far = v.vectors * _farness(p.b_k * v.itemsize, p.n * depth * v.itemsize)
    if not c.pack_a and p.a_k != 1 and depth > _near(p.a_k * v.itemsize, v.rows * v.itemsize):
        near = 6 * _farness(p.a_k * v.itemsize, 0)

    def tiles(count: int, rows: int) -> float:
        tile = depth * (_step(rows, v) + near + (0.0 if c.pack_b else far)) + 30
        if p.c_col == 1:
            tile += 1.5 * rows * v.vectors
        else:
            # Each block of k goes through the buffer.
            tile += 6.0 * rows * v.columns * (2 * ceil_div(depth, depth_of(c)[0]) - 1)
        return count * column_tiles * tile

    whole, left = divmod(ceil_div(p.m, v.unit), v.rows // v.unit)
    total = tiles(whole, v.rows) + (tiles(1, left * v.unit) if left else 0.0)
    once = 0.0
    if c.pack_b:
        once += p.n * depth * packing_cycles(p.b_col, p.b_k, v) + 100
        once += column_tiles * depth * far if p.b_col == 1 else 0.0
    if c.pack_a:
        total += p.m * depth * packing_cycles(p.a_row, p.a_k, v) + 100
    return (total + 60) * p.batch + once * (1 if p.shares_b else p.batch)


def _step(rows: int, v: Variant) -> float:
    """Cycles in which a tile of some rows goes on by one k."""
    sums, loads = rows * v.vectors, rows + v.vectors
    if v.vectors == 1:
        # Multiply-adds read A themselves, which then is what they wait for.
        return max(4.0, loads * (0.6 if v.a_row or v.unit_rows else 0.8))
    return max(sums / 2, loads / 2, 4.0, (sums + loads + v.vectors + 5) / 3)


def _near(stride: int, size: int) -> int:
    """How many pieces of `size` bytes, `stride` bytes apart, the nearest cache keeps.

    Of 64 sets, those that the stride reaches; of each, 8 ways.
    """
    if stride < max(64, size):
        return L1_BYTES // max(1, stride)
    lines = ceil_div(size, 64)
    return max(1, min(64 // gcd(64, stride // 64) * lines, 64) // lines) * 8


def _farness(stride: int, size: int) -> float:
    """Cycles lost for each vector that is read from further away, and through the TLB."""
    return 5.0 if stride >= 4096 else 3.0 if stride >= 1024 and size > 2 * L2_BYTES else 0.3


def cycles_again(c: Choice) -> float:
    """Cycles that an element of B takes each part of the work besides the first."""
    return packing_cycles(c.problem.b_col, c.problem.b_k, c.variant) if c.pack_b else FETCH_CYCLES


def packing_cycles(line: int, step: int, v: Variant) -> float:
    """Cycles an element takes."""
    scale = v.itemsize / 4
    return scale * (0.5 if line == 1 else 0.4 if step == 1 else 1.2)


def ceil_div(a: int, b: int) -> int:
    """The quotient, rounded up."""
    return -(-a // b)


def depth_of(c: Choice) -> tuple[int, int]:
    """How many k, and how many r, are summed at a time."""
    p, v = c.problem, c.variant
    k = max(1, p.k)
    if not c.pack_a and not c.pack_b:
        most = PANEL_IN_PLACE_BYTES // (v.columns * v.itemsize)
        if k > 2 * most:
            return ceil_div(k, ceil_div(k, most)), 1
        near = BLOCK_A_BYTES // (max(1, p.m + p.n) * k * v.itemsize)
        return k, max(1, min(p.blocks, near))
    most = max(
        64,
        (PANEL_PACKED_BYTES if c.pack_a else PANEL_BYTES) // (v.columns * v.itemsize),
    )
    if 2 * k > 3 * most:
        return ceil_div(k, ceil_div(k, most)), 1
    return k, max(1, min(p.blocks, most // k))
