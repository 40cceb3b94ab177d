"""Boxes of images: cut out at a place of each sample's own, or written over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array
from zincir.data.augment.sampling import pick
from zincir.tensor import Tensor

MODES = ("constant", "edge", "reflect", "symmetric")


def window(
    x: Array, corner: Array, size: tuple[int, int], fill: Any = 0, mode: str = "constant"
) -> Array:
    """A box of `size` from each image (N, C, H, W), which goes on beyond its border.

    Args:
        x: the images.
        corner: (N, 2) row and column of the upper left corner; may be negative.
        size: height and width of the boxes.
        fill: what is beyond the border, if `mode` is "constant": a number, or one for each channel.
        mode: "constant", "edge" (the nearest pixel), "reflect" (mirrored at the border pixels) or
            "symmetric" (mirrored at the border itself, so that its pixels come twice).
    """
    if isinstance(x, Tensor):
        h, w = x.shape[2:]
        rows = corner[:, 0:1] + ar.steps(size[0], x)
        columns = corner[:, 1:2] + ar.steps(size[1], x)
        rows, columns = _folded(rows, h, mode), _folded(columns, w, mode)
        return pick(x, rows[:, :, None], columns[:, None, :], fill if mode == "constant" else None)
    corners = corner.astype(np.int64)
    if mode == "constant":
        return _windows_constant(x, corners, size, fill)
    before = np.maximum(-corners.min(0, initial=0), 0)
    after = np.maximum((corners + size).max(0, initial=0) - x.shape[2:], 0)
    margins = [(0, 0), (0, 0), *zip(before.tolist(), after.tolist(), strict=True)]
    pad: Callable[..., Any] = np.pad
    return _windows_constant(pad(x, margins, mode=mode), corners + before, size, fill)


def _windows_constant(
    x: np.ndarray[Any, Any], corners: np.ndarray[Any, Any], size: tuple[int, int], fill: Any
) -> np.ndarray[Any, Any]:
    """Copy, sample by sample, the part of its box that is inside the image."""
    n, c, h, w = x.shape
    inside = (corners >= 0).all() and (corners + size <= (h, w)).all()
    out = np.empty((n, c, *size), x.dtype)
    if not inside:
        out[...] = np.reshape(np.asarray(fill, x.dtype), (-1, 1, 1))
    upper = np.clip(corners, 0, (h, w))
    lower = np.clip(corners + size, 0, (h, w))
    table = np.concatenate([upper, lower, upper - corners, lower - corners], axis=1)
    for i, (r, s, t, u, a, b, e, f) in enumerate(table.tolist()):
        out[i, :, a:e, b:f] = x[i, :, r:t, s:u]
    return out


def _folded(places: Array, count: int, mode: str) -> Array:
    """Rows or columns beyond the border, as those inside that stand for them."""
    if mode == "edge":
        return places.clip(0, count - 1)
    if mode == "constant":
        return places
    shift = 1 if mode == "symmetric" else 0
    period = 2 * (count - 1 + shift)
    if period == 0:
        return places * 0
    turned = places % period
    return ar.smaller(turned, period - shift - turned)


def paste(x: Array, boxes: Array, source: Array) -> Array:
    """`source` inside each sample's box, x elsewhere.

    Args:
        x: images (N, C, H, W).
        boxes: (N, 4) top, left, bottom, right; the last two are the first row and column outside.
        source: of the shape of x, or one that broadcasts to it.
    """
    h, w = x.shape[2:]
    if isinstance(x, Tensor):
        row, column = ar.steps(h, x)[:, None], ar.steps(w, x)
        t, l, b, r = (boxes[:, k : k + 1, None] for k in range(4))  # noqa: E741
        inside = (row >= t) & (row < b) & (column >= l) & (column < r)
        return ar.where(inside[:, None], source, x)
    out = x.copy()
    wide = np.broadcast_to(source, x.shape)
    for i, (t, l, b, r) in enumerate(boxes.astype(np.int64).tolist()):  # noqa: E741
        out[i, :, t:b, l:r] = wide[i, :, t:b, l:r]
    return out
