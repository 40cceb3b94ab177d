"""Chooses the tile of a product, and what is packed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, lru_cache
from typing import Protocol

from zincir.compiler.kernels.matmul.blocks import blocked
from zincir.compiler.kernels.matmul.model import Choice, cycles, cycles_again
from zincir.compiler.kernels.matmul.tiles import Gemm, TiledGemm, Variant
from zincir.compiler.machine import NEAR_ROW, PARTS_PER_THREAD, SHARE_CYCLES


class Registers(Protocol):
    """The part of `runtime.native.Target` that decides about tiles."""

    @property
    def vector_bytes(self) -> int: ...

    @property
    def vector_registers(self) -> int: ...


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
    return blocked(choice, max(1, min(threads, int(cycles(choice) / SHARE_CYCLES))), parts)


@lru_cache(maxsize=1024)
def fitting_parts(problem: Gemm, target: Registers, pieces: int) -> int:
    """Into how many parts of whole pieces (8 or more) the first outer axis is cut at most.

    They are many, if packing B anew is cheap, or if each product has its own.
    """
    c = _choose(_folded(problem, keep=1), target, may_swap=True)
    p = c.problem
    again = p.n * p.k * p.blocks * cycles_again(c) if p.shares_b else 0.0
    counts = [count for count in range(1, pieces + 1) if pieces % count == 0]
    cheap = [count for count in counts if count * again < 0.03 * cycles(c)]
    enough = min((count for count in counts if count >= PARTS_PER_THREAD), default=counts[-1])
    return max(enough, *cheap) if cheap else enough


def tiled_with(
    problem: Gemm, threads: int, variant: Variant, *, pack_a: bool = False, pack_b: bool = False
) -> TiledGemm:
    """As `tiled`, with the tile given and what to pack though it need not be."""
    pack_a = variant.may_pack_a and (pack_a or problem.a_row != 1 or not variant.fits(problem.m))
    pack_b = pack_b or problem.b_col != 1 or problem.n < variant.columns
    return blocked(Choice(problem, variant, pack_a, pack_b), threads)


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


def _choose(problem: Gemm, target: Registers, *, may_swap: bool) -> Choice:
    best: tuple[float, Choice] | None = None
    for place, choice in _choices(problem, target, may_swap=may_swap):
        # A preferred tile is probably compiled already.
        cost = cycles(choice) * (1.0, 1.05, 1.05, 1.1)[min(place, 3)]
        if best is None or cost < best[0]:
            best = cost, choice
    assert best is not None
    return best[1]


def _choices(problem: Gemm, target: Registers, *, may_swap: bool) -> Iterator[tuple[int, Choice]]:
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
                        yield place, Choice(p, v, pack_a, pack_b, swapped)
