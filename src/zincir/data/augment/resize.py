"""Images, or parts of them, in another size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array
from zincir.data.augment.boxes import Boxes, moved
from zincir.data.augment.checks import interval, one_of, two_sides
from zincir.data.augment.draws import Draws
from zincir.data.augment.sampling import INTERPOLATIONS, resample, weights
from zincir.data.augment.transform import Geometric, Numbers, Size

TRIES = 10


class Resize(Geometric):
    """All images in one size. Shrinking averages, as torchvision's `antialias=True`.

    Args:
        size: height and width; one number for the shorter side, and the other in proportion.
        interpolation: "bilinear" or "nearest".

    Example:
        >>> from zincir.data.augment import Compose
        >>> images = np.array([[[[0, 4], [8, 12]]]], np.float32) / 16
        >>> Compose([Resize(1)])(images, epoch=0, index=[0]).tolist()
        [[[[0.375]]]]
    """

    def __init__(self, size: int | Sequence[int], interpolation: str = "bilinear") -> None:
        self.size = size
        self.interpolation = interpolation
        two_sides("Resize", self.size)
        one_of("Resize: interpolation", self.interpolation, INTERPOLATIONS)

    def size_after(self, size: Size) -> Size:
        """Channels as before, height and width as wanted."""
        if not isinstance(self.size, int):
            return (size[0], *two_sides("Resize", self.size))
        channels, h, w = size
        if h <= w:
            return channels, self.size, max(int(self.size * w / h), 1)
        return channels, max(int(self.size * h / w), 1), self.size

    def apply(self, images: Array, numbers: Array) -> Array:
        """(N, C, height, width)."""
        c, h, w = images.shape[1:]
        _, height, width = self.size_after((c, h, w))
        if (height, width) == (h, w):
            return images
        whole = np.array([[0, 0, h, w]], np.float32)
        return zoom(images, ar.like(whole, images), (height, width), self.interpolation)

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """In the new scale."""
        _, height, width = self.size_after(size)
        return moved(boxes, (width / size[2], height / size[1]), (0, 0))


class RandomResizedCrop(Geometric):
    """A box of random size, shape and place, in one size: "Inception-style" cropping.

    From Szegedy et al., "Going deeper with convolutions", https://arxiv.org/abs/1409.4842.

    Args:
        size: of what comes out: one number for a square, or height and width.
        scale: least and most share of the image's area in the box.
        ratio: least and most width by height of the box.
        interpolation: "bilinear" or "nearest".

    Example:
        >>> from zincir.data.augment import Compose
        >>> crop = Compose([RandomResizedCrop(24)])
        >>> crop(np.ones((2, 3, 32, 48), np.float32), epoch=0, index=[0, 1]).shape
        (2, 3, 24, 24)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: str = "bilinear",
    ) -> None:
        self.size = size
        self.scale = scale
        self.ratio = ratio
        self.interpolation = interpolation
        two_sides("RandomResizedCrop", self.size)
        interval("RandomResizedCrop: scale", self.scale, 0.0)
        interval("RandomResizedCrop: ratio", self.ratio, 1e-6)
        one_of("RandomResizedCrop: interpolation", self.interpolation, INTERPOLATIONS)

    def size_after(self, size: Size) -> Size:
        """Channels as before, height and width as wanted."""
        return (size[0], *two_sides("RandomResizedCrop", self.size))

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, 4): top, left, height and width of the box."""
        _, h, w = size
        heights, widths = sides(draws, size, self.scale, self.ratio)
        fits = (heights > 0) & (heights <= h) & (widths > 0) & (widths <= w)
        box = first_fit(draws, size, heights, widths, fits)
        low, high = self.ratio
        fallback = min(h, round(w / low)), min(w, round(h * high))
        middle = [(h - fallback[0]) // 2, (w - fallback[1]) // 2, *fallback]
        return np.where(fits.any(axis=1, keepdims=True), box, middle).astype(np.float32)

    def apply(self, images: Array, numbers: Array) -> Array:
        """(N, C, height, width)."""
        return zoom(images, numbers, two_sides("RandomResizedCrop", self.size), self.interpolation)

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """Seen from the corner, in the new scale."""
        height, width = two_sides("RandomResizedCrop", self.size)
        down, across = height / numbers[:, 2], width / numbers[:, 3]
        return moved(boxes, (across, down), (-numbers[:, 1] * across, -numbers[:, 0] * down))


def sides(
    draws: Draws, size: Size, scale: tuple[float, float], ratio: tuple[float, float], tall: int = 0
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Heights and widths of boxes, (N, tries): areas are uniform, shapes in their logarithm.

    `ratio` bounds width by height, or with `tall`, height by width.
    """
    area = size[1] * size[2] * draws.uniform("area", *scale, size=TRIES)
    shape = np.exp(draws.uniform("shape", math.log(ratio[0]), math.log(ratio[1]), size=TRIES))
    long, short = np.rint(np.sqrt(area * shape)), np.rint(np.sqrt(area / shape))
    return (long, short) if tall else (short, long)


def first_fit(
    draws: Draws,
    size: Size,
    heights: np.ndarray[Any, Any],
    widths: np.ndarray[Any, Any],
    fits: np.ndarray[Any, Any],
) -> np.ndarray[Any, Any]:
    """(N, 4) top, left, height and width of the first box that fits, at a random place."""
    first = fits.argmax(axis=1)[:, None]
    box = np.concatenate([np.take_along_axis(s, first, axis=1) for s in (heights, widths)], axis=1)
    room = np.maximum(np.array(size[1:]) - box, 0) + 1
    return np.concatenate([draws.integers("corner", room, 2), box], axis=1)


def zoom(images: Array, boxes: Array, size: tuple[int, int], interpolation: str) -> Array:
    """Boxes (N or 1, 4) of images, in another size."""
    top, left, height, width = (boxes[:, k] for k in range(4))
    h, w = images.shape[2:]
    down = weights(images, top, height, h, size[0], interpolation)
    across = weights(images, left, width, w, size[1], interpolation)
    return resample(images, down, across)
