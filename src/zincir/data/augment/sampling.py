"""Images looked at from other places: pixels picked, interpolated, and resized."""

from __future__ import annotations

from typing import Any

from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array

INTERPOLATIONS = ("nearest", "bilinear")


def pick(x: Array, rows: Array, columns: Array, fill: Any = 0) -> Array:
    """`x[n, c, rows[n, i, j], columns[n, i, j]]`, or `fill` where that is beyond the border.

    Args:
        x: images (N, C, H, W).
        rows: whole numbers as float32; broadcasts with `columns` to (N, h, w).
        columns: as `rows`.
        fill: a number, or one for each channel; None: all places are inside.
    """
    found = _at(x, rows, columns)
    if fill is None:
        return found
    return ar.where(_inside(x, rows, columns)[:, None], found, fills(fill, x))


def _at(x: Array, rows: Array, columns: Array) -> Array:
    """`pick`; beyond the border, the nearest pixel."""
    n, c, h, w = x.shape
    place = ar.whole(rows.clip(0, h - 1)) * w + ar.whole(columns.clip(0, w - 1))
    planes = ar.whole(ar.steps(n * c, x)).reshape(n, c, 1, 1) * (h * w)
    return ar.take(x.reshape(-1), planes + place[:, None])


def _inside(x: Array, rows: Array, columns: Array) -> Array:
    h, w = x.shape[2:]
    return (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)


def fills(fill: Any, x: Array) -> Array:
    """`fill`, a number or one for each channel, so that it broadcasts with images of type x."""
    return ar.typed(ar.like(fill, x).reshape(-1, 1, 1), x)


def affine(x: Array, matrix: Array, interpolation: str = "nearest", fill: Any = 0) -> Array:
    """Each image, moved by the inverse of a map of its own.

    The pixel at (x, y), measured from the centre of the image, shows what was at
    (a x + b y + c, d x + e y + f); `fill` where that is outside.

    Args:
        x: images (N, C, H, W).
        matrix: (N, 6) a, b, c, d, e, f.
        interpolation: "nearest", or "bilinear" between the four pixels around.
        fill: a number, or one for each channel.
    """
    h, w = x.shape[2:]
    across = (ar.steps(w, x) - (w - 1) / 2)[None, None, :]
    down = (ar.steps(h, x) - (h - 1) / 2)[None, :, None]
    a, b, c, d, e, f = (matrix[:, k : k + 1, None] for k in range(6))
    columns = a * across + b * down + (c + (w - 1) / 2)
    rows = d * across + e * down + (f + (h - 1) / 2)
    if interpolation == "nearest":
        # a rotation by 90 degrees must not fall between two pixels: the error of float32 is less
        # than what is added, and no other place is as near to the middle
        return pick(x, ar.floor(rows + 0.5001), ar.floor(columns + 0.5001), fill)
    return ar.typed(_bilinear(ar.real(x), rows, columns, ar.like(fill, x).reshape(-1, 1, 1)), x)


def _bilinear(x: Array, rows: Array, columns: Array, fill: Array) -> Array:
    """Between four pixels: a sum by weight; those beyond the border leave theirs to `fill`."""
    upper, left = ar.floor(rows), ar.floor(columns)
    below, right = rows - upper, columns - left
    out, rest = 0.0, 1.0
    for i, down in ((0, 1 - below), (1, below)):
        for j, across in ((0, 1 - right), (1, right)):
            weight = down * across * ar.real(_inside(x, upper + i, left + j))
            out = out + weight[:, None] * _at(x, upper + i, left + j)
            rest = rest - weight
    return out + rest[:, None] * fill


def weights(
    x: Array, start: Array, length: Array, count: int, size: int, interpolation: str
) -> Array:
    """(N, size, count): how a line of `size` pixels is made of a stretch of one of `count` pixels.

    "bilinear" is a triangle as wide as two pixels of the coarser of both lines, so that shrinking
    averages (PyTorch's `antialias=True`).

    Args:
        x: what the weights are for; they are of its kind.
        start: (N,) where the stretch begins.
        length: (N,) and how many pixels it has.
        count: pixels of the whole line.
        size: pixels of the new line.
        interpolation: "nearest" or "bilinear".
    """
    start, length = start[:, None, None], length[:, None, None]
    scale = length / size
    middle = (ar.steps(size, x)[:, None] + 0.5) * scale
    pixel = ar.steps(count, x) - start
    if interpolation == "nearest":
        return ar.real(ar.floor(middle + 1e-4) == pixel)
    near = 1 - ar.absolute(pixel + 0.5 - middle) / scale.clip(1, None)
    inside = ar.real((pixel >= 0) & (pixel < length))
    share = near.clip(0, None) * inside
    return share / ar.total(share, -1)


def resample(x: Array, down: Array, across: Array) -> Array:
    """Images (N, C, H, W) through weights (N or 1, h, H) and (N or 1, w, W): (N, C, h, w)."""
    return ar.typed(down[:, None] @ ar.real(x) @ ar.swapped(across)[:, None], x)
