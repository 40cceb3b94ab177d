"""Mirrored images."""

from __future__ import annotations

import numpy as np

from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array
from zincir.data.augment.boxes import Boxes, joined
from zincir.data.augment.checks import probability
from zincir.data.augment.draws import Draws
from zincir.data.augment.transform import Geometric, Numbers, Size


class RandomHorizontalFlip(Geometric):
    """Left and right exchanged, with probability p.

    >>> from zincir.data.augment import Compose
    >>> Compose([RandomHorizontalFlip(p=1)])(
    ...     np.array([[[[1, 2]]]], np.uint8), epoch=0, index=[0]).tolist()
    [[[[2, 1]]]]
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p
        probability("RandomHorizontalFlip", self.p)

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, 1): 1 where the image is flipped."""
        return draws.chance("flip", self.p)[:, None].astype(np.float32)

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        return ar.only(numbers[:, 0] > 0, _left_right, images)

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """Left and right exchanged."""
        return _mirrored(boxes, numbers, 0, size[2])


class RandomVerticalFlip(Geometric):
    """Up and down exchanged, with probability p.

    >>> from zincir.data.augment import Compose
    >>> Compose([RandomVerticalFlip(p=1)])(
    ...     np.array([[[[1], [2]]]], np.uint8), epoch=0, index=[0]).tolist()
    [[[[2], [1]]]]
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p
        probability("RandomVerticalFlip", self.p)

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, 1): 1 where the image is flipped."""
        return draws.chance("flip", self.p)[:, None].astype(np.float32)

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        return ar.only(numbers[:, 0] > 0, _up_down, images)

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """Top and bottom exchanged."""
        return _mirrored(boxes, numbers, 1, size[1])


def _mirrored(boxes: Boxes, numbers: Array, axis: int, length: int) -> Boxes:
    """Boxes of the images that are flipped, seen from the other end of an axis (0 is x)."""
    flipped = numbers[:, 0:1] > 0
    lines = [boxes.places[:, :, k] for k in range(4)]
    low, high = lines[axis], lines[axis + 2]
    lines[axis] = ar.where(flipped, length - high, low)
    lines[axis + 2] = ar.where(flipped, length - low, high)
    return boxes._replace(places=joined(lines))


def _left_right(x: Array) -> Array:
    return ar.flip(x, -1)


def _up_down(x: Array) -> Array:
    return ar.flip(x, -2)
