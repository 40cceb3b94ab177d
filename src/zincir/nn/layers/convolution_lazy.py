"""Convolutions whose first input tells how many channels they take."""

from __future__ import annotations

from functools import partial
from typing import Any

from zincir.compiler.rewrite.convolution import order_of_weight
from zincir.nn.functional.windows import Sizes
from zincir.nn.layers.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    _Convolution,
    _Transposed,
    _Window,
)
from zincir.nn.module.lazy import Lazy
from zincir.nn.module.module import Module
from zincir.nn.module.uninitialized import is_lazy
from zincir.types import DType, Shape


class _LazyWindow(Lazy, _Window):
    fewest_channels = 0

    def _channels_of(self, x: Shape) -> int:
        if len(x) not in (self.axes + 1, self.axes + 2):
            places = ("length", "height, width", "depth, height, width")[self.axes - 1]
            self._refuse(x, f"(batch, channels, {places}) or (channels, {places})")
        return x[-self.axes - 1] if is_lazy(self.weight) else self._channels_of_weight()

    def _channels_of_weight(self) -> int:
        raise NotImplementedError

    def _ordinary(self, channels: int, dtype: DType) -> Module:
        numbers, biased = (channels, self.out_channels, self.kernel_size), self.bias is not None
        return self.cls_to_become(*numbers, groups=self.groups, bias=biased, dtype=dtype)

    def _learn(self, channels: int) -> None:
        self.in_channels = channels


class _LazyConvolution(_LazyWindow, _Convolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        numbers = (0, out_channels, kernel_size, stride, padding, dilation, groups)
        super().__init__(*numbers, bias, padding_mode, device, dtype)
        if is_lazy(self.weight):
            self.weight._order_of = partial(order_of_weight, self.groups)

    def _channels_of_weight(self) -> int:
        return self.weight.shape[1] * self.groups


class LazyConv1d(_LazyConvolution, Conv1d):
    """`Conv1d` whose in_channels are those of its first input; see `LazyLinear`.

    Shape: (batch, any, length) or (any, length) -> the same with out_channels. Arguments as for
    `Conv2d`, without in_channels.

    Example:
        >>> import zincir
        >>> LazyConv1d(5, kernel_size=4, stride=2)(zincir.ones(8, 3, 20)).shape
        (8, 5, 9)
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConvolution, Conv2d):
    """`Conv2d` whose in_channels are those of its first input; see `LazyLinear`.

    Shape: (batch, any, height, width) or (any, height, width) -> the same with out_channels.
    Arguments as for `Conv2d`, without in_channels.

    Example:
        >>> import zincir
        >>> layer = LazyConv2d(16, kernel_size=3, padding="same")
        >>> layer(zincir.ones(8, 3, 28, 28)).shape, layer.weight.shape
        ((8, 16, 28, 28), (16, 3, 3, 3))
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConvolution, Conv3d):
    """`Conv3d` whose in_channels are those of its first input; see `LazyLinear`.

    Shape: (batch, any, depth, height, width), or the same without a batch -> the same with
    out_channels. Arguments as for `Conv2d`, without in_channels.

    Example:
        >>> import zincir
        >>> LazyConv3d(2, kernel_size=(1, 3, 3))(zincir.ones(1, 4, 5, 6)).shape
        (2, 4, 3, 4)
    """

    cls_to_become = Conv3d


class _LazyTransposed(_LazyWindow, _Transposed):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        numbers = (0, out_channels, kernel_size, stride, padding, output_padding, groups)
        super().__init__(*numbers, bias, dilation, padding_mode, device, dtype)

    def _channels_of_weight(self) -> int:
        return self.weight.shape[0]


class LazyConvTranspose1d(_LazyTransposed, ConvTranspose1d):
    """`ConvTranspose1d` whose in_channels are those of its first input; see `LazyLinear`.

    Shape: (batch, any, length) or (any, length) -> the same with out_channels, longer. Arguments as
    for `ConvTranspose2d`, without in_channels.

    Example:
        >>> import zincir
        >>> LazyConvTranspose1d(5, kernel_size=4, stride=2, padding=1)(zincir.ones(8, 3, 10)).shape
        (8, 5, 20)
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyTransposed, ConvTranspose2d):
    """`ConvTranspose2d` whose in_channels are those of its first input; see `LazyLinear`.

    Shape: (batch, any, height, width) or (any, height, width) -> the same with out_channels,
    larger. Arguments as for `ConvTranspose2d`, without in_channels.

    Example:
        >>> import zincir
        >>> LazyConvTranspose2d(3, kernel_size=2, stride=2)(zincir.ones(8, 16, 14, 14)).shape
        (8, 3, 28, 28)
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyTransposed, ConvTranspose3d):
    """`ConvTranspose3d` whose in_channels are those of its first input; see `LazyLinear`.

    Shape: (batch, any, depth, height, width), or the same without a batch -> the same with
    out_channels, larger. Arguments as for `ConvTranspose2d`, without in_channels.

    Example:
        >>> import zincir
        >>> LazyConvTranspose3d(1, kernel_size=2, stride=2)(zincir.ones(1, 2, 3, 3, 3)).shape
        (1, 1, 6, 6, 6)
    """

    cls_to_become = ConvTranspose3d
