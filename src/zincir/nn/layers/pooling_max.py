"""Pooling by maxima of windows, as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from zincir.nn import functional as F
from zincir.nn.functional.windows import Sizes
from zincir.nn.module.described import described
from zincir.nn.module.module import Module
from zincir.tensor import Tensor


@described(hidden="return_indices")
class _MaxPool(Module):
    """What maximum pooling over any number of axes is made with."""

    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        window = (self.kernel_size, self.stride, self.padding, self.dilation)
        return type(self)._function(input, *window, self.ceil_mode, self.return_indices)


class MaxPool1d(_MaxPool):
    """The largest of each window along the last axis.

    Shape: (batch, channels, n) or (channels, n) -> the same with
    (n + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1 for n, rounded down.
    Arguments as in `MaxPool2d`.

    Example:
        >>> import zincir
        >>> MaxPool1d(2)(zincir.tensor([[1.0, 4.0, 2.0, 3.0]])).tolist()
        [[4.0, 3.0]]
    """

    _function = F.max_pool1d


class MaxPool2d(_MaxPool):
    """The largest of each window over the last two axes.

    Shape: (batch, channels, height, width) or (channels, height, width) -> the same with
    (n + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1 for each size n, rounded down.
    A NaN counts as largest. The gradient goes to one element of each window, the first of equals.

    Args:
        kernel_size: an int, or (height, width); the next three likewise.
        stride: from one window to the next; None stands for `kernel_size`.
        padding: a border of minus infinity, at most half a window.
        dilation: from one element of a window to the next.
        return_indices: return a tuple, the second being where in its plane each maximum stood
            (row * width + column; int64), as `MaxUnpool2d` wants it.
        ceil_mode: round sizes up: also windows that reach beyond the border, if they begin inside.

    Example:
        >>> import zincir
        >>> MaxPool2d(3, stride=2, padding=1)(zincir.ones(8, 64, 112, 112)).shape
        (8, 64, 56, 56)
    """

    _function = F.max_pool2d


class MaxPool3d(_MaxPool):
    """The largest of each window over the last three axes.

    Shape: (batch, channels, depth, height, width) or without the batch; sizes, and arguments, as in
    `MaxPool2d`.

    Example:
        >>> import zincir
        >>> MaxPool3d(2)(zincir.ones(1, 4, 6, 8, 9)).shape
        (1, 4, 3, 4, 4)
    """

    _function = F.max_pool3d
