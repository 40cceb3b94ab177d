"""Pooling to a given size: windows between cuts that are as even as whole numbers allow.

Of n elements, output o of m is made of elements floor(o * n / m) up to ceil((o + 1) * n / m). Where
m divides n, that is plain pooling. Elsewhere each axis is folded by itself, and a mask says which
elements belong to which output: nothing outside of a window, NaN or infinite, reaches into it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from zincir.graph.node import MODE, Node, apply
from zincir.lower_precision import full
from zincir.nn.functional.pooling_average import sums
from zincir.nn.functional.pooling_max import largest, lowest, numbers, to_places, with_indices
from zincir.nn.functional.windows import Window, along, nothing, planes, sizes, with_gradient
from zincir.nn.module.user_line import at_user_line, floats
from zincir.operations import movement as mv, reduction
from zincir.operations.arithmetic import bitwise, cast, compare, div_p, where
from zincir.operations.source import const, detach
from zincir.tensor import Tensor, wrap
from zincir.types import Shape, contiguous_strides, int64

OutputSize = int | None | Sequence[int | None]


@at_user_line
def adaptive_avg_pool1d(input: Tensor, output_size: int | Sequence[int]) -> Tensor:
    """The means of `output_size` windows along the last axis, as in `adaptive_avg_pool2d`.

    >>> import zincir
    >>> adaptive_avg_pool1d(zincir.tensor([[1.0, 2.0, 3.0]]), 2).tolist()
    [[1.5, 2.5]]
    """
    return _averages("adaptive_avg_pool1d", input, 1, output_size)


@at_user_line
def adaptive_avg_pool2d(input: Tensor, output_size: OutputSize) -> Tensor:
    """The means of as many windows over the last two axes as `output_size` says.

    Shape: (batch, channels, height, width) or (channels, height, width) -> (..., *output_size).

    Args:
        input: floating.
        output_size: an int, or (height, width); None keeps a size as it is.

    >>> import zincir
    >>> adaptive_avg_pool2d(zincir.arange(8.0).reshape(1, 2, 4), (1, 2)).tolist()
    [[[2.5, 4.5]]]
    """
    return _averages("adaptive_avg_pool2d", input, 2, output_size)


@full
@at_user_line
def adaptive_avg_pool3d(input: Tensor, output_size: OutputSize) -> Tensor:
    """The means of windows over the last three axes, as in `adaptive_avg_pool2d`.

    >>> import zincir
    >>> adaptive_avg_pool3d(zincir.arange(8.0).reshape(1, 2, 2, 2), 1).tolist()
    [[[[3.5]]]]
    """
    return _averages("adaptive_avg_pool3d", input, 3, output_size)


@at_user_line
def adaptive_max_pool1d(
    input: Tensor, output_size: int | Sequence[int], return_indices: bool = False
) -> Any:
    """The largest of `output_size` windows along the last axis, as in `adaptive_max_pool2d`.

    >>> import zincir
    >>> adaptive_max_pool1d(zincir.tensor([[1.0, 3.0, 2.0]]), 2).tolist()
    [[3.0, 3.0]]
    """
    return _maxima("adaptive_max_pool1d", input, 1, output_size, return_indices)


@at_user_line
def adaptive_max_pool2d(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Any:
    """The largest of each of as many windows over the last two axes as `output_size` says.

    The gradient goes to one element of each window, the first of equals.

    Shape: (batch, channels, height, width) or (channels, height, width) -> (..., *output_size).

    Args:
        input: of floating or integer type.
        output_size: an int, or (height, width); None keeps a size as it is.
        return_indices: return a tuple, the second being where in its plane each maximum stood
            (row * width + column; int64).

    >>> import zincir
    >>> adaptive_max_pool2d(zincir.arange(8.0).reshape(1, 2, 4), (1, 2)).tolist()
    [[[5.0, 7.0]]]
    """
    return _maxima("adaptive_max_pool2d", input, 2, output_size, return_indices)


@full
@at_user_line
def adaptive_max_pool3d(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Any:
    """The largest of windows over the last three axes, as in `adaptive_max_pool2d`.

    >>> import zincir
    >>> adaptive_max_pool3d(zincir.arange(8.0).reshape(1, 2, 2, 2), 1).tolist()
    [[[[7.0]]]]
    """
    return _maxima("adaptive_max_pool3d", input, 3, output_size, return_indices)


@at_user_line
def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: int | Sequence[int], return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool1d` with the places of the maxima, whatever `return_indices` is.

    >>> import zincir
    >>> x = zincir.arange(4.0).reshape(1, 4)
    >>> [x.tolist() for x in adaptive_max_pool1d_with_indices(x, 2)]
    [[[1.0, 3.0]], [[1, 3]]]
    """
    return adaptive_max_pool1d(input, output_size, True)


