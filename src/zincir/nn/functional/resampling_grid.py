"""Images read at places that are computed, between the elements if need be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.half import converted
from zincir.lower_precision import full
from zincir.nn.functional.interpolation_weights import KEYS_A, keys_far, keys_near
from zincir.nn.module.user_line import at_user_line, floats
from zincir.operations.arithmetic import bitwise, cast, compare, floor, remainder, round, where
from zincir.operations.contraction import matmul
from zincir.operations.indexing import take
from zincir.operations.movement import expand, permute, reshape, slice_, swap_last
from zincir.operations.source import detach, iota
from zincir.tensor import Tensor, from_array, wrap
from zincir.types import Shape, int64, size as size_of

Neighbour: TypeAlias = tuple[Node, Node | None]
"""Which element along an axis, as a whole floating number, and its weight."""


@dataclass(frozen=True)
class _Edges:
    """What is read outside, and what counts as the edge."""

    mode: str
    corners: bool


@full
@at_user_line
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """`input` read at the places that `grid` names, from -1 (left, top) to 1 (right, bottom).

    Shape: input (N, C, H, W), grid (N, h, w, 2) with (x, y) -> (N, C, h, w); or input
    (N, C, D, H, W), grid (N, d, h, w, 3) with (x, y, z) -> (N, C, d, h, w). Both get gradients;
    with "nearest", whose steps are flat, the input only. From https://arxiv.org/abs/1506.02025.

    Args:
        mode: "bilinear" (of 4 neighbours, or 8), "nearest", or "bicubic" (of 16; not for D, H, W).
        padding_mode: what is read outside. "zeros", "border": the outermost elements, or
            "reflection": the input mirrored, again and again.
        align_corners: with True, -1 and 1 are the middles of the outermost elements; with False
            (or None), their outer edges.

    >>> import zincir
    >>> x, grid = zincir.tensor([[[[0.0, 4.0]]]]), zincir.tensor([[[[0.0, 0.0], [0.25, 0.0]]]])
    >>> grid_sample(x, grid, align_corners=False).tolist()
    [[[[2.0, 3.0]]]]
    """
    x, places = floats(input, "grid_sample: input"), floats(grid, "grid_sample: grid")
    _check_sampling(x, places, mode, padding_mode)
    edges = _Edges(padding_mode, bool(align_corners))
    n, c, *sizes = x.shape
    output = places.shape[1:-1]
    # Rows of all channels, so that one look-up serves them all
    rows = permute(x, (0, *range(2, x.ndim), 1))
    rows = reshape(rows, (n * size_of(tuple(sizes)), c))
    neighbours = [
        _neighbours(_coordinate(places, k, size, edges.corners), size, mode, edges)
        for k, size in enumerate(reversed(sizes))
    ]
    total: Node | None = None
    for corner in product(*reversed(neighbours)):
        term = _corner(rows, corner, (n, *output), tuple(sizes), edges.mode == "zeros")
        total = term if total is None else total + term
    assert total is not None
    return wrap(permute(total, (0, total.ndim - 1, *range(1, total.ndim - 1))))


def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sample` with its modes by number: 0, 1, 2 in the order in which it names them.

    >>> import zincir
    >>> x, grid = zincir.tensor([[[[0.0, 4.0]]]]), zincir.tensor([[[[0.0, 0.0]]]])
    >>> grid_sampler(x, grid, 0, 0, False).tolist()
    [[[[2.0]]]]
    """
    for name, number in (("interpolation", interpolation_mode), ("padding", padding_mode)):
        if number not in (0, 1, 2):
            raise ArgumentError(
                explain(
                    f"grid_sampler: there is no such {name} mode",
                    where=user_line(),
                    expected="0, 1 or 2",
                    got=str(number),
                )
            )
    modes = ("bilinear", "nearest", "bicubic")[interpolation_mode], _PADDING[padding_mode]
    return grid_sample(input, grid, *modes, align_corners)


_PADDING = ("zeros", "border", "reflection")
grid_sampler_2d = grid_sampler_3d = grid_sampler


def _check_sampling(x: Node, grid: Node, mode: str, padding_mode: str) -> None:
    for name, value, known in (
        ("mode", mode, ("bilinear", "nearest", *(("bicubic",) if x.ndim == 4 else ()))),
        ("padding_mode", padding_mode, ("zeros", "border", "reflection")),
    ):
        if value not in known:
            raise ArgumentError(
                explain(
                    f"grid_sample: unknown {name}",
                    where=user_line(),
                    expected=", ".join(map(repr, known)),
                    got=repr(value),
                )
            )
    if x.dtype is not grid.dtype:
        raise DTypeError(
            explain(
                "grid_sample: input and grid are of different types",
                where=user_line(),
                got=f"input {x.dtype.name}, grid {grid.dtype.name}",
                try_="grid.to(input.dtype)",
            )
        )
    fits = x.ndim in (4, 5) and grid.ndim == x.ndim and grid.shape[-1] == x.ndim - 2
    if not fits or grid.shape[0] != x.shape[0] or min(x.shape[2:]) < 1:
        raise ShapeError(
            explain(
                "grid_sample: input and grid do not fit together",
                where=user_line(),
                expected="(N, C, H, W) and (N, h, w, 2), or (N, C, D, H, W) and (N, d, h, w, 3)",
                got=f"input {x.shape}, grid {grid.shape}",
                try_="grid.permute(0, 2, 3, 1) if its numbers stand second",
            )
        )


