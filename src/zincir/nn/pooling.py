"""Pooling as layers: one number for each window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zincir.nn import functional as F
from zincir.nn.module import Module
from zincir.nn.sliding import Sizes, sizes
from zincir.tensor import Tensor


class _MaxPool(Module):
    """What maximum pooling over any number of axes is made with."""

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

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )

    def _options(self) -> tuple[Any, ...]:
        window = (self.kernel_size, self.stride, self.padding, self.dilation)
        return (*window, self.ceil_mode, self.return_indices)


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

    def forward(self, x: Tensor) -> Any:
        """As many numbers as there are windows."""
        return F.max_pool1d(x, *self._options())


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

    def forward(self, x: Tensor) -> Any:
        """As many numbers as there are windows."""
        return F.max_pool2d(x, *self._options())


class MaxPool3d(_MaxPool):
    """The largest of each window over the last three axes.

    Shape: (batch, channels, depth, height, width) or without the batch; sizes, and arguments, as in
    `MaxPool2d`.

    Example:
        >>> import zincir
        >>> MaxPool3d(2)(zincir.ones(1, 4, 6, 8, 9)).shape
        (1, 4, 3, 4, 4)
    """

    def forward(self, x: Tensor) -> Any:
        """As many numbers as there are windows."""
        return F.max_pool3d(x, *self._options())


class _MaxUnpool(Module):
    """What the way back from maximum pooling is made with."""

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"

    def _options(self) -> tuple[Sizes, Sizes, Sizes]:
        return self.kernel_size, self.stride, self.padding


class MaxUnpool1d(_MaxUnpool):
    """Each element back where it stood, zeros elsewhere.

    Shape: (batch, channels, n) or (channels, n) -> the same with
    (n - 1) * stride - 2 * padding + kernel_size for n.

    Example:
        >>> import zincir
        >>> pool, unpool = zincir.nn.MaxPool1d(2, return_indices=True), MaxUnpool1d(2)
        >>> unpool(*pool(zincir.tensor([[1.0, 4.0, 3.0, 2.0]]))).tolist()
        [[0.0, 4.0, 3.0, 0.0]]
    """

    def forward(
        self, x: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """The planes before pooling."""
        return F.max_unpool1d(x, indices, *self._options(), output_size)


class MaxUnpool2d(_MaxUnpool):
    """Each element back where it stood, zeros elsewhere.

    Shape: (batch, channels, height, width) or without the batch -> the same with
    (n - 1) * stride - 2 * padding + kernel_size for each size n; called with what `MaxPool2d` with
    `return_indices` returned, and `output_size` where several sizes are pooled to the same.

    Example:
        >>> import zincir
        >>> pool, unpool = zincir.nn.MaxPool2d(2, return_indices=True), MaxUnpool2d(2)
        >>> unpool(*pool(zincir.arange(4.0).reshape(1, 2, 2))).tolist()
        [[[0.0, 0.0], [0.0, 3.0]]]
    """

    def forward(
        self, x: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """The planes before pooling."""
        return F.max_unpool2d(x, indices, *self._options(), output_size)


class MaxUnpool3d(_MaxUnpool):
    """Each element back where it stood, zeros elsewhere.

    Shape: (batch, channels, depth, height, width) or without the batch; else as `MaxUnpool2d`.

    Example:
        >>> import zincir
        >>> pool, unpool = zincir.nn.MaxPool3d(2, return_indices=True), MaxUnpool3d(2)
        >>> unpool(*pool(zincir.ones(1, 2, 4, 6)), output_size=(2, 4, 7)).shape
        (1, 2, 4, 7)
    """

    def forward(
        self, x: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """The planes before pooling."""
        return F.max_unpool3d(x, indices, *self._options(), output_size)


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

    def forward(self, x: Tensor) -> Tensor:
        """As many numbers as there are windows."""
        window = (self.kernel_size, self.stride, self.padding)
        return F.avg_pool1d(x, *window, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    """What pooling by means over two or three axes is made with."""

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

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"

    def _options(self) -> tuple[Any, ...]:
        window = (self.kernel_size, self.stride, self.padding)
        return (*window, self.ceil_mode, self.count_include_pad, self.divisor_override)


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

    def forward(self, x: Tensor) -> Tensor:
        """As many numbers as there are windows."""
        return F.avg_pool2d(x, *self._options())


class AvgPool3d(_AvgPool):
    """The mean of each window over the last three axes.

    Shape: (batch, channels, depth, height, width) or without the batch; sizes, and arguments, as in
    `AvgPool2d`.

    Example:
        >>> import zincir
        >>> AvgPool3d((1, 2, 2))(zincir.ones(1, 4, 6, 8, 9)).shape
        (1, 4, 6, 4, 4)
    """

    def forward(self, x: Tensor) -> Tensor:
        """As many numbers as there are windows."""
        return F.avg_pool3d(x, *self._options())


class _LPPool(Module):
    """What pooling by norms is made with."""

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

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )

    def _options(self) -> tuple[Any, ...]:
        return self.norm_type, self.kernel_size, self.stride, self.ceil_mode


class LPPool1d(_LPPool):
    """(sum of x ** norm_type) ** (1 / norm_type) of each window.

    Shape: as in `MaxPool1d`, without padding and dilation.

    Example:
        >>> import zincir
        >>> LPPool1d(2, 2)(zincir.tensor([[3.0, 4.0, 0.0, 1.0]])).tolist()
        [[5.0, 1.0]]
    """

    def forward(self, x: Tensor) -> Tensor:
        """As many numbers as there are windows."""
        return F.lp_pool1d(x, *self._options())


class LPPool2d(_LPPool):
    """(sum of x ** norm_type) ** (1 / norm_type) of each window.

    Shape: as in `MaxPool2d`, without padding and dilation. With `norm_type` 1
    it is the sum. The gradient at 0 is 0.

    Example:
        >>> import zincir
        >>> LPPool2d(2, 2)(zincir.tensor([[[3.0, 0.0], [0.0, 4.0]]])).tolist()
        [[[5.0]]]
    """

    def forward(self, x: Tensor) -> Tensor:
        """As many numbers as there are windows."""
        return F.lp_pool2d(x, *self._options())


class LPPool3d(_LPPool):
    """(sum of x ** norm_type) ** (1 / norm_type) of each window.

    Shape: as in `MaxPool3d`, without padding and dilation.

    Example:
        >>> import zincir
        >>> LPPool3d(1, 2)(zincir.ones(1, 2, 2, 2)).tolist()
        [[[[8.0]]]]
    """

    def forward(self, x: Tensor) -> Tensor:
        """As many numbers as there are windows."""
        return F.lp_pool3d(x, *self._options())
