"""How the loops of a product are blocked, and how threads share them."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.compiler.kernels.matmul.model import (
    Choice,
    ceil_div,
    cycles,
    cycles_again,
    depth_of,
    packing_cycles,
)
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
    PACK_AT_ONCE,
    PART_CYCLES,
    PARTS_PER_THREAD,
)


def blocked(c: Choice, threads: int, batch_parts: int = 0) -> TiledGemm:
    """The choice on so many threads at most, or in so many parts of the batch."""
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
    block_k, block_reduced = depth_of(c)
    depth = block_k * block_reduced
    rows, columns = _block(c, parts, depth)
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
    return TiledGemm(v, call, threads, *packers, _tables(p))


def _tables(p: Gemm) -> dict[str, np.ndarray[Any, Any]]:
    """Where each o and r begins."""
    return {
        name: offsets(tuple((axis[0], axis[side]) for axis in axes))
        for name, axes, side in (
            ("a_places", p.outer, 1),
            ("b_places", p.outer, 2),
            ("a_blocks", p.reduced, 1),
            ("b_blocks", p.reduced, 2),
        )
    }


def _block(c: Choice, parts: tuple[int, int, int], depth: int) -> tuple[int, int]:
    """How many rows and columns are worked on at a time."""
    p, v = c.problem, c.variant
    m = ceil_div(ceil_div(p.m, v.rows), parts[1]) * v.rows
    n = ceil_div(ceil_div(p.n, v.columns), parts[2]) * v.columns
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
    return rows, columns


def _parts(c: Choice, threads: int) -> tuple[int, int, int]:
    """Into how many parts the batch, the rows and the columns are cut."""
    p, v = c.problem, c.variant
    row_tiles, column_tiles = ceil_div(p.m, v.rows), ceil_div(p.n, v.columns)
    tile = v.rows * v.vectors / 2
    # What every part of a row (or column) of the grid reads again costs each of them.
    pack_a = v.rows * (packing_cycles(p.a_row, p.a_k, v) if c.pack_a else FETCH_CYCLES)
    pack_b = v.columns * (
        PACK_AT_ONCE * packing_cycles(p.b_col, p.b_k, v) if c.pack_b else FETCH_CYCLES
    )
    best, grid = 0.0, (1, 1, 1)
    for batch in range(min(threads, p.batch), 0, -1):
        for rows in range(1, min(threads // batch, row_tiles) + 1):
            columns = min(threads // batch // rows, column_tiles)
            mine = ceil_div(row_tiles, rows), ceil_div(column_tiles, columns)
            turns = ceil_div(p.batch, batch)
            load = turns * (mine[0] * mine[1] * tile + mine[0] * pack_a)
            load += mine[1] * pack_b * (1 if p.shares_b else turns)
            if columns > 1:
                crossing = turns * mine[0] * v.rows * mine[1] * v.columns
                load += crossing * CROSS_CYCLES / max(1, p.k * p.blocks)
            if not best or load < best:
                best, grid = load, (batch, rows, columns)
    return grid


def _finer(c: Choice, parts: tuple[int, int, int], threads: int) -> tuple[int, int, int]:
    """More parts than threads, where that costs little: who is quicker takes more of them."""
    p, v, total = c.problem, c.variant, cycles(c)
    # What a further part of the batch, or of the rows, has to pack or fetch once more.
    again = p.n * p.k * p.blocks * cycles_again(c) / parts[2]
    alone = p.batch == 1
    most = ceil_div(p.m, v.rows) if alone else p.batch
    for times in range(PARTS_PER_THREAD, 1, -1) if threads > 1 else ():
        count = min(most, parts[alone] * times)
        further = (count - parts[alone]) * (again if alone or p.shares_b else 0)
        if count * PART_CYCLES < total * parts[alone] / threads and further < 0.02 * total:
            return (1, count, parts[2]) if alone else (count, *parts[1:])
    return parts


def _panel_bytes(v: Variant, lines: int, width: int, depth: int) -> int:
    """Room for packed panels; 64 more elements may be written beyond the last."""
    elements = lines * (depth + panel_padding(v.kind, width)) + 64
    return ceil_div(elements * v.itemsize, 64) * 64


def _fitting(extent: int, unit: int, most: int) -> int:
    """Near-equal blocks of `extent`, in multiples of `unit`, not more than `most` if possible."""
    units = ceil_div(extent, unit)
    blocks = ceil_div(units, max(1, most // unit))
    return ceil_div(units, blocks) * unit
