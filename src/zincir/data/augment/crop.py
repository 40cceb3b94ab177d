"""Parts of images, without a change of scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array
from zincir.data.augment.boxes import Boxes, moved
from zincir.data.augment.checks import four_sides, one_of, two_sides
from zincir.data.augment.draws import Draws
from zincir.data.augment.regions import MODES, window
from zincir.data.augment.transform import Geometric, Numbers, Size
from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line


class RandomCrop(Geometric):
    """A box at a random place of the image, which may be padded before.

    Args:
        size: of the box: one number for a square, or height and width.
        padding: pixels added on all sides; or two numbers, for left and right, for top and bottom;
            or four: left, top, right, bottom.
        pad_if_needed: whether images smaller than the box are padded up to it, on both sides.
        fill: what is added if `padding_mode` is "constant": a number, or one for each channel.
        padding_mode: "constant", "edge" (the nearest pixel), "reflect" (mirrored at the border
            pixels) or "symmetric" (mirrored at the border).

    Example:
        >>> from zincir.data.augment import Compose
        >>> crop = Compose([RandomCrop(32, padding=4)])
        >>> crop(np.ones((2, 3, 32, 32), np.float32), epoch=0, index=[0, 1]).shape
        (2, 3, 32, 32)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: float | Sequence[float] = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.size = size
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode
        two_sides("RandomCrop", self.size)
        four_sides("RandomCrop", self.padding)
        one_of("RandomCrop: padding_mode", self.padding_mode, MODES)

    def size_after(self, size: Size) -> Size:
        """The box's."""
        height, width = two_sides("RandomCrop", self.size)
        low, high = self._corners(size)
        if min(high[0] - low[0], high[1] - low[1]) < 0:
            raise ShapeError(
                explain(
                    "RandomCrop: the image is smaller than the box",
                    where=user_line(),
                    expected=f"at least {height} x {width}, padding included",
                    got=f"{size[1]} x {size[2]}, padding={self.padding}",
                    try_="pad_if_needed=True, or more padding",
                )
            )
        return size[0], height, width

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, 2): row and column of the box's corner; negative in the padding."""
        low, high = self._corners(size)
        count = np.array(high) - low + 1
        return (draws.integers("corner", count, 2) + low).astype(np.float32)

    def apply(self, images: Array, numbers: Array) -> Array:
        """(N, C, height, width)."""
        size = two_sides("RandomCrop", self.size)
        return window(images, numbers, size, self.fill, self.padding_mode)

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """Seen from the corner; in padding that mirrors the image, there are none."""
        return moved(boxes, (1, 1), (-numbers[:, 1], -numbers[:, 0]))

    def _corners(self, size: Size) -> tuple[tuple[int, int], tuple[int, int]]:
        """The first and the last corner a box may have."""
        left, top, right, bottom = four_sides("RandomCrop", self.padding)
        height, width = size[1] + top + bottom, size[2] + left + right
        box = two_sides("RandomCrop", self.size)
        more = [0, 0]
        if self.pad_if_needed:
            more = [max(box[0] - height, 0), max(box[1] - width, 0)]
        low = (-top - more[0], -left - more[1])
        return low, (low[0] + height + 2 * more[0] - box[0], low[1] + width + 2 * more[1] - box[1])


class CenterCrop(Geometric):
    """The middle of the image; zeros around it, if the image is smaller.

    Args:
        size: one number for a square, or height and width.

    Example:
        >>> from zincir.data.augment import Compose
        >>> images = np.arange(9, dtype=np.uint8).reshape(1, 1, 3, 3)
        >>> Compose([CenterCrop(1)])(images, epoch=0, index=[0]).tolist()
        [[[[4]]]]
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = size
        two_sides("CenterCrop", self.size)

    fill: float = 0
    """What is around a smaller image."""

    def size_after(self, size: Size) -> Size:
        """That of the crop."""
        return (size[0], *two_sides("CenterCrop", self.size))

    def apply(self, images: Array, numbers: Array) -> Array:
        """(N, C, height, width)."""
        sides = two_sides("CenterCrop", self.size)
        corners = np.tile(np.array(self._corner(*images.shape[2:]), np.float32), (len(images), 1))
        return window(images, ar.like(corners, images), sides, self.fill)

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """Seen from the corner."""
        top, left = self._corner(size[1], size[2])
        return moved(boxes, (1, 1), (-left, -top))

    def _corner(self, height: int, width: int) -> tuple[int, int]:
        sides = two_sides("CenterCrop", self.size)
        return _middle(height, sides[0]), _middle(width, sides[1])


def _middle(count: int, side: int) -> int:
    """Where torchvision begins: odd rests are padded before, and cut to the nearest even."""
    return -((side - count) // 2) if side > count else round((count - side) / 2)
