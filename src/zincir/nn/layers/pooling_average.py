"""Pooling by means and norms of windows, as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from zincir.nn import functional as F
from zincir.nn.functional.windows import Sizes, sizes
from zincir.nn.module.described import described
from zincir.nn.module.module import Module
from zincir.tensor import Tensor


@described(hidden="ceil_mode count_include_pad")
class AvgPool1d(Module):
    """The mean of each window along the last axis.

    Shape: (batch, channels, n) or (channels, n) -> the same with (n + 2 * padding - kernel_size) /
    stride + 1 for n. Arguments as in `AvgPool2d`.

    Example:
        >>> import zincir
        >>> AvgPool1d(2)(zincir.tensor([[1.0, 4.0, 2.0, 3.0]])).tolist()
        [[2.5, 2.5]]
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        what = "AvgPool1d"
        self.kernel_size = sizes(what, "kernel_size", kernel_size, 1)
        self.stride = sizes(what, "stride", kernel_size if stride is None else stride, 1)
        self.padding = sizes(what, "padding", padding, 1, 0)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        window = (self.kernel_size, self.stride, self.padding)
        return F.avg_pool1d(input, *window, self.ceil_mode, self.count_include_pad)


@described(hidden="ceil_mode count_include_pad divisor_override")
class _AvgPool(Module):
    """What pooling by means over two or three axes is made with."""

    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        window = (self.kernel_size, self.stride, self.padding)
        options = (self.ceil_mode, self.count_include_pad, self.divisor_override)
        return type(self)._function(input, *window, *options)


class AvgPool2d(_AvgPool):
    """The mean of each window over the last two axes.

    Shape: (batch, channels, height, width) or (channels, height, width) -> the same with
    (n + 2 * padding - kernel_size) / stride + 1 for each size n, rounded down.

    Args:
        kernel_size: an int, or (height, width); the next two likewise.
        stride: from one window to the next; None stands for `kernel_size`.
        padding: a border of zeros, at most half a window.
        ceil_mode: round sizes up: also windows that reach beyond the border, if they begin inside;
            what lies beyond it is never counted.
        count_include_pad: whether the border counts as elements.
        divisor_override: divide sums by this, not by the number of elements.

    Example:
        >>> import zincir
        >>> AvgPool2d(2)(zincir.arange(4.0).reshape(1, 2, 2)).tolist()
        [[[1.5]]]
    """

    _function = F.avg_pool2d


class AvgPool3d(_AvgPool):
    """The mean of each window over the last three axes.

    Shape: (batch, channels, depth, height, width) or without the batch; sizes, and arguments, as in
    `AvgPool2d`.

    Example:
        >>> import zincir
        >>> AvgPool3d((1, 2, 2))(zincir.ones(1, 4, 6, 8, 9)).shape
        (1, 4, 6, 4, 4)
    """

    _function = F.avg_pool3d


@described()
class _LPPool(Module):
    """What pooling by norms is made with."""

    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        window = (self.kernel_size, self.stride, self.ceil_mode)
        return type(self)._function(input, self.norm_type, *window)


class LPPool1d(_LPPool):
    """(sum of x ** norm_type) ** (1 / norm_type) of each window.

    Shape: as in `MaxPool1d`, without padding and dilation.

    Example:
        >>> import zincir
        >>> LPPool1d(2, 2)(zincir.tensor([[3.0, 4.0, 0.0, 1.0]])).tolist()
        [[5.0, 1.0]]
    """

    _function = F.lp_pool1d


class LPPool2d(_LPPool):
    """(sum of x ** norm_type) ** (1 / norm_type) of each window.

    Shape: as in `MaxPool2d`, without padding and dilation. With `norm_type` 1
    it is the sum. The gradient at 0 is 0.

    Example:
        >>> import zincir
        >>> LPPool2d(2, 2)(zincir.tensor([[[3.0, 0.0], [0.0, 4.0]]])).tolist()
        [[[5.0]]]
    """

    _function = F.lp_pool2d


class LPPool3d(_LPPool):
    """(sum of x ** norm_type) ** (1 / norm_type) of each window.

    Shape: as in `MaxPool3d`, without padding and dilation.

    Example:
        >>> import zincir
        >>> LPPool3d(1, 2)(zincir.ones(1, 2, 2, 2)).tolist()
        [[[[8.0]]]]
    """

    _function = F.lp_pool3d
