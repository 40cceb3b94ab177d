"""Blurred images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array
from zincir.data.augment.checks import bad, interval, two_sides
from zincir.data.augment.draws import Draws
from zincir.data.augment.regions import window
from zincir.data.augment.transform import Numbers, Size, Transform
from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line


class GaussianBlur(Transform):
    """Each pixel the mean of those around, which count as a Gaussian says; mirrored at the border.

    Weights are proportional to exp(-d^2 / (2 sigma^2)) at a distance of d pixels, line by line and
    then column by column.

    Args:
        kernel_size: how many pixels count: an odd number, or one for lines and one for columns
            (width, height).
        sigma: least and most standard deviation, of which each sample has one; or one number.

    Example:
        >>> from zincir.data.augment import Compose
        >>> images = np.zeros((1, 1, 3, 3), np.float32)
        >>> images[0, 0, 1, 1] = 1
        >>> out = Compose([GaussianBlur(3, sigma=1.0)])(images, epoch=0, index=[0])
        >>> [round(float(v), 3) for v in out[0, 0, 1]]
        [0.248, 0.204, 0.248]
    """

    keeps_places = True

    def __init__(
        self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)
    ) -> None:
        self.kernel_size = kernel_size
        self.sigma = sigma
        if any(side % 2 == 0 for side in two_sides("GaussianBlur", self.kernel_size)):
            raise bad("GaussianBlur: kernel_size is even", "odd numbers", kernel_size)
        if self._bounds()[0] <= 0:
            raise bad("GaussianBlur: sigma is not positive", "numbers above 0", sigma)

    def _bounds(self) -> tuple[float, float]:
        one = isinstance(self.sigma, int | float)
        return interval("GaussianBlur: sigma", (self.sigma, self.sigma) if one else self.sigma)

    def size_after(self, size: Size) -> Size:
        """The same."""
        wide, high = two_sides("GaussianBlur", self.kernel_size)
        if wide // 2 >= size[2] or high // 2 >= size[1]:
            raise ShapeError(
                explain(
                    "GaussianBlur: the image is smaller than what is mirrored at its border",
                    where=user_line(),
                    expected=f"more than {high // 2} x {wide // 2}",
                    got=f"{size[1]} x {size[2]}",
                )
            )
        return size

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, 1): the standard deviation."""
        return draws.uniform("sigma", *self._bounds())[:, None].astype(np.float32)

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        wide, high = two_sides("GaussianBlur", self.kernel_size)
        h, w = images.shape[2:]
        corners = np.tile(np.array([-(high // 2), -(wide // 2)], np.float32), (len(images), 1))
        room = h + high - 1, w + wide - 1
        x = ar.real(window(images, ar.like(corners, images), room, mode="reflect"))
        across, down = (_weights(side, numbers) for side in (wide, high))
        lines = x[:, :, :, :w] * ar.each(across[:, 0])
        for k in range(1, wide):
            lines = lines + x[:, :, :, k : k + w] * ar.each(across[:, k])
        out = lines[:, :, :h] * ar.each(down[:, 0])
        for k in range(1, high):
            out = out + lines[:, :, k : k + h] * ar.each(down[:, k])
        return ar.typed(out, images)


def _weights(count: int, sigma: Array) -> Array:
    """(N, count): how much each pixel of a line counts, by (N, 1) deviations."""
    distance = ar.like(np.arange(count) - count // 2, sigma)
    exponent = (distance / sigma) * (distance / sigma) * -0.5
    weights = exponent.exp() if hasattr(exponent, "exp") else np.exp(exponent)
    return weights / ar.total(weights, 1)
