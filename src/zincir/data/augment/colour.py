"""Colours changed, and brought to the scale that networks like."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array
from zincir.data.augment.checks import around, bad, probability
from zincir.data.augment.draws import Draws
from zincir.data.augment.transform import Numbers, Size, Transform
from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line

LUMA = (0.2989, 0.587, 0.114)
BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed at random, in random order.

    The first three blend with black, the image's mean grey, and its greys:
    `factor * x + (1 - factor) * other`.

    Args:
        brightness: by how much the factor may differ from 1, or its least and most.
        contrast: as `brightness`.
        saturation: as `brightness`; without effect on images of one channel.
        hue: by how much colours turn, at most, in either direction, or least and most, where 1 is
            all the way round; within -0.5 to 0.5. Without effect on images of one channel.

    Example:
        >>> from zincir.data.augment import Compose
        >>> images = np.full((1, 3, 1, 1), 0.25, np.float32)
        >>> Compose([ColorJitter(brightness=(2, 2))])(images, epoch=0, index=[0]).ravel().tolist()
        [0.5, 0.5, 0.5]
    """

    keeps_places = True

    needs_colours = True

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ) -> None:
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue
        low, high = self._intervals()[HUE]
        if low < -0.5 or high > 0.5:
            raise bad("ColorJitter: hue turns too far", "-0.5 <= hue <= 0.5", self.hue)

    def size_after(self, size: Size) -> Size:
        """Unchanged."""
        return coloured(size, "ColorJitter")

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, changes, 2): which change comes first, second ..., and its factor (or turn)."""
        intervals = self._intervals()
        neutral = np.array([1, 1, 1, 0])[:, None]
        active = np.flatnonzero((intervals != neutral).any(axis=1))
        factors = draws.uniform("factor", intervals[:, 0], intervals[:, 1], 4)
        order = active[draws.uniform("order", size=4)[:, active].argsort(axis=1)]
        return np.stack([order, np.take_along_axis(factors, order, axis=1)], 2).astype(np.float32)

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        out, white = ar.real(images), ar.top(images)
        for k in range(numbers.shape[1]):
            which, factor = numbers[:, k, 0], numbers[:, k, 1]
            if images.shape[1] == 3 and np.any(self._intervals()[HUE]):
                out = ar.only(which == HUE, turn_hue, out, factor)
            out = ar.only(which != HUE, functools.partial(towards, white=white), out, which, factor)
        return ar.typed(out, images)

    def _intervals(self) -> np.ndarray[Any, Any]:
        around_one = [
            around(f"ColorJitter: {name}", value, 1.0, 0.0)
            for name, value in (
                ("brightness", self.brightness),
                ("contrast", self.contrast),
                ("saturation", self.saturation),
            )
        ]
        return np.array([*around_one, around("ColorJitter: hue", self.hue, 0.0)])


class RandomGrayscale(Transform):
    """Colours taken away with probability p: all channels are the same grey.

    Example:
        >>> from zincir.data.augment import Compose
        >>> images = np.array([[[[255]], [[0]], [[0]]]], np.uint8)
        >>> Compose([RandomGrayscale(p=1)])(images, epoch=0, index=[0]).ravel().tolist()
        [76, 76, 76]
    """

    keeps_places = True

    needs_colours = True

    def __init__(self, p: float = 0.1) -> None:
        self.p = p
        probability("RandomGrayscale", self.p)

    def size_after(self, size: Size) -> Size:
        """Unchanged."""
        return coloured(size, "RandomGrayscale")

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, 1): 1 where the image turns grey."""
        return draws.chance("grey", self.p)[:, None].astype(np.float32)

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        if images.shape[1] == 1:
            return images
        return ar.only(numbers[:, 0] > 0, _without_colour, images)


