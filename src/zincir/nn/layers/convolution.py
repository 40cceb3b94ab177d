"""Convolutions and their transposes as layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from zincir.compiler.rewrite.convolution import order_of_weight
from zincir.creation import empty
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F, init
from zincir.nn.functional.convolution_checks import padding_of
from zincir.nn.functional.windows import Sizes, sizes
from zincir.nn.module.checks import check_device
from zincir.nn.module.module import Module
from zincir.nn.module.parameter import Parameter
from zincir.nn.module.user_line import at_user_line
from zincir.tensor import Tensor
from zincir.types import DType, Shape

_MODES = ("zeros", "reflect", "replicate", "circular")


class _Window(Module):
    """What all layers here share: their numbers, parameters, first values and looks."""

    bias: Parameter | None
    axes: ClassVar[int]
    _function: ClassVar[Callable[..., Tensor]]
    """The function that the layer computes."""
    fewest_channels: ClassVar[int] = 1
    """Lazy layers begin with 0."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes,
        dilation: Sizes,
        groups: int,
        bias: bool,
        device: Any,
        dtype: DType | None,
        transposed: bool,
    ) -> None:
        super().__init__()
        what = type(self).__name__
        check_device(what, device)
        (self.in_channels,) = sizes(what, "in_channels", in_channels, 1, self.fewest_channels)
        (self.out_channels,) = sizes(what, "out_channels", out_channels, 1)
        (self.groups,) = sizes(what, "groups", groups, 1)
        self.kernel_size = sizes(what, "kernel_size", kernel_size, self.axes)
        self.stride = sizes(what, "stride", stride, self.axes)
        self.dilation = sizes(what, "dilation", dilation, self.axes)
        for name, channels in (("in", self.in_channels), ("out", self.out_channels)):
            self._check_groups(name, channels)
        ends = (self.in_channels, self.out_channels)
        ends = ends if transposed else ends[::-1]
        shape = (ends[0], ends[1] // self.groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, dtype=dtype))
        if not transposed:
            self.weight._order = order_of_weight(self.groups, *shape)
        value = Parameter(empty(self.out_channels, dtype=dtype)) if bias else None
        self.register_parameter("bias", value)
        self.reset_parameters()

    def _check_groups(self, name: str, channels: int) -> None:
        if channels % self.groups:
            what = f"{channels} channels cannot be cut into {self.groups} groups"
            raise ArgumentError(
                explain(
                    f"{type(self).__name__}: {what}",
                    where=user_line(),
                    expected=f"groups that divides {name}_channels",
                    got=f"{name}_channels={channels}, groups={self.groups}",
                )
            )

    def reset_parameters(self) -> None:
        """Draw first values again: uniform in +-1 / sqrt(fan), fan being weight[0].numel()."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1.0 / math.sqrt(self.weight[0].numel())
            init.uniform_(self.bias, -bound, bound)

    def _described(self, padding: object, output_padding: Shape, padding_mode: str) -> str:
        zeros, ones = (0,) * self.axes, (1,) * self.axes
        options = (
            ("padding", padding, zeros),
            ("dilation", self.dilation, ones),
            ("output_padding", output_padding, zeros),
            ("groups", self.groups, 1),
            ("bias", self.bias is not None, True),
            ("padding_mode", padding_mode, "zeros"),
        )
        text = (
            f"{self.in_channels}, {self.out_channels}, "
            f"kernel_size={self.kernel_size}, stride={self.stride}"
        )
        for name, value, default in options:
            if value != default:
                text += f", {name}={value}"
        return text


class _Convolution(_Window):
    def __init__(
        self,
        in_channels: int,
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
        numbers = (in_channels, out_channels, kernel_size, stride, dilation, groups)
        super().__init__(*numbers, bias, device, dtype, transposed=False)
        what = type(self).__name__
        if padding_mode not in _MODES:
            raise ArgumentError(
                explain(
                    f"{what}: unknown padding_mode",
                    where=user_line(),
                    expected=", ".join(map(repr, _MODES)),
                    got=repr(padding_mode),
                )
            )
        before, after = padding_of(what, self.kernel_size, self.stride, padding, self.dilation)
        self.padding = padding if isinstance(padding, str) else before
        self.padding_mode = padding_mode
        pairs = zip(reversed(before), reversed(after), strict=True)
        self._sides = [n for pair in pairs for n in pair]

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution with another weight, for layers that make theirs of `self.weight`."""
        padding = self.padding
        if self.padding_mode != "zeros" and any(self._sides):
            input, padding = F.pad(input, self._sides, self.padding_mode), 0
        function = type(self)._function
        return function(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        return self._described(self.padding, (0,) * self.axes, self.padding_mode)


class Conv1d(_Convolution):
    """Weighted sums over a window that slides along series: `nn.functional.conv1d`.

    Shape: (batch, in_channels, length) or (in_channels, length) -> (batch, out_channels, places);
    weight is (out_channels, in_channels / groups, kernel_size). Arguments as for `Conv2d`.

    Example:
        >>> import zincir
        >>> Conv1d(3, 5, kernel_size=4, stride=2)(zincir.ones(8, 3, 20)).shape
        (8, 5, 9)
    """

    axes = 1
    _function = F.conv1d


class Conv2d(_Convolution):
    """Weighted sums over a window that slides over images: `nn.functional.conv2d`.

    Shape: (batch, in_channels, height, width) or (in_channels, height, width) ->
    (batch, out_channels, places, places), with places =
    (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1; weight is
    (out_channels, in_channels / groups, *kernel_size), bias (out_channels,). Both start uniform in
    +-1 / sqrt(numbers in one kernel), as PyTorch has it.

    Args:
        kernel_size: the window; like the next three, a number or one for each axis.
        padding: a border on both sides; "same" keeps the size (stride 1), "valid" is 0.
        groups: channels are cut into so many parts, which do not see one another; in_channels
            makes the layer depthwise.
        padding_mode: what the border is made of: "zeros", "reflect", "replicate" or "circular", as
            for `nn.functional.pad`.

    Example:
        >>> import zincir
        >>> layer = Conv2d(3, 16, kernel_size=3, padding="same")
        >>> layer(zincir.ones(8, 3, 28, 28)).shape
        (8, 16, 28, 28)
    """

    axes = 2
    _function = F.conv2d


class Conv3d(_Convolution):
    """Weighted sums over a window that slides through volumes: `nn.functional.conv3d`.

    Shape: (batch, in_channels, depth, height, width), or the same without a batch ->
    (batch, out_channels, places, places, places); weight is
    (out_channels, in_channels / groups, *kernel_size). Arguments as for `Conv2d`.

    Example:
        >>> import zincir
        >>> Conv3d(1, 2, kernel_size=(1, 3, 3), padding=(0, 1, 1))(zincir.ones(1, 4, 5, 6)).shape
        (2, 4, 5, 6)
    """

    axes = 3
    _function = F.conv3d


class _Transposed(_Window):
    def __init__(
        self,
        in_channels: int,
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
        numbers = (in_channels, out_channels, kernel_size, stride, dilation, groups)
        super().__init__(*numbers, bias, device, dtype, transposed=True)
        what = type(self).__name__
        if padding_mode != "zeros":
            raise ArgumentError(
                explain(
                    f"{what}: unknown padding_mode",
                    where=user_line(),
                    expected="'zeros': padding of a transposed convolution cuts off",
                    got=repr(padding_mode),
                )
            )
        self.padding = sizes(what, "padding", padding, self.axes, 0)
        self.output_padding = sizes(what, "output_padding", output_padding, self.axes, 0)
        self.padding_mode = padding_mode

    @at_user_line
    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """(batch, in_channels, ...) or (in_channels, ...) -> the same with out_channels, larger.

        `output_size` (the last axes, or the whole shape) takes the place of `output_padding`.
        """
        output_padding = self.output_padding
        if output_size is not None and input.ndim in (self.axes + 1, self.axes + 2):
            output_padding = self._output_padding_for(input.shape, output_size)
        function = type(self)._function
        numbers = (self.stride, self.padding, output_padding, self.groups, self.dilation)
        return function(input, self.weight, self.bias, *numbers)

    def _output_padding_for(self, shape: Shape, output_size: Sequence[int]) -> Shape:
        wanted = tuple(output_size)
        if len(wanted) == len(shape):
            wanted = wanted[-self.axes :]
        size = shape[-self.axes :]
        numbers = (size, self.stride, self.padding, self.dilation, self.kernel_size)
        least = tuple(
            (n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in zip(*numbers, strict=True)
        )
        most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
        fits = len(wanted) == self.axes
        if not fits or any(not a <= n <= b for a, n, b in zip(least, wanted, most, strict=True)):
            raise ShapeError(
                explain(
                    f"{type(self).__name__}: output_size cannot be reached",
                    where=user_line(),
                    expected=f"from {least} to {most}",
                    got=f"output_size={tuple(output_size)} for input {shape}",
                )
            )
        return tuple(n - a for n, a in zip(wanted, least, strict=True))

    def extra_repr(self) -> str:
        return self._described(self.padding, self.output_padding, self.padding_mode)


class ConvTranspose1d(_Transposed):
    """The gradient of `Conv1d` as a layer: `nn.functional.conv_transpose1d`.

    Shape: (batch, in_channels, length) or (in_channels, length) -> (batch, out_channels, longer);
    weight is (in_channels, out_channels / groups, kernel_size). Arguments as for `ConvTranspose2d`.

    Example:
        >>> import zincir
        >>> ConvTranspose1d(3, 5, kernel_size=4, stride=2, padding=1)(zincir.ones(8, 3, 10)).shape
        (8, 5, 20)
    """

    axes = 1
    _function = F.conv_transpose1d


class ConvTranspose2d(_Transposed):
    """The gradient of `Conv2d` as a layer, which enlarges: `nn.functional.conv_transpose2d`.

    Shape: (batch, in_channels, height, width) or (in_channels, height, width) ->
    (batch, out_channels, larger, larger), with larger =
    (size - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1; weight is
    (in_channels, out_channels / groups, *kernel_size), bias (out_channels,).

    Args:
        padding: how much is cut off on both sides.
        output_padding: how much longer the output is at its end; or call the layer with the
            `output_size` that is wanted.

    Example:
        >>> import zincir
        >>> layer = ConvTranspose2d(16, 3, kernel_size=3, stride=2, padding=1)
        >>> x = zincir.ones(8, 16, 14, 14)
        >>> layer(x).shape, layer(x, output_size=(28, 28)).shape
        ((8, 3, 27, 27), (8, 3, 28, 28))
    """

    axes = 2
    _function = F.conv_transpose2d


class ConvTranspose3d(_Transposed):
    """The gradient of `Conv3d` as a layer: `nn.functional.conv_transpose3d`.

    Shape: (batch, in_channels, depth, height, width), or the same without a batch ->
    (batch, out_channels, larger, larger, larger); weight is
    (in_channels, out_channels / groups, *kernel_size). Arguments as for `ConvTranspose2d`.

    Example:
        >>> import zincir
        >>> ConvTranspose3d(2, 1, kernel_size=2, stride=2)(zincir.ones(1, 2, 3, 3, 3)).shape
        (1, 1, 6, 6, 6)
    """

    axes = 3
    _function = F.conv_transpose3d
