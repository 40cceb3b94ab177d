"""Pooling to a given size as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zincir.nn import functional as F
from zincir.nn.functional.pooling_adaptive import OutputSize
from zincir.nn.module.module import Module
from zincir.tensor import Tensor


class AdaptiveAvgPool1d(Module):
    """The means of `output_size` windows along the last axis.

    Shape: (batch, channels, n) or (channels, n) -> (..., output_size).
    Output o of m along an axis of n is made of elements floor(o * n / m) up to
    ceil((o + 1) * n / m).

    Example:
        >>> import zincir
        >>> AdaptiveAvgPool1d(2)(zincir.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[1.5, 2.5]]
    """

    def __init__(self, output_size: int | Sequence[int]) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """The axes pooled to `output_size`."""
        return F.adaptive_avg_pool1d(x, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool2d(Module):
    """The means of as many windows over the last two axes as `output_size` says.

    Shape: (batch, channels, height, width) or (channels, height, width) -> (..., *output_size).
    Output o of m along an axis of n is made of elements floor(o * n / m) up to
    ceil((o + 1) * n / m).

    Args:
        output_size: an int, or one for each axis; None keeps a size as it is.

    Example:
        >>> import zincir
        >>> AdaptiveAvgPool2d((7, None))(zincir.ones(8, 512, 10, 9)).shape
        (8, 512, 7, 9)
    """

    def __init__(self, output_size: OutputSize) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """The axes pooled to `output_size`."""
        return F.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool3d(Module):
    """The means of as many windows over the last three axes as `output_size` says.

    Shape: (batch, channels, depth, height, width) or without the batch -> (..., *output_size).
    Output o of m along an axis of n is made of elements floor(o * n / m) up to
    ceil((o + 1) * n / m).

    Args:
        output_size: an int, or one for each axis; None keeps a size as it is.

    Example:
        >>> import zincir
        >>> AdaptiveAvgPool3d(1)(zincir.ones(2, 5, 3, 3, 3)).shape
        (2, 5, 1, 1, 1)
    """

    def __init__(self, output_size: OutputSize) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """The axes pooled to `output_size`."""
        return F.adaptive_avg_pool3d(x, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(Module):
    """The largest of each of `output_size` windows along the last axis.

    Shape: (batch, channels, n) or (channels, n) -> (..., output_size).
    Output o of m along an axis of n is made of elements floor(o * n / m) up to
    ceil((o + 1) * n / m).

    Args:
        output_size: an int.
        return_indices: return a tuple, the second being where in its plane each maximum stood.

    Example:
        >>> import zincir
        >>> AdaptiveMaxPool1d(2)(zincir.tensor([[1.0, 3.0, 2.0]])).tolist()
        [[3.0, 3.0]]
    """

    def __init__(self, output_size: int | Sequence[int], return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, x: Tensor) -> Any:
        """The axes pooled to `output_size`."""
        return F.adaptive_max_pool1d(x, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool2d(Module):
    """The largest of each of as many windows over the last two axes as `output_size` says.

    Shape: (batch, channels, height, width) or (channels, height, width) -> (..., *output_size).
    Output o of m along an axis of n is made of elements floor(o * n / m) up to
    ceil((o + 1) * n / m).

    Args:
        output_size: an int, or one for each axis; None keeps a size as it is.
        return_indices: return a tuple, the second being where in its plane each maximum stood.

    Example:
        >>> import zincir
        >>> AdaptiveMaxPool2d((1, 2))(zincir.arange(8.0).reshape(1, 2, 4)).tolist()
        [[[5.0, 7.0]]]
    """

    def __init__(self, output_size: OutputSize, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, x: Tensor) -> Any:
        """The axes pooled to `output_size`."""
        return F.adaptive_max_pool2d(x, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool3d(Module):
    """The largest of each of as many windows over the last three axes as `output_size` says.

    Shape: (batch, channels, depth, height, width) or without the batch -> (..., *output_size).
    Output o of m along an axis of n is made of elements floor(o * n / m) up to
    ceil((o + 1) * n / m).

    Args:
        output_size: an int, or one for each axis; None keeps a size as it is.
        return_indices: return a tuple, the second being where in its plane each maximum stood.

    Example:
        >>> import zincir
        >>> AdaptiveMaxPool3d(2)(zincir.ones(2, 5, 3, 3, 3)).shape
        (2, 5, 2, 2, 2)
    """

    def __init__(self, output_size: OutputSize, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, x: Tensor) -> Any:
        """The axes pooled to `output_size`."""
        return F.adaptive_max_pool3d(x, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"
