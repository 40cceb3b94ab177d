"""Crops that show enough of one box at least."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array
from zincir.data.augment.boxes import ABSENT, Boxes, moved
from zincir.data.augment.checks import bad, interval, one_of, whole_number
from zincir.data.augment.draws import Draws
from zincir.data.augment.resize import zoom
from zincir.data.augment.sampling import INTERPOLATIONS
from zincir.data.augment.transform import Geometric, Numbers, Size

OPTIONS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
ROUNDS = 50
"""Options that are tried before an image stays whole."""


class RandomIoUCrop(Geometric):
    """A part of the image whose overlap with one of its boxes is large enough, as large as before.

    An overlap (intersection by union) is drawn of `sampler_options`. Parts are drawn until one has
    the middle of a box inside, and such an overlap with one of those at least; after `trials` of
    them, another overlap is drawn. An overlap of 1 or more leaves the image as it is. Boxes whose
    middle is outside are dropped. The part is scaled to the size of the image, since images of a
    batch have one (torchvision's has the size of the part).
    From Liu et al., "SSD: single shot multibox detector", https://arxiv.org/abs/1512.02325.

    Args:
        min_scale: of the part's height and width by the image's.
        max_scale: the same.
        min_aspect_ratio: of the part's width by its height.
        max_aspect_ratio: the same.
        sampler_options: overlaps to draw of; None: 0, 0.1, 0.3, 0.5, 0.7, 0.9 and 1.
        trials: parts that are drawn for each of them.
        interpolation: "bilinear" or "nearest".

    Its numbers depend on boxes: `chain.draw(shape, epoch=e, index=i, boxes=boxes)`.

    Example:
        >>> from zincir.data.augment import Compose, pad_boxes
        >>> boxes = pad_boxes([{"boxes": [[4, 4, 12, 12]], "labels": [7]}])
        >>> crop = Compose([RandomIoUCrop(sampler_options=[0.5])])
        >>> x, after = crop(np.ones((1, 3, 16, 16), np.uint8), epoch=0, index=[0], boxes=boxes)
        >>> x.shape, after.labels.tolist()
        ((1, 3, 16, 16), [[7]])
    """

    looks_at_boxes = True

    def __init__(
        self,
        min_scale: float = 0.3,
        max_scale: float = 1.0,
        min_aspect_ratio: float = 0.5,
        max_aspect_ratio: float = 2.0,
        sampler_options: Sequence[float] | None = None,
        trials: int = 40,
        interpolation: str = "bilinear",
    ) -> None:
        self.min_scale, self.max_scale = min_scale, max_scale
        self.min_aspect_ratio, self.max_aspect_ratio = min_aspect_ratio, max_aspect_ratio
        self.sampler_options = OPTIONS if sampler_options is None else tuple(sampler_options)
        self.trials = trials
        self.interpolation = interpolation
        if interval("RandomIoUCrop: scale", (min_scale, max_scale), 0.0)[1] > 1:
            raise bad("RandomIoUCrop: max_scale is more than all", "max_scale <= 1", max_scale)
        interval("RandomIoUCrop: aspect_ratio", (min_aspect_ratio, max_aspect_ratio), 1e-6)
        if not self.sampler_options:
            raise bad("RandomIoUCrop: sampler_options is empty", "overlaps", sampler_options)
        whole_number("RandomIoUCrop: trials", trials, 1)
        one_of("RandomIoUCrop: interpolation", interpolation, INTERPOLATIONS)

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """Nothing can be drawn without boxes."""
        raise bad(
            "RandomIoUCrop: needs boxes",
            "chain(images, epoch=e, index=i, boxes=boxes), or chain.draw(..., boxes=boxes)",
            None,
        )

    def draw_at(self, draws: Draws, size: Size, boxes: Boxes) -> Numbers:
        """(N, 4): top, left, height and width of the part."""
        out = np.tile(np.array([0, 0, *size[1:]], np.float32), (len(draws), 1))
        open_ = np.ones(len(draws), bool)
        options = np.array(self.sampler_options)
        for number in range(ROUNDS):
            here = draws.of(f"round {number}")
            least = options[here.integers("overlap", len(options))]
            open_ &= least < 1
            if not open_.any():
                break
            parts = self._parts(here, size)[open_]
            places, labels = boxes.places[open_], boxes.labels[open_]
            good = self._good(parts, places, labels >= 0, least[open_])
            first = parts[np.arange(len(parts)), good.argmax(1)]
            found = good.any(1)
            out[np.flatnonzero(open_)[found]] = first[found]
            open_[np.flatnonzero(open_)[found]] = False
        return out

    def _parts(self, draws: Draws, size: Size) -> np.ndarray[Any, Any]:
        """(N, trials, 4): top, left, height and width."""
        sides = np.array(size[1:], np.float64)
        shares = [
            np.stack([draws.uniform(f"{what} {side}", *ends, self.trials) for side in "hw"], -1)
            for what, ends in (("scale", (self.min_scale, self.max_scale)), ("place", (0.0, 1.0)))
        ]
        extent = np.floor(sides * shares[0])
        return np.concatenate([np.floor((sides - extent) * shares[1]), extent], -1)

    def _good(
        self,
        parts: np.ndarray[Any, Any],
        places: np.ndarray[Any, Any],
        there: np.ndarray[Any, Any],
        least: np.ndarray[Any, Any],
    ) -> np.ndarray[Any, Any]:
        """(N, trials): which parts are what is wanted."""
        top, left, height, width = (parts[:, :, None, k] for k in range(4))
        x1, y1, x2, y2 = (places[:, None, :, k] for k in range(4))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (width / height)[:, :, 0]
            inside = there[:, None] & _within((x1, y1, x2, y2), (top, left, height, width))
            across = np.minimum(x2, left + width) - np.maximum(x1, left)
            down = np.minimum(y2, top + height) - np.maximum(y1, top)
            both = across.clip(0) * down.clip(0)
            overlap = both / ((x2 - x1) * (y2 - y1) + width * height - both)
        fits = (ratio >= self.min_aspect_ratio) & (ratio <= self.max_aspect_ratio)
        return fits & (inside & (overlap >= least[:, None, None])).any(-1)

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        h, w = images.shape[2:]
        return zoom(images, numbers, (h, w), self.interpolation)

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """Those with their middle inside, seen from the corner, in the new scale."""
        part = [numbers[:, k : k + 1] for k in range(4)]
        place = [boxes.places[:, :, k] for k in range(4)]
        none = boxes.labels * 0 + ABSENT
        kept = boxes._replace(labels=ar.where(_within(place, part), boxes.labels, none))
        down, across = size[1] / numbers[:, 2], size[2] / numbers[:, 3]
        return moved(kept, (across, down), (-numbers[:, 1] * across, -numbers[:, 0] * down))


def _within(places: Sequence[Array], parts: Sequence[Array]) -> Array:
    """Whether the middles of boxes (left, top, right, bottom) are in parts (top, left, height,
    width).
    """
    x, y = (places[0] + places[2]) * 0.5, (places[1] + places[3]) * 0.5
    top, left, height, width = parts
    return (left < x) & (x < left + width) & (top < y) & (y < top + height)
