"""Elements moved between channels and places: views, as functions and as layers."""

from __future__ import annotations

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.nn.module import Module
from zincir.nn.place import at_user_line, node_of, where_am_i
from zincir.ops.movement import permute, reshape
from zincir.tensor import Tensor, wrap


@at_user_line
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Groups of r * r channels laid out as squares of r x r places, r being `upscale_factor`.

    Shape: (..., C * r * r, H, W) -> (..., C, H * r, W * r). From https://arxiv.org/abs/1609.05158.

    >>> import zincir
    >>> pixel_shuffle(zincir.arange(4).reshape(4, 1, 1), 2).tolist()
    [[[0, 1], [2, 3]]]
    """
    x, r = node_of(input, "pixel_shuffle: input"), upscale_factor
    _check_factor("pixel_shuffle", "upscale_factor", r)
    if x.ndim < 3 or x.shape[-3] % (r * r):
        raise ShapeError(
            explain(
                f"pixel_shuffle: the channels do not divide by {r} * {r}",
                where=where_am_i(),
                expected=f"(..., C * {r * r}, H, W)",
                got=str(x.shape),
                try_=f"a layer with C * {r * r} channels before this one",
            )
        )
    *batch, c, h, w = x.shape
    k = len(batch)
    x = reshape(x, (*batch, c // (r * r), r, r, h, w))
    x = permute(x, (*range(k), k, k + 3, k + 1, k + 4, k + 2))
    return wrap(reshape(x, (*batch, c // (r * r), h * r, w * r)))


@at_user_line
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Squares of r x r places laid out as r * r channels: undoes pixel_shuffle.

    Shape: (..., C, H * r, W * r) -> (..., C * r * r, H, W), r being `downscale_factor`.

    >>> import zincir
    >>> pixel_unshuffle(zincir.arange(4).reshape(1, 2, 2), 2).tolist()
    [[[0]], [[1]], [[2]], [[3]]]
    """
    x, r = node_of(input, "pixel_unshuffle: input"), downscale_factor
    _check_factor("pixel_unshuffle", "downscale_factor", r)
    if x.ndim < 3 or x.shape[-1] % r or x.shape[-2] % r:
        raise ShapeError(
            explain(
                f"pixel_unshuffle: height and width do not divide by {r}",
                where=where_am_i(),
                expected=f"(..., C, H * {r}, W * {r})",
                got=str(x.shape),
                try_="nn.functional.pad, to the next multiple",
            )
        )
    *batch, c, h, w = x.shape
    k = len(batch)
    x = reshape(x, (*batch, c, h // r, r, w // r, r))
    x = permute(x, (*range(k), k, k + 2, k + 4, k + 1, k + 3))
    return wrap(reshape(x, (*batch, c * r * r, h // r, w // r)))


@at_user_line
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels dealt like cards: the first of each of `groups` groups, the second of each, ...

    Shape: (N, C, ...), unchanged; C divides by groups. From https://arxiv.org/abs/1707.01083.

    >>> import zincir
    >>> channel_shuffle(zincir.arange(4).reshape(1, 4, 1), 2).flatten().tolist()
    [0, 2, 1, 3]
    """
    x = node_of(input, "channel_shuffle: input")
    _check_factor("channel_shuffle", "groups", groups)
    if x.ndim < 3 or x.shape[1] % groups:
        raise ShapeError(
            explain(
                f"channel_shuffle: the channels do not divide into {groups} groups",
                where=where_am_i(),
                expected=f"(N, C, ...) with at least three dimensions, C a multiple of {groups}",
                got=str(x.shape),
            )
        )
    n, c, *places = x.shape
    split = reshape(x, (n, groups, c // groups, *places))
    return wrap(reshape(permute(split, (0, 2, 1, *range(3, split.ndim))), x.shape))


def _check_factor(what: str, name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(
            explain(
                f"{what}: {name} is not a positive int",
                where=where_am_i(),
                expected="1, 2, 3, ...",
                got=f"{value!r} ({type(value).__name__})",
            )
        )


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
        _check_factor("PixelShuffle", "upscale_factor", upscale_factor)
        self.upscale_factor = upscale_factor

    def forward(self, x: Tensor) -> Tensor:
        """(..., C * r * r, H, W) -> (..., C, H * r, W * r)."""
        return pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


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
        _check_factor("PixelUnshuffle", "downscale_factor", downscale_factor)
        self.downscale_factor = downscale_factor

    def forward(self, x: Tensor) -> Tensor:
        """(..., C, H * r, W * r) -> (..., C * r * r, H, W)."""
        return pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


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
        _check_factor("ChannelShuffle", "groups", groups)
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """The shape of x."""
        return channel_shuffle(x, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
