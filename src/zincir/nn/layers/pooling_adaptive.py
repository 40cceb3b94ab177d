"""Pooling to a given size, as layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from zincir.nn import functional as F
from zincir.nn.functional.pooling_adaptive import OutputSize
from zincir.nn.module.described import described
from zincir.nn.module.module import Module
from zincir.tensor import Tensor


@described()
class _AdaptiveAvgPool(Module):
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, output_size: OutputSize) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return type(self)._function(input, self.output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The means of `output_size` windows along the last axis.

    Shape: (batch, channels, n) or (channels, n) -> (..., output_size).
    Output o of m along an axis of n is made of elements floor(o * n / m) up to
    ceil((o + 1) * n / m).

    Example:
        >>> import zincir
        >>> AdaptiveAvgPool1d(2)(zincir.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[1.5, 2.5]]
    """

    _function = F.adaptive_avg_pool1d

    def __init__(self, output_size: int | Sequence[int]) -> None:
        super().__init__(output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The means of as many windows over the last two axes as `output_size` says.

    Shape: (batch, channels, height, width) or (channels, height, width) -> (..., *output_size).
    Windows are cut along each axis as by `AdaptiveAvgPool1d`.

    Args:
        output_size: an int, or one for each axis; None keeps a size as it is.

    Example:
        >>> import zincir
        >>> AdaptiveAvgPool2d((7, None))(zincir.ones(8, 512, 10, 9)).shape
        (8, 512, 7, 9)
    """

    _function = F.adaptive_avg_pool2d


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The means of as many windows over the last three axes as `output_size` says.

    Shape: (batch, channels, depth, height, width) or without the batch -> (..., *output_size).
    Windows and arguments as for `AdaptiveAvgPool2d`.

    Example:
        >>> import zincir
        >>> AdaptiveAvgPool3d(1)(zincir.ones(2, 5, 3, 3, 3)).shape
        (2, 5, 1, 1, 1)
    """

    _function = F.adaptive_avg_pool3d


@described(hidden="return_indices")
class _AdaptiveMaxPool(Module):
    _function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: OutputSize, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return type(self)._function(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest of each of `output_size` windows along the last axis.

    Shape: (batch, channels, n) or (channels, n) -> (..., output_size).
    Windows are cut as by `AdaptiveAvgPool1d`.

    Args:
        return_indices: return a tuple, the second being where in its plane each maximum stood.

    Example:
        >>> import zincir
        >>> AdaptiveMaxPool1d(2)(zincir.tensor([[1.0, 3.0, 2.0]])).tolist()
        [[3.0, 3.0]]
    """

    _function = F.adaptive_max_pool1d

    def __init__(self, output_size: int | Sequence[int], return_indices: bool = False) -> None:
        super().__init__(output_size, return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest of each of as many windows over the last two axes as `output_size` says.

    Shape: (batch, channels, height, width) or (channels, height, width) -> (..., *output_size).
    Windows are cut along each axis as by `AdaptiveAvgPool1d`.

    Args:
        output_size: an int, or one for each axis; None keeps a size as it is.
        return_indices: return a tuple, the second being where in its plane each maximum stood.

    Example:
        >>> import zincir
        >>> AdaptiveMaxPool2d((1, 2))(zincir.arange(8.0).reshape(1, 2, 4)).tolist()
        [[[5.0, 7.0]]]
    """

    _function = F.adaptive_max_pool2d


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest of each of as many windows over the last three axes as `output_size` says.

    Shape: (batch, channels, depth, height, width) or without the batch -> (..., *output_size).
    Windows and arguments as for `AdaptiveMaxPool2d`.

    Example:
        >>> import zincir
        >>> AdaptiveMaxPool3d(2)(zincir.ones(2, 5, 3, 3, 3)).shape
        (2, 5, 2, 2, 2)
    """

    _function = F.adaptive_max_pool3d
