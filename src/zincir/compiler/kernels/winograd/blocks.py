"""How the work of the kernels of `operations.winograd` is cut into blocks and parts.

Each function gives the numbers that a kernel is told (see `transforms`), and the product it calls.
"""

from __future__ import annotations

from zincir.compiler.kernels.matmul.tiles import GEMM_ARGUMENTS, Gemm
from zincir.compiler.machine import (
    WINOGRAD_APART,
    WINOGRAD_BLOCK_BYTES,
    WINOGRAD_COLUMNS,
    WINOGRAD_PART_TILES,
    WINOGRAD_PARTS,
)


def product_call(
    n: int, high: int, wide: int, c: int, m: int, *, parts: int = 0
) -> tuple[dict[str, int], Gemm]:
    """Numbers for `winograd` of `n` images, and the product of a block.

    Args:
        parts: if not 0, the images are cut into so many equal parts.
    """
    lines, tiles = -(-high // 2), -(-wide // 2)
    rows = n * lines
    part = block = _block(rows, tiles, c + m)
    if parts:
        part = rows // parts
        block = _block(part, tiles, c + m, parts=1)
    count = block * tiles
    v, z = count * c + WINOGRAD_APART, count * m + WINOGRAD_APART
    outer = ((16, v, c * m),)
    problem = Gemm("float", count, m, c, c, 1, m, 1, m, outer, c_outer=z)
    numbers = {
        **dict(high=high, wide=wide, lines=lines, tiles=tiles, channels=c, columns=m),
        **dict(rows=rows, part_rows=part, block_rows=block, parts=-(-rows // part)),
        **_places(v, z),
    }
    return numbers, problem


def fitting_parts(n: int, high: int, wide: int, c: int, m: int, *, pieces: int) -> int:
    """How many parts of whole pieces (8 or more) `winograd` has at most: each fills a block."""
    lines, tiles = -(-high // 2), -(-wide // 2)
    block = _block(n * lines, tiles, c + m)
    counts = [p for p in range(WINOGRAD_PARTS, pieces + 1) if pieces % p == 0]
    return max(p for p in counts if p == counts[0] or n * lines // p >= block)


def sums_call(
    n: int, high: int, wide: int, c: int, m: int, *, pieces: int, turned: bool
) -> tuple[dict[str, int], Gemm]:
    """Numbers for `winograd_sums` of `n` images, and the product of a block."""
    lines, tiles = -(-high // 2), -(-wide // 2)
    rows, columns = (m, c) if turned else (c, m)
    slices = _slices(columns, -(-WINOGRAD_PARTS // pieces))
    mine = columns // slices
    lines_of_piece = -(-n // pieces) * lines
    block = _block(lines_of_piece, tiles, rows + mine, parts=1)
    count = block * tiles
    a, b = count * rows + WINOGRAD_APART, count * mine + WINOGRAD_APART
    outer = ((16, a, b),)
    problem = Gemm("float", rows, mine, count, 1, rows, mine, 1, columns, outer, c_outer=c * m)
    numbers = {
        **dict(high=high, wide=wide, lines=lines, tiles=tiles),
        **dict(rows=n * lines, part_rows=lines_of_piece, block_rows=block),
        **dict(parts=pieces * slices, slices=slices, y_slice=mine),
        **dict(piece=16 * c * m, turned=int(turned)),
    }
    if turned:
        cut = dict(channels=mine, columns=m, x_slice=mine, g_slice=0)
        return numbers | _places(b, a) | cut, problem
    return numbers | _places(a, b) | dict(
        channels=c, columns=mine, x_slice=0, g_slice=mine
    ), problem


def _slices(columns: int, wanted: int) -> int:
    """Into how many parts of whole vectors columns are cut."""
    fits = [s for s in range(1, wanted + 1) if columns % (16 * s) == 0]
    return max(s for s in fits if s == 1 or columns // s >= WINOGRAD_COLUMNS)


def _block(rows: int, tiles: int, channels: int, parts: int = WINOGRAD_PARTS) -> int:
    """How many lines of tiles are transformed at a time, if `parts` are worth having."""
    most = max(1, WINOGRAD_BLOCK_BYTES // (64 * channels * tiles))
    enough = max(rows // parts, -(-WINOGRAD_PART_TILES // tiles))
    return -(-rows // -(-rows // min(most, enough)))


def _places(v: int, z: int) -> dict[str, int]:
    """Where what is in the thread's scratch."""
    copy_at = 64 * (v + z)
    room_at = copy_at + -(-8 * len(GEMM_ARGUMENTS) // 64) * 64
    return dict(v_place=v, z_place=z, z_at=64 * v, copy_at=copy_at, room_at=room_at)
