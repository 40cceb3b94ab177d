"""Regions of feature maps in one size: RoIAlign and RoIPool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from zincir import recording
from zincir.creation import from_numpy, full_like
from zincir.errors import (
    ArgumentError,
    DTypeError,
    IndexOutOfRange,
    ShapeError,
    TraceError,
    explain,
)
from zincir.functional import cat, where
from zincir.graph.node import user_line
from zincir.nn.module.module import Module
from zincir.nn.module.user_line import at_user_line
from zincir.operations import regions
from zincir.series import arange
from zincir.tensor import Tensor, wrap
from zincir.types import int64

Size = int | Sequence[int]


def _pair(owner: str, output_size: Size) -> tuple[int, int]:
    both = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
    if len(both) != 2 or min(both) < 1:
        raise ArgumentError(
            explain(
                f"{owner}: output_size is no size",
                where=user_line(),
                expected="height and width, 1 or more",
                got=repr(output_size),
            )
        )
    return both[0], both[1]


def _rois(owner: str, input: Tensor, boxes: Any) -> Tensor:
    """(K, 5): the number of the image, and the box.

    Raises:
        ShapeError: the shapes are others.
        DTypeError: the types differ.
        IndexOutOfRange: there is no such image.
    """
    listed = isinstance(boxes, list | tuple)
    pieces: list[Any] = list(boxes) if listed else [boxes]  # pyright: ignore[reportUnknownArgumentType]
    for piece in pieces:
        if (
            not isinstance(piece, Tensor)
            or piece.ndim != 2
            or piece.shape[1] != (4 if listed else 5)
        ):
            raise ShapeError(
                explain(
                    f"{owner}: the boxes do not fit",
                    where=user_line(),
                    expected="(K, 5) with the number of the image first, or (L, 4) for each image",
                    got=str(tuple(getattr(piece, "shape", ()))) or type(piece).__name__,
                )
            )
        if piece.dtype is not input.dtype:
            raise DTypeError(
                explain(
                    f"{owner}: input and boxes have different types",
                    where=user_line(),
                    got=f"{input.dtype.name} and {piece.dtype.name}",
                )
            )
    if input.ndim != 4 or (listed and len(pieces) > input.shape[0]):
        what = f"{owner}: the input does not fit"
        got = f"{tuple(input.shape)}, boxes for {len(pieces)} images"
        raise ShapeError(explain(what, where=user_line(), expected="(N, C, H, W)", got=got))
    if listed:
        numbered = [cat([full_like(p[:, :1], i), p], 1) for i, p in enumerate(pieces)]
        return cat(numbered).detach() if pieces else input.new_zeros((0, 5))
    if recording.CURRENT.recording is None and len(boxes):
        images = boxes[:, 0].detach().numpy()
        if not ((images >= 0) & (images < input.shape[0])).all():
            got = f"{images.min():g} to {images.max():g}"
            what = f"{owner}: there is no such image"
            expected = f"0 to {input.shape[0] - 1}"
            raise IndexOutOfRange(explain(what, where=user_line(), expected=expected, got=got))
    return boxes.detach()


class _Axis(NamedTuple):
    """Samples along one axis: two pixels each, and their weights; (K, parts, samples)."""

    low: Tensor
    high: Tensor
    weight_low: Tensor
    weight_high: Tensor


def _samples(
    start: Tensor, part: Tensor, grid: Tensor, parts: int, most: int, extent: int
) -> _Axis:
    """Bilinear weights of `grid` samples in each of the parts; what lies outside weighs nothing.

    Args:
        start: (K, 1, 1), where regions begin.
        part: (K, 1, 1), how large their parts are.
        grid: (K, 1, 1), how many samples a part has, at most
        most: so many.
    """
    number = arange(most, dtype=start.dtype)
    there = number < grid
    number = where(there, number, 0.0)
    parts_before = arange(parts, dtype=start.dtype).unsqueeze(1)
    at = start + parts_before * part + (number + 0.5) * part / grid
    there = there & ~((at < -1.0) | (at > extent))
    at = where(at > 0, at, 0.0)
    low = at.floor()
    end = low >= extent - 1
    low = where(end, float(extent - 1), low)
    high = where(end, float(extent - 1), low + 1)
    share = where(end, 0.0, at - low)
    weights = (where(there, w, 0.0) for w in (1.0 - share, share))
    return _Axis(*(where(there, x, 0.0).to(int64) for x in (low, high)), *weights)


def _aligned(
    rows: Tensor,
    shape: Sequence[int],
    rois: Tensor,
    sizes: tuple[int, int],
    most: tuple[int, int],
    options: tuple[float, int, bool],
) -> Tensor:
    """(K, C, *sizes) for rois of about one size, of which parts have up to `most` samples."""
    scale, ratio, aligned = options
    axes: list[_Axis] = []
    count = 1.0
    for k, (parts, extent) in enumerate(zip(sizes, shape[2:], strict=True)):
        start, part, grid = _along(rois, 1 - k, parts, scale, ratio, aligned)
        start, part, wide = (x.reshape(-1, 1, 1) for x in (start, part, grid))
        axes.append(_samples(start, part, wide, parts, most[k], extent))
        count = grid * count
    y, x = axes
    image = rois[:, 0].to(int64).reshape(-1, 1, 1, 1, 1) * (shape[2] * shape[3])
    total = None
    for row, weight in ((y.low, y.weight_low), (y.high, y.weight_high)):
        for column, other in ((x.low, x.weight_low), (x.high, x.weight_high)):
            place = image + _down(row) * shape[3] + _across(column)
            both = _down(weight) * _across(other)
            found = rows.index_select(0, place.reshape(-1)).reshape(*place.shape, shape[1])
            term = found * both.unsqueeze(-1)
            total = term if total is None else total + term
    assert total is not None
    assert isinstance(count, Tensor)
    summed = total.sum((2, 4)) / count.clamp(min=1).reshape(-1, 1, 1, 1)
    return summed.permute(0, 3, 1, 2)


def _along(
    rois: Tensor, axis: int, parts: int, scale: float, ratio: int, aligned: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Where regions begin, how large their parts are, how many samples each has; (K,)."""
    offset = 0.5 if aligned else 0.0
    start = rois[:, 1 + axis] * scale - offset
    length = rois[:, 3 + axis] * scale - offset - start
    length = length if aligned else length.clamp(min=1.0)
    part = length / parts
    return start, part, full_like(part, ratio) if ratio > 0 else part.ceil()


