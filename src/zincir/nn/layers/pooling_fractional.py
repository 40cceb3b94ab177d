"""Maxima of windows whose places are drawn, as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F
from zincir.nn.functional.pooling_fractional import Ratios
from zincir.nn.functional.windows import Sizes
from zincir.nn.module.module import Module
from zincir.tensor import Tensor


class _FractionalMaxPool(Module):
    _function: ClassVar[Callable[..., Any]]
    _axes: ClassVar[int]
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Sizes,
        output_size: Sizes | None = None,
        output_ratio: Ratios | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ArgumentError(
                explain(
                    f"{name}: give one of output_size and output_ratio",
                    where=user_line(),
                    got=f"output_size={output_size}, output_ratio={output_ratio}",
                )
            )
        self.kernel_size = self._each(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else self._each(output_size)
        self.output_ratio = None if output_ratio is None else self._each(output_ratio)
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ArgumentError(
                explain(
                    f"{name}: output_ratio is out of range",
                    where=user_line(),
                    expected="between 0 and 1",
                    got=str(output_ratio),
                )
            )

    def _each(self, value: Any) -> tuple[Any, ...]:
        return (value,) * self._axes if isinstance(value, int | float) else tuple(value)

    def forward(self, input: Tensor) -> Any:
        return type(self)._function(
            *(input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices),
            _random_samples=self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest of each window over the last two axes; windows lie at drawn places.

    Shape: (N, C, H, W) or (C, H, W) -> the same with output_size, or output_ratio times its size.
    From https://arxiv.org/abs/1412.6071.

    Example:
        >>> import zincir
        >>> FractionalMaxPool2d(3, output_size=(5, 4))(zincir.randn(2, 3, 8, 8)).shape
        (2, 3, 5, 4)
    """

    _function = F.fractional_max_pool2d
    _axes = 2


class FractionalMaxPool3d(_FractionalMaxPool):
    """As `FractionalMaxPool2d`, over the last three axes.

    Example:
        >>> import zincir
        >>> FractionalMaxPool3d(2, output_ratio=0.5)(zincir.randn(1, 8, 8, 8)).shape
        (1, 4, 4, 4)
    """

    _function = F.fractional_max_pool3d
    _axes = 3
