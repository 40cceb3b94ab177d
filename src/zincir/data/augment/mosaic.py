"""One image put together from parts of four."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array
from zincir.data.augment.boxes import Boxes, clipped, moved
from zincir.data.augment.checks import bad, interval, one_of, probability
from zincir.data.augment.draws import Draws
from zincir.data.augment.regions import paste
from zincir.data.augment.sampling import INTERPOLATIONS, affine
from zincir.data.augment.transform import Geometric, Numbers, Size
from zincir.tensor import Tensor

PARTS = 4


class Mosaic(Geometric):
    """Four images in one: a part of each, scaled down, around a centre that is drawn.

    The upper left part is the sample's own; the others are those of the three samples before it in
    the batch, the one thing that depends on the batch. Boxes come along: there are four times as
    many places for them afterwards.
    From Bochkovskiy et al., "YOLOv4: optimal speed and accuracy of object detection",
    https://arxiv.org/abs/2004.10934. Here each part is filled by its image, without grey.

    Args:
        p: how often; the other images stay as they are.
        center: least and most share of width and height at which the four parts meet.
        interpolation: "bilinear" or "nearest".

    Example:
        >>> from zincir.data.augment import Compose
        >>> images = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1) * np.ones((8, 8), np.uint8)
        >>> out = Compose([Mosaic()])(images, epoch=0, index=range(4))
        >>> out[3, 0, 0, 0], out[3, 0, 0, -1], out[3, 0, -1, 0], out[3, 0, -1, -1]
        (np.uint8(3), np.uint8(2), np.uint8(1), np.uint8(0))
    """

    def __init__(
        self,
        p: float = 1.0,
        center: tuple[float, float] = (0.25, 0.75),
        interpolation: str = "bilinear",
    ) -> None:
        self.p = p
        self.center = center
        self.interpolation = interpolation
        probability("Mosaic", self.p)
        if not 0 < interval("Mosaic: center", self.center, 0.0)[0] <= self.center[1] < 1:
            raise bad("Mosaic: center leaves no room for a part", "between 0 and 1", self.center)
        one_of("Mosaic: interpolation", self.interpolation, INTERPOLATIONS)

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, 14): column and row of the centre; for each part, scale, and shift in x and in y."""
        sides = np.array([size[2], size[1]], np.float64)
        low, high = self.center
        centre = np.rint(draws.uniform("centre", low, high, 2) * sides)
        centre = np.clip(centre, 1, np.maximum(sides - 1, 1))
        numbers = [centre]
        for part in range(PARTS):
            start, end = (np.stack(ends, 1) for ends in _ends(centre.T, sides, part))
            least = ((end - start) / sides).max(axis=1)
            scale = draws.uniform(f"scale {part}", least, 1.0)[:, None]
            place = draws.uniform(f"place {part}", size=2)
            numbers += [scale, end - scale * sides + place * (scale * sides - (end - start))]
        out = np.concatenate(numbers, axis=1)
        whole = np.array([*sides] + [1.0, 0.0, 0.0] * PARTS)
        return np.where(draws.chance("mosaic", self.p)[:, None], out, whole).astype(np.float32)

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        if not isinstance(images, Tensor):
            return self._apply_arrays(images, numbers)
        out, other = images, images
        h, w = images.shape[2:]
        for part in range(PARTS):
            scale, x, y = (numbers[:, 2 + 3 * part + k, None] for k in range(3))
            none = scale * 0
            lines = [1 / scale, none, (w / 2 - x) / scale - w / 2]
            lines += [none, 1 / scale, (h / 2 - y) / scale - h / 2]
            seen = affine(other, ar.join(lines, 1), self.interpolation)
            (left, top), (right, bottom) = _ends((numbers[:, 0], numbers[:, 1]), (w, h), part)
            places = [v[:, None] for v in (top, left, bottom, right)]
            out = paste(out, ar.join(places, 1), seen)
            other = ar.roll(other)
        return out

    def _apply_arrays(
        self, images: np.ndarray[Any, Any], numbers: np.ndarray[Any, Any]
    ) -> np.ndarray[Any, Any]:
        """The same, of which only what is seen is computed."""
        out = np.empty_like(images)
        n, _, h, w = images.shape
        parts: np.ndarray[Any, Any] = numbers[:, 2:].astype(np.float64).reshape(n, PARTS, 3, 1)
        near = self.interpolation == "nearest"
        rows, v = _taps(parts[:, :, 0], parts[:, :, 2], h, near)
        columns, u = _taps(parts[:, :, 0], parts[:, :, 1], w, near)
        centres: list[list[int]] = numbers[:, :2].astype(int).tolist()
        for i, centre in enumerate(centres):
            for part in range(PARTS):
                (left, top), (right, bottom) = _ends(centre, (w, h), part)
                if right > left and bottom > top:
                    down, across = (i, part, slice(top, bottom)), (i, part, slice(left, right))
                    seen = _looked_at(
                        images[i - part], rows[down], columns[across], v[down], u[across]
                    )
                    out[i, :, top:bottom, left:right] = ar.typed(seen, images)
        return out

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """Those of all four images, cut at the parts' borders."""
        found: list[Boxes] = []
        places, labels = boxes.places, boxes.labels
        visible = ar.real(labels * 0 + 1) if boxes.visible is None else boxes.visible
        for part in range(PARTS):
            scale, x, y = (numbers[:, 2 + 3 * part + k] for k in range(3))
            here = moved(Boxes(places, labels, visible), (scale, scale), (x, y))
            (left, top), (right, bottom) = _ends((numbers[:, 0], numbers[:, 1]), size[:0:-1], part)
            found.append(clipped(here, (left, top, right, bottom)))
            places, labels, visible = ar.roll(places), ar.roll(labels), ar.roll(visible)
        return Boxes(*(ar.join(parts, 1) for parts in zip(*found, strict=True)))


def _ends(centre: Any, sides: Any, part: int) -> tuple[Any, Any]:
    """Where a part begins and ends, each as (x, y): 0 is upper left, 1 upper right, then below."""
    behind = part % 2, part // 2
    start = tuple(c if b else c * 0 for c, b in zip(centre, behind, strict=True))
    end = tuple(s + c * 0 if b else c for s, c, b in zip(sides, centre, behind, strict=True))
    return start, end


def _taps(
    scale: np.ndarray[Any, Any], shift: np.ndarray[Any, Any], count: int, nearest: bool
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """For each pixel of a line: the one that is seen there, and how much of the next."""
    places: Any = (np.arange(count) + 0.5 - shift) / scale - 0.5
    before = np.clip(np.floor(places + 0.5001 * nearest).astype(int), 0, count - 1)
    share = places * 0 if nearest else np.clip(places - before, 0, 1)
    return before, share.astype(np.float32)


def _looked_at(
    image: np.ndarray[Any, Any], rows: Any, columns: Any, v: Any, u: Any
) -> np.ndarray[Any, Any]:
    """An image (C, H, W) at rows and columns, between which and the next ones v and u lead."""
    h, w = image.shape[1:]
    if not (v.any() or u.any()):
        return image.take(rows, 1).take(columns, 2)
    v = v[:, None]
    band = image.take(rows, 1) * (1 - v) + image.take(np.minimum(rows + 1, h - 1), 1) * v
    return band.take(columns, 2) * (1 - u) + band.take(np.minimum(columns + 1, w - 1), 2) * u