def _down(x: Tensor) -> Tensor:
    return x.reshape(*x.shape, 1, 1)


def _across(x: Tensor) -> Tensor:
    return x.reshape(x.shape[0], 1, 1, *x.shape[1:])


@at_user_line
def roi_align(
    input: Tensor,
    boxes: Tensor | list[Tensor],
    output_size: Size,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """Regions of feature maps in one size: means of samples, read between pixels.

    He et al. 2017 (https://arxiv.org/abs/1703.06870). Gradients go to the features, not to boxes.

    Args:
        input: (N, C, H, W).
        boxes: (x1, y1, x2, y2): (K, 5) with the number of the image first, or a list with (L, 4)
            for each image.
        output_size: height and width of the result.
        spatial_scale: what box coordinates are multiplied with.
        sampling_ratio: so many samples along each axis of each part; 0 or less: as many as a part
            has pixels, rounded up. In compiled functions it must be given.
        aligned: pixels have their centers at halves.

    Returns:
        (K, C, *output_size).

    Example:
        >>> import zincir
        >>> image = zincir.arange(16.0).reshape(1, 1, 4, 4)
        >>> roi_align(image, [zincir.tensor([[0.0, 0.0, 2.0, 2.0]])], 1, sampling_ratio=1)
        tensor([[[[5.]]]])
    """
    rois = _rois("roi_align", input, boxes)
    sizes = _pair("roi_align", output_size)
    shape = tuple(input.shape)
    rows = input.permute(0, 2, 3, 1).reshape(-1, shape[1])
    options = float(spatial_scale), sampling_ratio, aligned
    if sampling_ratio > 0 or not len(rois):
        most = max(sampling_ratio, 1)
        return _aligned(rows, shape, rois, sizes, (most, most), options)
    if recording.CURRENT.recording is not None:
        raise TraceError(
            explain(
                "roi_align: how many samples there are depends on the boxes",
                where=user_line(),
                try_="sampling_ratio=2, in a compiled function",
            )
        )
    # Boxes with about as many samples go together: up to 1, 2, 4, 8, ... along each axis.
    grids = [_along(rois, 1 - k, sizes[k], *options)[2].numpy() for k in (0, 1)]
    steps = np.stack([2 ** np.ceil(np.log2(np.maximum(g, 1))) for g in grids], 1).astype(np.int64)
    kinds, kind = np.unique(steps, axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    found = [
        _aligned(
            rows,
            shape,
            rois[from_numpy(np.flatnonzero(kind == i))],
            sizes,
            (int(h), int(w)),
            options,
        )
        for i, (h, w) in enumerate(kinds)
    ]
    order = np.argsort(np.argsort(kind, kind="stable"))
    return cat(found).index_select(0, from_numpy(order))


@at_user_line
def roi_pool(
    input: Tensor,
    boxes: Tensor | list[Tensor],
    output_size: Size,
    spatial_scale: float = 1.0,
) -> Tensor:
    """Regions of feature maps in one size: the largest value in each part.

    Girshick 2015 (https://arxiv.org/abs/1504.08083). A part without pixels is 0.

    Args:
        input: (N, C, H, W).
        boxes: (x1, y1, x2, y2), corners included: (K, 5) with the number of the image first, or a
            list with (L, 4) for each image.
        output_size: height and width of the result.
        spatial_scale: what box coordinates are multiplied with.

    Returns:
        (K, C, *output_size).

    Example:
        >>> import zincir
        >>> image = zincir.arange(16.0).reshape(1, 1, 4, 4)
        >>> roi_pool(image, zincir.tensor([[0.0, 0.0, 0.0, 2.0, 1.0]]), 1)
        tensor([[[[6.]]]])
    """
    rois = _rois("roi_pool", input, boxes)
    height, width = _pair("roi_pool", output_size)
    found = regions.largest_in_regions(
        input.detach()._node, rois._node, float(spatial_scale), height, width
    )
    index = wrap(found)
    count, channels = len(rois), input.shape[1]
    pixels = input.shape[2] * input.shape[3]
    first = (rois[:, 0].to(int64).unsqueeze(1) * channels + arange(channels)).reshape(-1, 1)
    flat = index.reshape(count * channels, height * width)
    place = (first * pixels + flat.clamp(min=0)).reshape(-1)
    values = input.reshape(-1).index_select(0, place).reshape(index.shape)
    lowest = float(np.finfo(np.float32).min)
    return where(index >= 0, values, where(index == regions.EMPTY, 0.0, lowest))


class RoIAlign(Module):
    """See `roi_align`.

    Example:
        >>> import zincir
        >>> layer = RoIAlign(2, spatial_scale=0.5, sampling_ratio=2)
        >>> layer(zincir.ones(1, 3, 8, 8), zincir.tensor([[0.0, 0.0, 0.0, 8.0, 8.0]])).shape
        (1, 3, 2, 2)
    """

    def __init__(
        self, output_size: Size, spatial_scale: float, sampling_ratio: int, aligned: bool = False
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input: Tensor, rois: Tensor | list[Tensor]) -> Tensor:
        return roi_align(
            input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned}"
        )


class RoIPool(Module):
    """See `roi_pool`.

    Example:
        >>> RoIPool(2, spatial_scale=0.5)
        RoIPool(output_size=2, spatial_scale=0.5)
    """

    def __init__(self, output_size: Size, spatial_scale: float) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input: Tensor, rois: Tensor | list[Tensor]) -> Tensor:
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, spatial_scale={self.spatial_scale}"
