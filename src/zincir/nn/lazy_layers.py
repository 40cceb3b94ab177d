"""Layers whose first input tells how many channels they take."""

from __future__ import annotations

from functools import partial
from typing import Any

from zincir.compiler.rewrite.convolution import order_of_weight
from zincir.nn.batch_normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    _ChannelNorm,
)
from zincir.nn.convolution import (
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
from zincir.nn.lazy import Lazy
from zincir.nn.linear import Linear
from zincir.nn.module import Module
from zincir.nn.sliding import Sizes
from zincir.nn.uninitialized import is_lazy
from zincir.types import DType, Shape


class LazyLinear(Lazy, Linear):
    """`Linear` whose in_features are the size of the last axis of its first input.

    Before the first call, weight and bias are `UninitializedParameter`s without a shape, and an
    optimizer does not take them: call the net once on a batch, then make the optimizer. The first
    call makes the layer a `Linear`. All lazy layers do so.

    Shape: (..., any) -> (..., out_features).

    Example:
        >>> import zincir
        >>> layer = LazyLinear(30)
        >>> layer
        LazyLinear(in_features=0, out_features=30, bias=True)
        >>> layer(zincir.ones(128, 20)).shape
        (128, 30)
        >>> layer
        Linear(in_features=20, out_features=30, bias=True)
    """

    cls_to_become = Linear

    def __init__(
        self,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(0, out_features, bias, device, dtype)

    def _channels_of(self, x: Shape) -> int:
        if not x:
            self._refuse(x, "(..., any number of features)")
        return x[-1] if is_lazy(self.weight) else self.weight.shape[1]

    def _ordinary(self, channels: int, dtype: DType) -> Module:
        return Linear(channels, self.out_features, self.bias is not None, dtype=dtype)

    def _learn(self, channels: int) -> None:
        self.in_features = channels


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


class _LazyNorm(Lazy, _ChannelNorm):
    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _channels_of(self, x: Shape) -> int:
        if len(x) not in self._axes:
            self._refuse(x, " or ".join(self._axes.values()))
        held = (t for t in (self.weight, self.running_mean) if t is not None and not is_lazy(t))
        return next((t.shape[0] for t in held), x[1 if "batch" in self._axes[len(x)] else 0])

    def _ordinary(self, channels: int, dtype: DType) -> Module:
        return self.cls_to_become(
            channels,
            affine=self.affine,
            track_running_stats=self.track_running_stats,
            dtype=dtype,
            bias=self.bias is not None,
        )

    def _learn(self, channels: int) -> None:
        self.num_features = channels


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """`BatchNorm1d` whose num_features are the channels of its first input; see `LazyLinear`.

    Shape: (batch, any) or (batch, any, length), unchanged.
    Arguments as for `BatchNorm1d`, without num_features.

    Example:
        >>> import zincir
        >>> layer = LazyBatchNorm1d()
        >>> layer(zincir.randn(8, 3)).shape, layer.num_features
        ((8, 3), 3)
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """`BatchNorm2d` whose num_features are the channels of its first input; see `LazyLinear`.

    Shape: (batch, any, height, width), unchanged.
    Arguments as for `BatchNorm1d`, without num_features.

    Example:
        >>> import zincir
        >>> layer = LazyBatchNorm2d()
        >>> layer(zincir.randn(8, 3, 5, 5)).shape, layer.num_features
        ((8, 3, 5, 5), 3)
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """`BatchNorm3d` whose num_features are the channels of its first input; see `LazyLinear`.

    Shape: (batch, any, depth, height, width), unchanged.
    Arguments as for `BatchNorm1d`, without num_features.

    Example:
        >>> import zincir
        >>> layer = LazyBatchNorm3d()
        >>> layer(zincir.randn(2, 3, 4, 4, 4)).shape, layer.num_features
        ((2, 3, 4, 4, 4), 3)
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """`InstanceNorm1d` whose num_features are the channels of its first input; see `LazyLinear`.

    As in PyTorch, and unlike `InstanceNorm1d`, it has weight, bias and running statistics unless
    told otherwise.

    Shape: (batch, any, length) or (any, length), unchanged.
    Arguments as for `InstanceNorm1d`, without num_features.

    Example:
        >>> import zincir
        >>> layer = LazyInstanceNorm1d()
        >>> layer(zincir.randn(8, 3, 5)).shape, layer.num_features
        ((8, 3, 5), 3)
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """`InstanceNorm2d` whose num_features are the channels of its first input; see `LazyLinear`.

    As in PyTorch, and unlike `InstanceNorm2d`, it has weight, bias and running statistics unless
    told otherwise.

    Shape: (batch, any, height, width) or (any, height, width), unchanged.
    Arguments as for `InstanceNorm1d`, without num_features.

    Example:
        >>> import zincir
        >>> layer = LazyInstanceNorm2d()
        >>> layer(zincir.randn(3, 5, 5)).shape, layer.num_features
        ((3, 5, 5), 3)
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """`InstanceNorm3d` whose num_features are the channels of its first input; see `LazyLinear`.

    As in PyTorch, and unlike `InstanceNorm3d`, it has weight, bias and running statistics unless
    told otherwise.

    Shape: (batch, any, depth, height, width), or the same without a batch, unchanged.
    Arguments as for `InstanceNorm1d`, without num_features.

    Example:
        >>> import zincir
        >>> layer = LazyInstanceNorm3d()
        >>> layer(zincir.randn(2, 3, 4, 4, 4)).shape, layer.num_features
        ((2, 3, 4, 4, 4), 3)
    """

    cls_to_become = InstanceNorm3d
