"""Chooses the tile of a product, what is packed, how loops are blocked and threads share them.

The model counts cycles of a core with two multiply-add units of 4 cycles that starts 3 operations
in each: half of what it could, as the other half often goes to a second hardware thread. Its
constants are in `compiler.machine`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from math import gcd
from typing import Protocol

from zincir.compiler.kernels.matmul.pack import Packer, panel_padding
from zincir.compiler.kernels.matmul.tiles import Gemm, GemmCall, TiledGemm, Variant, offsets
from zincir.compiler.machine import (
    BLOCK_A_BYTES,
    BLOCK_B_BYTES,
    BLOCK_C_BYTES,
    CROSS_CYCLES,
    FETCH_CYCLES,
    L1_BYTES,
    L2_BYTES,
    NEAR_ROW,
    PACK_AT_ONCE,
    PANEL_BYTES,
    PANEL_IN_PLACE_BYTES,
    PANEL_PACKED_BYTES,
    PART_CYCLES,
    PARTS_PER_THREAD,
    SHARE_CYCLES,
)


class Registers(Protocol):
    """The part of `runtime.native.Target` that decides about tiles."""

    @property
    def vector_bytes(self) -> int: ...

    @property
    def vector_registers(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Choice:
    problem: Gemm
    variant: Variant
    pack_a: bool
    pack_b: bool
    swapped: bool = False


@cache
def family(target: Registers) -> tuple[tuple[int, int], ...]:
    """The tiles (rows, vectors) in use on a machine, the preferred ones first."""
    if target.vector_registers >= 32:
        return ((6, 4), (8, 3), (8, 2), (16, 1), (14, 2), (1, 8))
    return ((6, 2), (12, 1), (1, 6))


@lru_cache(maxsize=4096)
def tiled(
    problem: Gemm, threads: int, target: Registers, *, may_swap: bool = True, parts: int = 0
) -> TiledGemm:
    """How to compute `problem` on up to `threads` threads of `target`.

    Args:
        may_swap: whether the transposed product may be computed instead.
        parts: if not 0, the first outer axis is cut into so many equal parts.
    """
    choice = _choose(_folded(problem, keep=1 if parts else 0), target, may_swap=may_swap)
    return _tiled(choice, max(1, min(threads, int(_cycles(choice) / SHARE_CYCLES))), parts)


@lru_cache(maxsize=1024)
def fitting_parts(problem: Gemm, target: Registers, pieces: int) -> int:
    """Into how many parts of whole pieces (8 or more) the first outer axis is cut at most.

    They are many, if packing B anew is cheap.
    """
    c = _choose(_folded(problem, keep=1), target, may_swap=True)
    p = c.problem
    again = p.n * p.k * p.blocks * _again(c)
    counts = [count for count in range(1, pieces + 1) if pieces % count == 0]
    cheap = [count for count in counts if count * again < 0.03 * _cycles(c)]
    enough = min((count for count in counts if count >= PARTS_PER_THREAD), default=counts[-1])
    return max(enough, *cheap) if cheap else enough


def tiled_with(
    problem: Gemm, threads: int, variant: Variant, *, pack_a: bool = False, pack_b: bool = False
) -> TiledGemm:
    """As `tiled`, with the tile given and what to pack though it need not be."""
    pack_a = variant.may_pack_a and (pack_a or problem.a_row != 1 or not variant.fits(problem.m))
    pack_b = pack_b or problem.b_col != 1 or problem.n < variant.columns
    return _tiled(_Choice(problem, variant, pack_a, pack_b), threads)


def _folded(p: Gemm, keep: int = 0) -> Gemm:
    """Axes that run on from one another are one: those of m (with the same B), and those of k.

    Args:
        keep: so many outer axes stay what they are.
    """
    if not p.blocks:
        p = replace(p, k=0, reduced=())
    while len(p.outer) > keep and p.c_col == 1 and p.c_outer == p.m * p.c_row:
        n, a, b = p.outer[-1]
        if b != 0 or (a != p.m * p.a_row and n != 1 and p.m != 1):
            break
        row = a if p.m == 1 and n != 1 else p.a_row
        p = replace(p, m=p.m * n, a_row=row, outer=p.outer[:-1], c_outer=p.m * n * p.c_row)
    while p.reduced:
        n, a, b = p.reduced[-1]
        if p.k == 1 and n != 1:
            p = replace(p, a_k=a, b_k=b)
        elif (a, b) != (p.k * p.a_k, p.k * p.b_k) and n != 1:
            break
        p = replace(p, k=p.k * n, reduced=p.reduced[:-1])
    return p


# -- the choice ------------------------------------------------------------------------------


def _choose(problem: Gemm, target: Registers, *, may_swap: bool) -> _Choice:
    best: tuple[float, _Choice] | None = None
    for place, choice in _choices(problem, target, may_swap=may_swap):
        # A preferred tile is probably compiled already.
        cost = _cycles(choice) * (1.0, 1.05, 1.05, 1.1)[min(place, 3)]
        if best is None or cost < best[0]:
            best = cost, choice
    assert best is not None
    return best[1]


def _choices(problem: Gemm, target: Registers, *, may_swap: bool) -> Iterator[tuple[int, _Choice]]:
    lanes = target.vector_bytes // (4 if problem.kind == "float" else 8)
    for swapped in (False, True)[: 1 + may_swap]:
        p = problem.swapped() if swapped else problem
        for place, (rows, vectors) in enumerate(family(target)):
            for unit in (True, False):
                known = vectors == 1 and not unit and abs(p.a_row) <= NEAR_ROW
                v = Variant(p.kind, lanes, rows, vectors, unit, p.a_row if known else 0, p.pairs)
                if not unit and (not v.fits(p.m) or rows == 1):
                    continue
                must_a = v.may_pack_a and (p.a_row != 1 or not v.fits(p.m))
                must_b = p.b_col != 1 or p.n < v.columns
                for pack_a in {must_a, v.may_pack_a}:
                    for pack_b in {must_b, True}:
                        yield place, _Choice(p, v, pack_a, pack_b, swapped)


def _cycles(c: _Choice) -> float:
    """What the choice takes on one thread."""
    p, v = c.problem, c.variant
    depth, column_tiles = p.k * p.blocks, _ceil(p.n, v.columns)
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
            tile += 6.0 * rows * v.columns * (2 * _ceil(depth, _depth(c)[0]) - 1)
        return count * column_tiles * tile

    whole, left = divmod(_ceil(p.m, v.unit), v.rows // v.unit)
    total = tiles(whole, v.rows) + (tiles(1, left * v.unit) if left else 0.0)
    once = 0.0
    if c.pack_b:
        once += p.n * depth * _packing(p.b_col, p.b_k, v) + 100
        once += column_tiles * depth * far if p.b_col == 1 else 0.0
    if c.pack_a:
        total += p.m * depth * _packing(p.a_row, p.a_k, v) + 100
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
    lines = _ceil(size, 64)
    return max(1, min(64 // gcd(64, stride // 64) * lines, 64) // lines) * 8


def _farness(stride: int, size: int) -> float:
    """Cycles lost for each vector that is read from further away, and through the TLB."""
    return 5.0 if stride >= 4096 else 3.0 if stride >= 1024 and size > 2 * L2_BYTES else 0.3


def _again(c: _Choice) -> float:
    """Cycles that an element of B takes each part of the work besides the first."""
    return _packing(c.problem.b_col, c.problem.b_k, c.variant) if c.pack_b else FETCH_CYCLES


def _packing(line: int, step: int, v: Variant) -> float:
    """Cycles an element takes."""
    scale = v.itemsize / 4
    return scale * (0.5 if line == 1 else 0.4 if step == 1 else 1.2)


# -- blocks and threads ----------------------------------------------------------------------


def _tiled(c: _Choice, threads: int, batch_parts: int = 0) -> TiledGemm:
    p, v = c.problem, c.variant
    packers = (
        Packer(v.kind, v.lanes, v.rows % v.lanes, v.rows >= v.lanes) if c.pack_a else None,
        Packer(v.kind, v.lanes, 0) if c.pack_b else None,
    )
    if batch_parts:
        parts = (batch_parts, 1, 1)
        threads = min(threads, batch_parts)
    else:
        parts = _parts(c, threads)
        threads = parts[0] * parts[1] * parts[2]
        parts = _finer(c, parts, threads)
    m = _ceil(_ceil(p.m, v.rows), parts[1]) * v.rows
    n = _ceil(_ceil(p.n, v.columns), parts[2]) * v.columns
    block_k, block_reduced = _depth(c)
    depth = block_k * block_reduced
    rows = _fitting(m, v.rows, BLOCK_A_BYTES // (depth * v.itemsize))
    if not c.pack_b:
        columns = _fitting(n, v.columns, L2_BYTES // (depth * v.itemsize))
    elif rows >= m and not c.pack_a:
        # Panels serve once: use them while they are in the nearest cache.
        columns = _fitting(n, v.columns, BLOCK_A_BYTES // 2 // (depth * v.itemsize))
    else:
        columns = _fitting(n, v.columns, BLOCK_B_BYTES // (depth * v.itemsize))
    small = columns >= n and depth * columns * v.itemsize <= L1_BYTES
    # If all of B is near, C is written row by row; else what an epilogue gets stays near.
    rows = v.rows if small else _fitting(rows, v.rows, BLOCK_C_BYTES // (columns * v.itemsize))
    scratch_a = _panel_bytes(v, rows, v.rows, depth) if c.pack_a else 0
    scratch_b = _panel_bytes(v, columns, v.columns, depth) if c.pack_b else 0
    start_b = v.buffer_bytes + scratch_a
    kept = ("m", "n", "k", "a_row", "a_k", "b_k", "b_col", "c_row", "c_col", "c_outer", "batch")
    call = GemmCall(
        **{name: getattr(p, name) for name in kept},
        reduced=p.blocks,
        shares_b=int(p.shares_b),
        batch_parts=parts[0],
        row_parts=parts[1],
        column_parts=parts[2],
        block_rows=rows,
        block_columns=columns,
        block_reduced=block_reduced,
        block_k=block_k,
        scratch_b=start_b,
        scratch_stride=start_b + scratch_b,
        swapped=int(c.swapped),
    )
    tables = {
        name: offsets(tuple((axis[0], axis[side]) for axis in axes))
        for name, axes, side in (
            ("a_places", p.outer, 1),
            ("b_places", p.outer, 2),
            ("a_blocks", p.reduced, 1),
            ("b_blocks", p.reduced, 2),
        )
    }
    return TiledGemm(v, call, threads, *packers, tables)


def _depth(c: _Choice) -> tuple[int, int]:
    """How many k, and how many r, are summed at a time."""
    p, v = c.problem, c.variant
    k = max(1, p.k)
    if not c.pack_a and not c.pack_b:
        most = PANEL_IN_PLACE_BYTES // (v.columns * v.itemsize)
        if k > 2 * most:
            return _ceil(k, _ceil(k, most)), 1
        near = BLOCK_A_BYTES // (max(1, p.m + p.n) * k * v.itemsize)
        return k, max(1, min(p.blocks, near))
    most = max(
        64,
        (PANEL_PACKED_BYTES if c.pack_a else PANEL_BYTES) // (v.columns * v.itemsize),
    )
    if 2 * k > 3 * most:
        return _ceil(k, _ceil(k, most)), 1
    return k, max(1, min(p.blocks, most // k))


def _parts(c: _Choice, threads: int) -> tuple[int, int, int]:
    """Into how many parts the batch, the rows and the columns are cut."""
    p, v = c.problem, c.variant
    row_tiles, column_tiles = _ceil(p.m, v.rows), _ceil(p.n, v.columns)
    tile = v.rows * v.vectors / 2
    # What every part of a row (or column) of the grid reads again costs each of them.
    pack_a = v.rows * (_packing(p.a_row, p.a_k, v) if c.pack_a else FETCH_CYCLES)
    pack_b = v.columns * (PACK_AT_ONCE * _packing(p.b_col, p.b_k, v) if c.pack_b else FETCH_CYCLES)
    best, grid = 0.0, (1, 1, 1)
    for batch in range(min(threads, p.batch), 0, -1):
        for rows in range(1, min(threads // batch, row_tiles) + 1):
            columns = min(threads // batch // rows, column_tiles)
            mine = _ceil(row_tiles, rows), _ceil(column_tiles, columns)
            turns = _ceil(p.batch, batch)
            load = turns * (mine[0] * mine[1] * tile + mine[0] * pack_a)
            load += mine[1] * pack_b * (1 if p.shares_b else turns)
            if columns > 1:
                crossing = turns * mine[0] * v.rows * mine[1] * v.columns
                load += crossing * CROSS_CYCLES / max(1, p.k * p.blocks)
            if not best or load < best:
                best, grid = load, (batch, rows, columns)
    return grid


def _finer(c: _Choice, parts: tuple[int, int, int], threads: int) -> tuple[int, int, int]:
    """More parts than threads, where that costs little: who is quicker takes more of them."""
    p, v, total = c.problem, c.variant, _cycles(c)
    # What a further part of the batch, or of the rows, has to pack or fetch once more.
    again = p.n * p.k * p.blocks * _again(c) / parts[2]
    alone = p.batch == 1
    most = _ceil(p.m, v.rows) if alone else p.batch
    for times in range(PARTS_PER_THREAD, 1, -1) if threads > 1 else ():
        count = min(most, parts[alone] * times)
        further = (count - parts[alone]) * (again if alone or p.shares_b else 0)
        if count * PART_CYCLES < total * parts[alone] / threads and further < 0.02 * total:
            return (1, count, parts[2]) if alone else (count, *parts[1:])
    return parts


def _panel_bytes(v: Variant, lines: int, width: int, depth: int) -> int:
    """Room for packed panels; 64 more elements may be written beyond the last."""
    elements = lines * (depth + panel_padding(v.kind, width)) + 64
    return _ceil(elements * v.itemsize, 64) * 64


def _fitting(extent: int, unit: int, most: int) -> int:
    """Near-equal blocks of `extent`, in multiples of `unit`, not more than `most` if possible."""
    units = _ceil(extent, unit)
    blocks = _ceil(units, max(1, most // unit))
    return _ceil(units, blocks) * unit


def _ceil(a: int, b: int) -> int:
    return -(-a // b)
