"""Images with a margin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array
from zincir.data.augment.boxes import Boxes, moved
from zincir.data.augment.checks import four_sides, one_of
from zincir.data.augment.regions import MODES, window
from zincir.data.augment.transform import Geometric, Size


class Pad(Geometric):
    """The whole image, with pixels added on its sides.

    Args:
        padding: pixels added on all sides; or two numbers, for left and right, for top and bottom;
            or four: left, top, right, bottom.
        fill: what is added if `padding_mode` is "constant": a number, or one for each channel.
        padding_mode: "constant", "edge" (the nearest pixel), "reflect" (mirrored at the border
            pixels) or "symmetric" (mirrored at the border). In margins that mirror the image,
            there are no boxes.

    Example:
        >>> from zincir.data.augment import Compose
        >>> images = np.full((1, 1, 1, 2), 7, np.uint8)
        >>> Compose([Pad((1, 0), fill=3)])(images, epoch=0, index=[0]).tolist()
        [[[[3, 7, 7, 3]]]]
    """

    def __init__(
        self,
        padding: int | Sequence[int],
        fill: float | Sequence[float] = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode
        four_sides("Pad", self.padding)
        one_of("Pad: padding_mode", self.padding_mode, MODES)

    def size_after(self, size: Size) -> Size:
        """Larger by the margins."""
        left, top, right, bottom = four_sides("Pad", self.padding)
        return size[0], size[1] + top + bottom, size[2] + left + right

    def apply(self, images: Array, numbers: Array) -> Array:
        """(N, C, height, width)."""
        left, top, _, _ = four_sides("Pad", self.padding)
        c, h, w = images.shape[1:]
        _, height, width = self.size_after((c, h, w))
        corners = np.tile(np.array([-top, -left], np.float32), (images.shape[0], 1))
        return window(images, ar.like(corners, images), (height, width), self.fill,
                      self.padding_mode)  # fmt: skip

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """Further right and down."""
        left, top, _, _ = four_sides("Pad", self.padding)
        return moved(boxes, (1, 1), (left, top))
