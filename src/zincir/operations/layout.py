"""Tensors cut, joined, repeated and rearranged, composed of views and assemblies."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import Node, apply, user_line
from zincir.operations import movement as mv
from zincir.operations.arithmetic import cast, compare, keep_p
from zincir.operations.dims import one_axis
from zincir.operations.source import const, iota
from zincir.types import Shape, int64, result_type


def triangle(x: Node, diagonal: int, upper: bool) -> Node:
    """triu, or tril."""
    if x.ndim < 2:
        raise ShapeError(explain("tril/triu: needs a matrix", where=user_line(), got=str(x.shape)))
    shape = x.shape[-2:]
    distance = iota(shape, 1, int64) - iota(shape, 0, int64)
    return apply(keep_p, compare("ge" if upper else "le", distance, diagonal), x)


def diagonal(x: Node, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Node:
    """The diagonal of two axes, as the last axis."""
    a, b = one_axis(dim1, x.ndim), one_axis(dim2, x.ndim)
    rest = tuple(i for i in range(x.ndim) if i not in (a, b))
    x = mv.permute(x, (*rest, a, b))
    r, c = x.shape[-2:]
    n = max(0, min(r, c - offset) if offset >= 0 else min(r + offset, c))
    kept = x.shape[:-2]
    flat = mv.reshape(x, (*kept, r * c))
    start = (offset if offset >= 0 else -offset * c) if n else 0
    zeros, ones = (0,) * len(kept), (1,) * len(kept)
    return mv.slice_(flat, (*zeros, start), (*ones, c + 1), (*kept, n))


def diag(x: Node, offset: int = 0) -> Node:
    """A matrix with the vector on its diagonal; of a matrix, the diagonal."""
    if x.ndim == 2:
        return diagonal(x, offset)
    if x.ndim != 1:
        raise ShapeError(
            explain("diag: needs a vector or a matrix", where=user_line(), got=str(x.shape))
        )
    n = x.shape[0] + abs(offset)
    row, column = max(0, -offset), max(0, offset)
    flat = mv.expand(const(0, x.dtype), (n * n,))
    if x.shape[0]:
        flat = mv.update(flat, x, (row * n + column,), (n + 1,))
    return mv.reshape(flat, (n, n))


def roll(x: Node, shift: int, axis: int) -> Node:
    """Elements moved along `axis`, those that fall off coming back at the other end."""
    n = x.shape[axis]
    shift = shift % n if n else 0
    if not shift:
        return x

    def part(start: int, length: int) -> Node:
        starts = tuple(start if i == axis else 0 for i in range(x.ndim))
        sizes = tuple(length if i == axis else m for i, m in enumerate(x.shape))
        return mv.slice_(x, starts, (1,) * x.ndim, sizes)

    return mv.cat([part(n - shift, shift), part(0, n - shift)], axis)


def repeat(x: Node, repeats: tuple[int, ...]) -> Node:
    """`x` laid side by side."""
    if len(repeats) < x.ndim:
        raise ShapeError(
            explain(
                "repeat: fewer repeats than dimensions",
                where=user_line(),
                got=f"{repeats} for {x.shape}",
            )
        )
    shape = (1,) * (len(repeats) - x.ndim) + x.shape
    ones = tuple(m for n in shape for m in (1, n))
    wide = tuple(m for r, n in zip(repeats, shape, strict=True) for m in (r, n))
    result = tuple(r * n for r, n in zip(repeats, shape, strict=True))
    return mv.reshape(mv.expand(mv.reshape(x, ones), wide), result)


def repeat_interleave(x: Node, repeats: int, axis: int) -> Node:
    """Every element `repeats` times in a row."""
    if repeats < 0:
        raise ShapeError(
            explain("repeat_interleave: repeats < 0", where=user_line(), got=str(repeats))
        )
    shape = x.shape
    wide = (*shape[: axis + 1], repeats, *shape[axis + 1 :])
    spread = mv.expand(mv.reshape(x, (*shape[: axis + 1], 1, *shape[axis + 1 :])), wide)
    return mv.reshape(spread, (*shape[:axis], shape[axis] * repeats, *shape[axis + 1 :]))


def repeated_rows(counts: np.ndarray[Any, Any], n: int) -> np.ndarray[Any, Any]:
    """The rows that are wanted when each of `n` is repeated as often as `counts` says.

    Raises:
        DTypeError: counts are no int32 or int64.
        ShapeError: there is not one for each row, or one is negative.
    """
    if counts.dtype not in (np.int32, np.int64):
        got = str(counts.dtype)
        raise DTypeError(
            explain("repeat_interleave: repeats must be int32 or int64", where=user_line(), got=got)
        )
    if counts.shape != (n,) or (counts < 0).any():
        raise ShapeError(
            explain(
                "repeat_interleave: repeats must be one number >= 0 for each place",
                where=user_line(),
                expected=f"{n} numbers",
                got=str(counts.tolist()),
            )
        )
    return np.repeat(np.arange(n), counts)


def check_repeated(n: int, output_size: int | None) -> None:
    """Raise if what was repeated has another size than was promised.

    Raises:
        ShapeError: it has.
    """
    if output_size not in (None, n):
        raise ShapeError(
            explain(
                "repeat_interleave: output_size is not the sum of the repeats",
                where=user_line(),
                expected=str(n),
                got=str(output_size),
            )
        )


def cat(xs: Sequence[Node], dim: int) -> Node:
    """Tensors one after the other along `dim`, in their common type."""
    if not xs:
        raise ArgumentError(explain("cat: expected a non-empty list of tensors", where=user_line()))
    kind = result_type(*[(x.dtype, 2 if x.shape else 1) for x in xs])
    xs = [cast(x, kind) for x in xs if x.shape != (0,)] or [cast(xs[0], kind)]
    ndim = xs[0].ndim
    if not ndim or builtins.any(x.ndim != ndim for x in xs):
        raise ShapeError(
            explain(
                "cat: tensors must have the same number of dimensions, at least one",
                where=user_line(),
                got=" ".join(str(x.shape) for x in xs),
                try_="stack, or unsqueeze",
            )
        )
    axis = one_axis(dim, ndim)
    first = xs[0].shape
    for x in xs:
        if x.shape[:axis] != first[:axis] or x.shape[axis + 1 :] != first[axis + 1 :]:
            raise ShapeError(
                explain(
                    f"cat: sizes of tensors must match except in dimension {axis}",
                    where=user_line(),
                    got=" ".join(str(x.shape) for x in xs),
                )
            )
    full = [x for x in xs if x.shape[axis]]
    return mv.cat(full or xs[:1], axis) if len(full) != len(xs) else mv.cat(list(xs), axis)


def stack(xs: Sequence[Node], dim: int) -> Node:
    """Tensors of one shape along a new axis."""
    if not xs:
        raise ArgumentError(
            explain("stack: expected a non-empty list of tensors", where=user_line())
        )
    first = xs[0].shape
    if builtins.any(x.shape != first for x in xs):
        raise ShapeError(
            explain(
                "stack: tensors must have one shape",
                where=user_line(),
                got=" ".join(str(x.shape) for x in xs),
            )
        )
    at = one_axis(dim, len(first) + 1)
    return cat([mv.reshape(x, (*first[:at], 1, *first[at:])) for x in xs], at)


def fitted(value: Node, shape: Shape, problem: str) -> Node:
    """What is written to a tensor, broadcast to its shape.

    Raises:
        ShapeError: it has other sizes; `problem` says so.
    """
    try:
        return mv.expand(value, shape)
    except ShapeError:
        raise ShapeError(
            explain(
                problem,
                where=user_line(),
                expected=f"a shape that broadcasts to {shape}",
                got=str(value.shape),
            )
        ) from None