def _coordinate(grid: Node, k: int, size: int, align_corners: bool) -> Node:
    """Number `k` of each place, counted in elements: (N, h, w)."""
    starts = (0,) * (grid.ndim - 1) + (k,)
    at = slice_(grid, starts, (1,) * grid.ndim, (*grid.shape[:-1], 1))
    at = reshape(at, grid.shape[:-1])
    if align_corners:
        return (at + 1.0) * ((size - 1) / 2)
    return (at + 1.0) * (size / 2) - 0.5


def _inside(at: Node, size: int, edges: _Edges) -> Node:
    """Places outside brought to where their value comes from."""
    if edges.mode == "zeros":
        return at
    if edges.mode == "reflection":
        low, span = (0.0, size - 1.0) if edges.corners else (-0.5, float(size))
        if span == 0.0:
            return at * 0.0
        # Up from low to low + span and down again: each step as PyTorch rounds it
        away = at - low
        away = where(compare("lt", away, 0.0), -away, away)
        part = remainder(away, span)
        down = compare("ge", remainder(floor(detach(away) / span), 2.0), 1.0)
        at = where(down, span - part, part) + low
    return _clamped(at, 0.0, size - 1.0)


def _clamped(at: Node, low: float, high: float) -> Node:
    """Between low and high, with gradient 0 at both; NaN becomes low."""
    at = where(compare("gt", at, low), at, low)
    return where(compare("lt", at, high), at, high)


def _neighbours(at: Node, size: int, mode: str, edges: _Edges) -> list[Neighbour]:
    """The elements around each place, and how much they count (None: alone)."""
    if mode == "nearest":
        return [(round(_inside(detach(at), size, edges)), None)]
    if mode == "bilinear":
        at = _inside(at, size, edges)
        first = _far(at, size)
        beyond = at - first
        return [(first, 1.0 - beyond), (first + 1.0, beyond)]
    first = _far(at, size) if edges.mode == "zeros" else floor(detach(at))
    beyond = at - first
    weights = (
        keys_far(beyond + 1.0, KEYS_A),
        keys_near(beyond, KEYS_A),
        keys_near(1.0 - beyond, KEYS_A),
        keys_far(2.0 - beyond, KEYS_A),
    )
    return [(_inside(first + (k - 1.0), size, edges), weights[k]) for k in range(4)]


def _far(at: Node, size: int) -> Node:
    """The whole part, but not far outside, where nothing is read."""
    return _clamped(floor(detach(at)), -3.0, size + 2.0)


def _corner(
    rows: Node,
    corner: Sequence[Neighbour],
    output: Shape,
    sizes: Shape,
    zeros: bool,
) -> Node:
    """One neighbour of every place, times its weight: (N, h, w, C)."""
    row = iota(output, 0, int64)
    weight: Node | None = None
    there: Node | None = None
    for (at, share), size in zip(corner, sizes, strict=True):
        row = row * size + cast(_clamped(at, 0.0, size - 1.0), int64)
        weight = share if weight is None or share is None else weight * share
        if zeros:
            inside = bitwise("and", compare("ge", at, 0.0), compare("le", at, size - 1.0))
            there = inside if there is None else bitwise("and", there, inside)
    value = take(rows, row)
    if there is not None:
        value = where(reshape(there, (*output, 1)), value, 0.0)
    return value if weight is None else value * reshape(weight, (*output, 1))


@at_user_line
def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The grid with which `grid_sample` turns, moves and stretches: theta @ (x, y, 1).

    Shape: theta (N, 2, 3), size (N, C, H, W) -> (N, H, W, 2); theta (N, 3, 4), size
    (N, C, D, H, W) -> (N, D, H, W, 3).

    Args:
        align_corners: as for `grid_sample`, which must be given the same.

    >>> import zincir
    >>> affine_grid(zincir.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), (1, 1, 1, 2)).tolist()
    [[[[-0.5, 0.0], [0.5, 0.0]]]]
    """
    t, places = floats(theta, "affine_grid: theta"), tuple(size)[2:]
    n, k = (size[0] if size else 0), len(places)
    if k not in (2, 3) or t.shape != (n, k, k + 1) or min(places) < 1:
        raise ShapeError(
            explain(
                "affine_grid: theta and size do not fit together",
                where=user_line(),
                expected="(N, 2, 3) and (N, C, H, W), or (N, 3, 4) and (N, C, D, H, W)",
                got=f"theta {t.shape}, size {tuple(size)}",
            )
        )
    base = from_array(converted(_base_grid(places, bool(align_corners)), t.dtype))._node
    base = expand(reshape(base, (1, *base.shape)), (n, *base.shape))
    return wrap(reshape(matmul(base, swap_last(t)), (n, *places, k)))


def _base_grid(
    places: Shape, align_corners: bool
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(x, y, 1), or (x, y, z, 1), of every place: (H * W, 3)."""
    lines: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
    for n in places:
        line = np.arange(n) * 2.0 - (n - 1)
        lines.append(line / (max(n - 1, 1) if align_corners else n))
    axes = np.meshgrid(*lines, indexing="ij")
    columns = [axis.reshape(-1) for axis in reversed(axes)]
    return np.stack([*columns, np.ones(size_of(places))], 1)
