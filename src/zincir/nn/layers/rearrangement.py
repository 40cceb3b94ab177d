"""Axes made one, elements moved between channels and places, windows as columns: layers."""

from __future__ import annotations

from collections.abc import Sequence

from zincir.errors import DTypeError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F
from zincir.nn.functional.rearrangement import check_factor
from zincir.nn.functional.windows import Sizes
from zincir.nn.module.described import described
from zincir.nn.module.module import Module
from zincir.tensor import Tensor


@described()
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

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)


@described()
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

    def forward(self, input: Tensor) -> Tensor:
        options = (self.kernel_size, self.dilation, self.padding, self.stride)
        return F.fold(input, self.output_size, *options)


@described()
class PixelShuffle(Module):
    """Groups of r * r channels laid out as squares of r x r places, r being `upscale_factor`.

    Shape: (..., C * r * r, H, W) -> (..., C, H * r, W * r). From https://arxiv.org/abs/1609.05158.

    Example:
        >>> import zincir
        >>> PixelShuffle(3)(zincir.zeros(2, 18, 4, 5)).shape
        (2, 2, 12, 15)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        check_factor("PixelShuffle", "upscale_factor", upscale_factor)
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)


@described()
class PixelUnshuffle(Module):
    """Squares of r x r places laid out as r * r channels: undoes PixelShuffle.

    Shape: (..., C, H * r, W * r) -> (..., C * r * r, H, W), r being `downscale_factor`.

    Example:
        >>> import zincir
        >>> PixelUnshuffle(3)(zincir.zeros(2, 2, 12, 15)).shape
        (2, 18, 4, 5)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        check_factor("PixelUnshuffle", "downscale_factor", downscale_factor)
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)


@described()
class ChannelShuffle(Module):
    """Channels dealt like cards: the first of each of `groups` groups, the second of each, ...

    Shape: (N, C, ...), unchanged; C divides by groups. From https://arxiv.org/abs/1707.01083.

    Example:
        >>> import zincir
        >>> ChannelShuffle(2)(zincir.arange(4).reshape(1, 4, 1)).flatten().tolist()
        [0, 2, 1, 3]
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        check_factor("ChannelShuffle", "groups", groups)
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)


@described()
class Flatten(Module):
    """Axes start_dim to end_dim made one.

    Shape: (N, A, B, C) -> (N, A * B * C) with the defaults.

    Example:
        >>> import zincir
        >>> Flatten()(zincir.ones(8, 1, 28, 28)).shape
        (8, 784)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)


@described()
class Unflatten(Module):
    """One axis made several.

    Shape: (..., n, ...) -> (..., *unflattened_size, ...); one size may be -1.

    Example:
        >>> import zincir
        >>> Unflatten(1, (2, 3))(zincir.ones(4, 6)).shape
        (4, 2, 3)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, tuple | list):
            raise DTypeError(
                explain(
                    "Unflatten: unflattened_size is no tuple",
                    where=user_line(),
                    got=repr(unflattened_size),
                )
            )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)
