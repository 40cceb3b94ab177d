"""Images brought to one size without a change of proportions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array
from zincir.data.augment.boxes import Boxes, moved
from zincir.data.augment.checks import one_of, two_sides
from zincir.data.augment.regions import window
from zincir.data.augment.resize import zoom
from zincir.data.augment.sampling import INTERPOLATIONS
from zincir.data.augment.transform import Geometric, Size

GREY = 114 / 255


class Letterbox(Geometric):
    """The whole image as large as it fits into the size, in the middle, with bars on two sides.

    Args:
        size: height and width; one number for a square.
        fill: what the bars are, in the units of the pixels: a number, or one for each channel;
            None: a grey, 114 of 255.
        interpolation: "bilinear" or "nearest".

    Example:
        >>> from zincir.data.augment import Compose
        >>> wide = np.full((1, 1, 1, 2), 255, np.uint8)
        >>> Compose([Letterbox(4)])(wide, epoch=0, index=[0])[0, 0, :, 0].tolist()
        [114, 255, 255, 114]
    """

    def __init__(
        self,
        size: int | Sequence[int],
        fill: float | Sequence[float] | None = None,
        interpolation: str = "bilinear",
    ) -> None:
        self.size = size
        self.fill = fill
        self.interpolation = interpolation
        two_sides("Letterbox", self.size)
        one_of("Letterbox: interpolation", self.interpolation, INTERPOLATIONS)

    def size_after(self, size: Size) -> Size:
        """Channels as before, height and width as wanted."""
        return (size[0], *two_sides("Letterbox", self.size))

    def apply(self, images: Array, numbers: Array) -> Array:
        """(N, C, height, width)."""
        h, w = images.shape[2:]
        top, left, height, width = self.inside(h, w)
        if (height, width) != (h, w):
            whole = ar.like(np.array([[0, 0, h, w]], np.float32), images)
            images = zoom(images, whole, (height, width), self.interpolation)
        corners = np.tile(np.array([-top, -left], np.float32), (images.shape[0], 1))
        fill = GREY * ar.top(images) if self.fill is None else self.fill
        return window(images, ar.like(corners, images), two_sides("Letterbox", self.size), fill)

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """In the new scale, behind the bars."""
        top, left, height, width = self.inside(size[1], size[2])
        return moved(boxes, (width / size[2], height / size[1]), (left, top))

    def inside(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Where an image of this height and width is shown: top, left, height and width."""
        room = two_sides("Letterbox", self.size)
        scale = min(room[0] / height, room[1] / width)
        h, w = max(round(height * scale), 1), max(round(width * scale), 1)
        return (room[0] - h) // 2, (room[1] - w) // 2, h, w