class Normalize(Transform):
    """(x - mean) / std, for each channel, as float32.

    Bytes are fractions of 255 first, so that mean and std are always those of pixels from 0 to 1.

    Args:
        mean: one number, or one for each channel.
        std: as `mean`; not 0.

    Example:
        >>> from zincir.data.augment import Compose
        >>> images = np.array([[[[0, 255]]]], np.uint8)
        >>> Compose([Normalize(mean=0.5, std=0.25)])(images, epoch=0, index=[0]).tolist()
        [[[[-2.0, 2.0]]]]
    """

    keeps_places = True

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean = mean
        self.std = std
        means, stds = np.asarray(mean), np.asarray(std)
        flat = means.ndim < 2 and stds.ndim < 2
        if not flat or not np.all(stds > 0) or not np.all(np.isfinite(means)):
            raise bad(
                "Normalize: not means and deviations",
                "one number, or one for each channel; std above 0",
                (self.mean, self.std),
            )

    def size_after(self, size: Size) -> Size:
        """Unchanged."""
        counts = {np.size(self.mean), np.size(self.std)} - {1, size[0]}
        if counts:
            raise ShapeError(
                explain(
                    "Normalize: mean and std do not fit the channels",
                    where=user_line(),
                    expected=f"1 or {size[0]} numbers each",
                    got=f"mean={self.mean}, std={self.std}",
                )
            )
        return size

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`, float32."""
        mean = np.reshape(np.asarray(self.mean, np.float64), (-1, 1, 1))
        std = np.reshape(np.asarray(self.std, np.float64), (-1, 1, 1))
        factor = ar.like(1 / (ar.top(images) * std), images)
        return ar.scaled(images, factor, ar.like(mean / std, images))


def grey(x: Array) -> Array:
    """(N, 1, H, W) the brightness that eyes see, as float32."""
    if x.shape[1] == 1:
        return ar.real(x)
    r, g, b = (ar.real(x[:, k : k + 1]) for k in range(3))
    return r * LUMA[0] + g * LUMA[1] + b * LUMA[2]


def _without_colour(x: Array) -> Array:
    return ar.typed(ar.join([grey(x)] * 3, 1), x)


def blend(x: Array, other: Array, factor: Array, white: float) -> Array:
    """`factor * x + (1 - factor) * other`, from 0 to `white`; factor (N,), all float32."""
    share = ar.each(factor)
    return (x * share + other * (1 - share)).clip(0, white)


def towards(x: Array, which: Array, factor: Array, white: float) -> Array:
    """Each sample blended with what its change wants: black, the mean grey, or its greys.

    Args:
        x: images (N, 1 or 3, H, W), float32.
        which: (N,) BRIGHTNESS, CONTRAST or SATURATION.
        factor: (N,) the share of x itself.
        white: the largest value of a pixel.
    """
    shades = grey(x)
    pixels = x.shape[2] * x.shape[3]
    mean = ar.total(ar.total(shades, -1), -2) / max(pixels, 1)
    contrast = ar.each(ar.real(which == CONTRAST))
    saturation = ar.each(ar.real(which == SATURATION))
    return blend(x, mean * contrast + shades * saturation, factor, white)


def turn_hue(x: Array, turn: Array) -> Array:
    """Colours turned on the wheel of HSV by `turn` (N,), where 1 is all the way round; float32."""
    r, g, b = (x[:, k : k + 1] for k in range(3))
    most, least = ar.larger(ar.larger(r, g), b), ar.smaller(ar.smaller(r, g), b)
    spread = most - least
    divisor = ar.where(spread > 0, spread, ar.like(1.0, x))
    sixth = ar.where(
        most == r,
        (g - b) / divisor,
        ar.where(most == g, 2 + (b - r) / divisor, 4 + (r - g) / divisor),
    )
    hue = sixth + 6 * ar.each(turn)
    parts: list[Array] = []
    for n in (5, 3, 1):
        k = (hue + n) % 6
        parts.append(most - spread * ar.smaller(k, 4 - k).clip(0, 1))
    return ar.join(parts, 1)


def coloured(size: Size, what: str) -> Size:
    """`size`, if it is that of a grey or a coloured image."""
    if size[0] in (1, 3):
        return size
    raise ShapeError(
        explain(
            f"{what}: neither grey nor coloured images",
            where=user_line(),
            expected="1 or 3 channels",
            got=f"{size[0]} channels",
        )
    )
