"""Pooling by means and norms of windows, as functions."""

from __future__ import annotations

import functools
import math
from typing import Any

from zincir.calling import takes_out
from zincir.errors import ArgumentError, explain
from zincir.graph.node import Node, apply, user_line
from zincir.lower_precision import full
from zincir.nn.functional.pooling_max import _flat
from zincir.nn.functional.windows import (
    Sizes,
    Window,
    along,
    from_windows,
    inside_axes,
    padded,
    planes,
    taps,
    window_of,
    windows,
    with_gradient,
)
from zincir.nn.module.user_line import at_user_line, floats, node_of
from zincir.operations import movement as mv
from zincir.operations.arithmetic import cast, compare, div_p, maximum, minimum, where
from zincir.operations.powers import power
from zincir.operations.source import const, detach
from zincir.tensor import Tensor, wrap
from zincir.types import int64


@at_user_line
def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window along the last axis, as in `avg_pool2d`.

    >>> import zincir
    >>> avg_pool1d(zincir.tensor([[1.0, 4.0, 2.0, 3.0]]), 2).tolist()
    [[2.5, 2.5]]
    """
    options = (kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool("avg_pool1d", input, 1, options, count_include_pad, None)


@takes_out
@at_user_line
def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window over the last two axes.

    Shape: (batch, channels, height, width) or (channels, height, width), sizes as in `MaxPool2d`.

    Args:
        input: floating, or int64 (quotients are cut towards zero).
        stride: from one window to the next; None stands for `kernel_size`.
        padding: a border of zeros, at most half a window.
        ceil_mode: also windows that reach beyond the border, if they begin inside; what lies beyond
            it is never counted.
        count_include_pad: whether the border counts as elements.
        divisor_override: divide sums by this, not by the number of elements.

    >>> import zincir
    >>> x = zincir.arange(4.0).reshape(1, 2, 2)
    >>> avg_pool2d(x, 2).tolist(), avg_pool2d(x, 2, divisor_override=1).tolist()
    ([[[1.5]]], [[[6.0]]])
    """
    options = (kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool("avg_pool2d", input, 2, options, count_include_pad, divisor_override)


@full
@takes_out
@at_user_line
def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window over the last three axes, as in `avg_pool2d`.

    >>> import zincir
    >>> avg_pool3d(zincir.arange(8.0).reshape(1, 2, 2, 2), 2).tolist()
    [[[[3.5]]]]
    """
    options = (kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool("avg_pool3d", input, 3, options, count_include_pad, divisor_override)


def _avg_pool(
    what: str,
    input: Tensor,
    rank: int,
    options: tuple[Any, ...],
    with_border: bool,
    divisor: int | None,
) -> Tensor:
    x = node_of(input, f"{what}: input")
    if x.dtype is not int64:
        x = floats(input, f"{what}: input")
    if divisor == 0:
        raise ArgumentError(
            explain(
                f"{what}: divisor_override is 0",
                where=user_line(),
                expected="None, or a number other than 0",
            )
        )
    s = window_of(what, planes(what, x, rank), *options)
    y = sums(x, s)
    count = divisor or _counts(s, with_border)
    if x.dtype is int64:
        below = const(count, int64) if isinstance(count, int) else cast(count, int64)
        return wrap(apply(div_p, y, below))
    return wrap(y / float(count) if isinstance(count, int) else y / cast(count, y.dtype))


def sums(x: Node, s: Window) -> Node:
    """The sum of each window."""
    rank = len(s.shape)
    if s.covers_all:
        return mv.sum_(x, tuple(range(x.ndim - rank, x.ndim)))
    if s.is_split:
        for axis in s.axes:
            x = sums(x, s.only(axis, x.shape[x.ndim - rank :]))
        return x
    inner = padded(detach(x), s, 0)
    if s.has_few_taps:
        y = functools.reduce(lambda a, b: a + b, [part for _, part in taps(inner, s)])
    else:
        y = _flat(mv.sum_(windows(inner, s), inside_axes(inner, s)), inner, s)
    return with_gradient(y, x, lambda g: from_windows(g, s))


def _counts(s: Window, with_border: bool) -> int | Node:
    """How many elements each window has: a number, or (*out_size) integers where they differ."""
    rank, total, differ = len(s.shape), 1, list[Node]()
    for axis, (n, k, step, p, count) in enumerate(
        zip(s.shape, s.kernel, s.stride, s.padding, s.out_size, strict=True)
    ):
        low, high = (-p, n + p) if with_border else (0, n)
        if -p >= low and (count - 1) * step - p + k <= high:
            total *= k
        else:
            begin = along(count, axis, rank, int64) * step - p
            differ.append(minimum(begin + k, high) - maximum(begin, low))
    return functools.reduce(lambda a, b: a * b, differ) * total if differ else total


@at_user_line
def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum of x ** norm_type) ** (1 / norm_type) of each window along the last axis.

    >>> import zincir
    >>> lp_pool1d(zincir.tensor([[3.0, 4.0, 0.0, 1.0]]), 2, 2).tolist()
    [[5.0, 1.0]]
    """
    return _lp_pool("lp_pool1d", input, 1, norm_type, (kernel_size, stride, 0, 1, ceil_mode))


@at_user_line
def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum of x ** norm_type) ** (1 / norm_type) of each window over the last two axes.

    With `ceil_mode`, windows that are cut off count as if they were whole: their sum is scaled up,
    as PyTorch does. The gradient at 0 is 0.

    >>> import zincir
    >>> lp_pool2d(zincir.tensor([[[3.0, 0.0], [0.0, 4.0]]]), 2, 2).tolist()
    [[[5.0]]]
    """
    return _lp_pool("lp_pool2d", input, 2, norm_type, (kernel_size, stride, 0, 1, ceil_mode))


@at_user_line
def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum of x ** norm_type) ** (1 / norm_type) of each window over the last three axes.

    >>> import zincir
    >>> lp_pool3d(zincir.tensor([[[[3.0, 0.0]], [[0.0, 4.0]]]]), 2, (2, 1, 2)).tolist()
    [[[[5.0]]]]
    """
    return _lp_pool("lp_pool3d", input, 3, norm_type, (kernel_size, stride, 0, 1, ceil_mode))


def _lp_pool(
    what: str, input: Tensor, rank: int, norm_type: float, options: tuple[Any, ...]
) -> Tensor:
    x = floats(input, f"{what}: input")
    if not norm_type:
        raise ArgumentError(
            explain(
                f"{what}: there is no norm of type 0",
                where=user_line(),
                expected="norm_type, a number other than 0",
            )
        )
    s = window_of(what, planes(what, x, rank), *options)
    total = sums(power(x, norm_type), s)
    count, whole = _counts(s, True), math.prod(s.kernel)
    if not isinstance(count, int):
        total = total * (float(whole) / cast(count, x.dtype))
    zero = compare("eq", total, 0.0)
    return wrap(where(zero, 0.0, power(where(zero, 1.0, total), 1.0 / norm_type)))
