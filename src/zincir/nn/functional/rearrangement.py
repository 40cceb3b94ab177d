"""Elements moved between channels and places, and windows as columns of a matrix: functions."""

from __future__ import annotations

import math

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.nn.functional.windows import (
    Sizes,
    Window,
    padded,
    planes,
    sizes,
    window_of,
    windows,
    with_gradient,
)
from zincir.nn.module.user_line import at_user_line, floats, node_of
from zincir.operations import movement as mv
from zincir.operations.movement import permute, reshape
from zincir.operations.source import detach
from zincir.tensor import Tensor, wrap


@at_user_line
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Groups of r * r channels laid out as squares of r x r places, r being `upscale_factor`.

    Shape: (..., C * r * r, H, W) -> (..., C, H * r, W * r). From https://arxiv.org/abs/1609.05158.

    >>> import zincir
    >>> pixel_shuffle(zincir.arange(4).reshape(4, 1, 1), 2).tolist()
    [[[0, 1], [2, 3]]]
    """
    x, r = node_of(input, "pixel_shuffle: input"), upscale_factor
    check_factor("pixel_shuffle", "upscale_factor", r)
    if x.ndim < 3 or x.shape[-3] % (r * r):
        raise ShapeError(
            explain(
                f"pixel_shuffle: the channels do not divide by {r} * {r}",
                where=user_line(),
                expected=f"(..., C * {r * r}, H, W)",
                got=str(x.shape),
                try_=f"a layer with C * {r * r} channels before this one",
            )
        )
    *batch, c, h, w = x.shape
    k = len(batch)
    x = reshape(x, (*batch, c // (r * r), r, r, h, w))
    x = permute(x, (*range(k), k, k + 3, k + 1, k + 4, k + 2))
    return wrap(reshape(x, (*batch, c // (r * r), h * r, w * r)))


@at_user_line
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Squares of r x r places laid out as r * r channels: undoes pixel_shuffle.

    Shape: (..., C, H * r, W * r) -> (..., C * r * r, H, W), r being `downscale_factor`.

    >>> import zincir
    >>> pixel_unshuffle(zincir.arange(4).reshape(1, 2, 2), 2).tolist()
    [[[0]], [[1]], [[2]], [[3]]]
    """
    x, r = node_of(input, "pixel_unshuffle: input"), downscale_factor
    check_factor("pixel_unshuffle", "downscale_factor", r)
    if x.ndim < 3 or x.shape[-1] % r or x.shape[-2] % r:
        raise ShapeError(
            explain(
                f"pixel_unshuffle: height and width do not divide by {r}",
                where=user_line(),
                expected=f"(..., C, H * {r}, W * {r})",
                got=str(x.shape),
                try_="nn.functional.pad, to the next multiple",
            )
        )
    *batch, c, h, w = x.shape
    k = len(batch)
    x = reshape(x, (*batch, c, h // r, r, w // r, r))
    x = permute(x, (*range(k), k, k + 2, k + 4, k + 1, k + 3))
    return wrap(reshape(x, (*batch, c * r * r, h // r, w // r)))


@at_user_line
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels dealt like cards: the first of each of `groups` groups, the second of each, ...

    Shape: (N, C, ...), unchanged; C divides by groups. From https://arxiv.org/abs/1707.01083.

    >>> import zincir
    >>> channel_shuffle(zincir.arange(4).reshape(1, 4, 1), 2).flatten().tolist()
    [0, 2, 1, 3]
    """
    x = node_of(input, "channel_shuffle: input")
    check_factor("channel_shuffle", "groups", groups)
    if x.ndim < 3 or x.shape[1] % groups:
        raise ShapeError(
            explain(
                f"channel_shuffle: the channels do not divide into {groups} groups",
                where=user_line(),
                expected=f"(N, C, ...) with at least three dimensions, C a multiple of {groups}",
                got=str(x.shape),
            )
        )
    n, c, *places = x.shape
    split = reshape(x, (n, groups, c // groups, *places))
    return wrap(reshape(permute(split, (0, 2, 1, *range(3, split.ndim))), x.shape))


def check_factor(what: str, name: str, value: int) -> None:
    """Raise unless `value` is an int from 1.

    Raises:
        ArgumentError: names the function or layer, the argument and its value.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(
            explain(
                f"{what}: {name} is not a positive int",
                where=user_line(),
                expected="1, 2, 3, ...",
                got=f"{value!r} ({type(value).__name__})",
            )
        )


@at_user_line
def unfold(
    input: Tensor,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """Every window of an image as a column.

    Shape: (batch, channels, height, width) -> (batch, channels * kernel height * kernel width,
    windows), with or without the batch; windows row by row, their number as in `MaxPool2d`.

    >>> import zincir
    >>> unfold(zincir.arange(6.0).reshape(1, 2, 3), 2).tolist()
    [[0.0, 1.0], [1.0, 2.0], [3.0, 4.0], [4.0, 5.0]]
    """
    x = node_of(input, "unfold: input")
    shape = planes("unfold", x, 2)
    s = window_of("unfold", shape, kernel_size, stride, padding, dilation, narrow=False)
    y = _columns(detach(x), s)
    return wrap(with_gradient(y, x, lambda g: _image(g, s)))


@at_user_line
def fold(
    input: Tensor,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """Columns put back where `unfold` takes them from; what overlaps is added up.

    Shape: (batch, channels * kernel height * kernel width, windows) -> (batch, channels,
    *output_size), with or without the batch.

    >>> import zincir
    >>> x = zincir.ones(1, 2, 3)
    >>> fold(unfold(x, 2), (2, 3), 2).tolist()
    [[[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]]]
    """
    x = floats(input, "fold: input")
    shape = sizes("fold", "output_size", output_size, 2)
    s = window_of("fold", shape, kernel_size, stride, padding, dilation, narrow=False)
    rows, columns = math.prod(s.kernel), math.prod(s.out_size)
    if x.ndim not in (2, 3) or not x.shape[-2] or x.shape[-2] % rows or x.shape[-1] != columns:
        raise ShapeError(
            explain(
                "fold: the columns do not fit the output",
                where=user_line(),
                expected=f"(batch, channels * {rows}, {columns}): {rows} elements in a window of "
                f"{s.kernel}, {s.out_size[0]} x {s.out_size[1]} windows in {shape}",
                got=f"{x.shape}",
                try_="the kernel_size, dilation, padding and stride that unfold was given",
            )
        )
    return wrap(with_gradient(_image(detach(x), s), x, lambda g: _columns(g, s)))


def _columns(x: Node, s: Window) -> Node:
    """(..., channels, *shape) -> (..., channels * kernel, windows)."""
    *batch, channels = x.shape[:-2]
    w = windows(padded(x, s, 0), s)
    return mv.reshape(w, (*batch, channels * math.prod(s.kernel), math.prod(s.out_size)))


def _image(g: Node, s: Window) -> Node:
    """(..., channels * kernel, windows) -> (..., channels, *shape)."""
    lead = (*g.shape[:-2], g.shape[-2] // math.prod(s.kernel))
    rank, ones = len(lead), (1,) * len(lead)
    g = mv.reshape(g, (*lead, *ones, *s.kernel, *s.out_size))
    g = mv.permute(
        g,
        (
            *range(rank),
            *range(2 * rank + 2, 2 * rank + 4),
            *range(rank, 2 * rank + 2),
        ),
    )
    room = tuple(
        max(n + p, (o - 1) * step + d * (k - 1) + 1)
        for n, p, o, step, d, k in zip(
            s.shape, s.padding, s.out_size, s.stride, s.dilation, s.kernel, strict=True
        )
    )
    whole = mv.fold(g, lead + room, ones + s.kernel, ones + s.stride, ones + s.dilation)
    start = (0,) * rank + s.padding
    return mv.slice_(whole, start, (1,) * len(start), lead + s.shape)
