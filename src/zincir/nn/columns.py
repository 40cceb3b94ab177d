"""Windows as columns of a matrix, and columns added up to an image again."""

from __future__ import annotations

import math
from typing import Any

from zincir.errors import ShapeError, explain
from zincir.graph.node import Node
from zincir.nn.module import Module
from zincir.nn.place import at_user_line, floats, where_am_i
from zincir.nn.sliding import (
    Sizes,
    Sliding,
    padded,
    planes,
    sizes,
    sliding,
    windows,
    with_gradient,
)
from zincir.ops import movement as mv
from zincir.ops.source import detach
from zincir.tensor import Tensor, wrap


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
    x = floats(input, "unfold: input")
    shape = planes("unfold", x, 2)
    s = sliding("unfold", shape, kernel_size, stride, padding, dilation, narrow=False)
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
    s = sliding("fold", shape, kernel_size, stride, padding, dilation, narrow=False)
    rows, columns = math.prod(s.kernel), math.prod(s.places)
    if x.ndim not in (2, 3) or not x.shape[-2] or x.shape[-2] % rows or x.shape[-1] != columns:
        raise ShapeError(
            explain(
                "fold: the columns do not fit the output",
                where=where_am_i(),
                expected=f"(batch, channels * {rows}, {columns}): {rows} elements in a window of "
                f"{s.kernel}, {s.places[0]} x {s.places[1]} windows in {shape}",
                got=f"{x.shape}",
                try_="the kernel_size, dilation, padding and stride that unfold was given",
            )
        )
    return wrap(with_gradient(_image(detach(x), s), x, lambda g: _columns(g, s)))


def _columns(x: Node, s: Sliding) -> Node:
    """(..., channels, *shape) -> (..., channels * kernel, places)."""
    *batch, channels = x.shape[:-2]
    w = windows(padded(x, s, 0), s)
    return mv.reshape(w, (*batch, channels * math.prod(s.kernel), math.prod(s.places)))


def _image(g: Node, s: Sliding) -> Node:
    """(..., channels * kernel, places) -> (..., channels, *shape)."""
    lead = (*g.shape[:-2], g.shape[-2] // math.prod(s.kernel))
    rank, ones = len(lead), (1,) * len(lead)
    g = mv.reshape(g, (*lead, *ones, *s.kernel, *s.places))
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
            s.shape, s.padding, s.places, s.stride, s.dilation, s.kernel, strict=True
        )
    )
    whole = mv.fold(g, lead + room, ones + s.kernel, ones + s.stride, ones + s.dilation)
    start = (0,) * rank + s.padding
    return mv.slice_(whole, start, (1,) * len(start), lead + s.shape)


class Unfold(Module):
    """Every window of an image as a column.

    Shape: (batch, channels, height, width) -> (batch, channels * kernel height * kernel width,
    windows), with or without the batch; windows row by row, their number as in `MaxPool2d`.

    Args:
        kernel_size: an int, or (height, width); the others likewise.

    Example:
        >>> import zincir
        >>> Unfold((2, 3))(zincir.ones(2, 5, 3, 4)).shape
        (2, 30, 4)
    """

    def __init__(
        self,
        kernel_size: Sizes,
        dilation: Sizes = 1,
        padding: Sizes = 0,
        stride: Sizes = 1,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels * kernel, windows)."""
        return unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return _text(self)


class Fold(Module):
    """Columns put back where `Unfold` takes them from; what overlaps is added up.

    Shape: (batch, channels * kernel height * kernel width, windows) -> (batch, channels,
    *output_size), with or without the batch.

    Args:
        output_size: an int, or (height, width); the others likewise.

    Example:
        >>> import zincir
        >>> Fold((4, 5), kernel_size=(2, 2))(zincir.ones(1, 12, 12)).shape
        (1, 3, 4, 5)
    """

    def __init__(
        self,
        output_size: Sizes,
        kernel_size: Sizes,
        dilation: Sizes = 1,
        padding: Sizes = 0,
        stride: Sizes = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, *output_size)."""
        options = (self.kernel_size, self.dilation, self.padding, self.stride)
        return fold(x, self.output_size, *options)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, {_text(self)}"


def _text(layer: Any) -> str:
    names = ("kernel_size", "dilation", "padding", "stride")
    return ", ".join(f"{name}={getattr(layer, name)}" for name in names)