@at_user_line
def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool2d` with the places of the maxima, whatever `return_indices` is.

    >>> import zincir
    >>> x = zincir.arange(4.0).reshape(1, 2, 2)
    >>> [x.tolist() for x in adaptive_max_pool2d_with_indices(x, 1)]
    [[[[3.0]]], [[[3]]]]
    """
    return adaptive_max_pool2d(input, output_size, True)


@at_user_line
def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool3d` with the places of the maxima, whatever `return_indices` is.

    >>> import zincir
    >>> x = zincir.arange(8.0).reshape(1, 2, 2, 2)
    >>> [x.tolist() for x in adaptive_max_pool3d_with_indices(x, 1)]
    [[[[[7.0]]]], [[[[7]]]]]
    """
    return adaptive_max_pool3d(input, output_size, True)


def _wanted(what: str, shape: Shape, output_size: Any) -> Shape:
    """`output_size` as a shape; None stands for the size that is there."""
    rank = len(shape)
    several = isinstance(output_size, Sequence)
    given: list[Any] = [*output_size] if several else [output_size] * rank
    if len(given) == rank:
        given = [n if v is None else v for n, v in zip(shape, given, strict=True)]
    return sizes(what, "output_size", given, rank, 0)


def _even(shape: Shape, wanted: Shape) -> Window:
    """The windows where all outputs are made of equally many elements."""
    each = tuple(n // m for n, m in zip(shape, wanted, strict=True))
    return Window(shape, each, each, (0,) * len(each), (1,) * len(each), wanted)


def _averages(what: str, input: Tensor, rank: int, output_size: Any) -> Tensor:
    x = floats(input, f"{what}: input")
    shape = planes(what, x, rank)
    wanted = _wanted(what, shape, output_size)
    if 0 in wanted:
        return wrap(nothing(x, x.shape[: x.ndim - rank] + wanted))
    for a, (n, m) in enumerate(zip(shape, wanted, strict=True)):
        if n % m:
            x = _mean_along(x, x.ndim - rank + a, m)
    s = _even(x.shape[x.ndim - rank :], wanted)
    count = math.prod(s.kernel)
    return wrap(x if count == 1 else sums(x, s) / float(count))


def _belongs(n: int, m: int, after: int) -> tuple[Node, Node]:
    """Which of n elements belong to which of m outputs, (n, m, 1...); how many do, (m, 1...)."""
    rank = 2 + after
    o, i = along(m, 1, rank, int64), along(n, 0, rank, int64)
    outputs = const(m, int64)
    begin = apply(div_p, o * n, outputs)
    end = apply(div_p, (o + 1) * n + (m - 1), outputs)
    inside = bitwise("and", compare("ge", i, begin), compare("lt", i, end))
    return inside, mv.reshape(end - begin, (m, *(1,) * after))


def _mean_along(x: Node, axis: int, m: int) -> Node:
    before, n, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    inside, count = _belongs(n, m, len(after))
    total = mv.sum_(where(inside, mv.reshape(x, (*before, n, 1, *after)), 0.0), (axis,))
    return mv.reshape(total, (*before, m, *after)) / cast(count, x.dtype)


def _maxima(what: str, input: Tensor, rank: int, output_size: Any, indices: bool) -> Any:
    x = numbers(input, what)
    shape = planes(what, x, rank)
    wanted = _wanted(what, shape, output_size)
    chosen: Node | None = None
    if 0 in wanted:
        y = nothing(x, x.shape[: x.ndim - rank] + wanted)
        chosen = mv.expand(const(0, int64), y.shape)
    elif not any(n % m for n, m in zip(shape, wanted, strict=True)):
        y, chosen = largest(x, _even(shape, wanted), indices)
    else:
        y, chosen = _uneven(x, wanted, indices)
    return with_indices(y, chosen, input) if indices else wrap(cast(y, input.dtype))


def _uneven(x: Node, wanted: Shape, indices: bool) -> tuple[Node, Node | None]:
    """The largest of each window, one axis after the other, the last one first.

    So the first of the largest rows wins, and in it the first of its largest elements.
    """
    rank = len(wanted)
    shape = x.shape[x.ndim - rank :]
    numbered = indices or (x.needs_grad and MODE.grad)
    y, number = detach(x), mv.reshape(const(0, int64), (1,) * x.ndim)
    for a in reversed(range(rank)):
        unit = contiguous_strides(shape)[a]
        axis = x.ndim - rank + a
        y, number = _largest_along(y, number, axis, wanted[a], unit, numbered)
    if not numbered:
        return y, None
    return with_gradient(y, x, lambda g: to_places(g, number, shape)), number


def _largest_along(
    x: Node, number: Node, axis: int, m: int, unit: int, numbered: bool
) -> tuple[Node, Node]:
    """The largest along `axis`, and `number` where it stood plus `unit` for each step to it."""
    before, n, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    inside, _ = _belongs(n, m, len(after))
    x = mv.reshape(x, (*before, n, 1, *after))
    y = reduction.amax(where(inside, x, lowest(x)), (axis,))
    flat = (*before, m, *after)
    if not numbered:
        return mv.reshape(y, flat), number
    place = along(n, axis, x.ndim, int64)
    hit = bitwise("and", inside, compare("eq", x, y))
    nan = bitwise("and", inside, compare("ne", x, x))
    first = reduction.amin(where(hit, place, where(nan, -1 - place, n)), (axis,))
    first = where(compare("lt", first, 0), -1 - first, first)
    number = mv.expand(number, (*before, n, *after))
    carried = where(compare("eq", place, first), mv.reshape(number, (*before, n, 1, *after)), 0)
    return mv.reshape(y, flat), mv.reshape(mv.sum_(carried, (axis,)) + first * unit, flat)
