"""Parts of images wiped out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array
from zincir.data.augment.checks import bad, interval, probability, whole_number
from zincir.data.augment.draws import Draws
from zincir.data.augment.regions import paste
from zincir.data.augment.resize import first_fit, sides
from zincir.data.augment.sampling import fills
from zincir.data.augment.transform import Numbers, Size, Transform


class RandomErasing(Transform):
    """A box of the image wiped out, with probability p.

    From Zhong et al., "Random erasing data augmentation", https://arxiv.org/abs/1708.04896.

    Args:
        p: how often.
        scale: least and most share of the image's area in the box.
        ratio: least and most height by width of the box.
        value: what is put there: a number, one for each channel, or "random" for normal noise in
            every pixel (on bytes: 127.5 + 64 times the noise).

    Example:
        >>> from zincir.data.augment import Compose
        >>> images = np.ones((1, 1, 8, 8), np.float32)
        >>> out = Compose([RandomErasing(p=1)])(images, epoch=0, index=[0])
        >>> bool(0 < (out == 0).mean() < 0.4)
        True
    """

    keeps_places = True

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: float | Sequence[float] | str = 0,
    ) -> None:
        self.p = p
        self.scale = scale
        self.ratio = ratio
        self.value = value
        probability("RandomErasing", self.p)
        if interval("RandomErasing: scale", self.scale, 0.0)[1] > 1:
            raise bad("RandomErasing: scale is more than all", "shares from 0 to 1", self.scale)
        interval("RandomErasing: ratio", self.ratio, 1e-6)
        if isinstance(self.value, str) and self.value != "random":
            raise bad("RandomErasing: value is not known", 'a number, or "random"', self.value)

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, 4) top, left, bottom, right of the box, or zeros; and with noise, (N, 4 + C H W)."""
        heights, widths = sides(draws, size, self.scale, self.ratio, tall=1)
        fits = (heights < size[1]) & (widths < size[2])
        box = first_fit(draws, size, heights, widths, fits)
        box[:, 2:] += box[:, :2]
        box *= (fits.any(axis=1) & draws.chance("erase", self.p))[:, None]
        if self.value != "random":
            return box.astype(np.float32)
        return np.concatenate([box, _noise(draws, size, box)], axis=1).astype(np.float32)

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        if self.value != "random":
            return paste(images, numbers, fills(self.value, images))
        noise = numbers[:, 4:].reshape(images.shape)
        if ar.is_bytes(images):
            noise = ar.typed(noise * 64 + 127.5, images)
        return paste(images, numbers[:, :4], noise)


def _noise(draws: Draws, size: Size, box: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(N, C * H * W) normal noise in the boxes, 0 elsewhere."""
    blank = np.zeros((len(draws), *size), np.float32)
    inside = paste(blank, box, np.ones((1, 1, 1, 1), np.float32))
    return draws.some_normal("noise", inside.reshape(len(draws), int(np.prod(size))) > 0)


class Cutout(Transform):
    """A square of the image wiped out: its middle is anywhere, so that its rim may be cut off.

    From DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout",
    https://arxiv.org/abs/1708.04552.

    Args:
        size: pixels of a side; about half the image's side.
        p: how often.
        value: what is put there: a number, or one for each channel.

    Example:
        >>> from zincir.data.augment import Compose
        >>> images = np.ones((1, 1, 8, 8), np.float32)
        >>> out = Compose([Cutout(4)])(images, epoch=0, index=[0])
        >>> bool(0 < (out == 0).sum() <= 16)
        True
    """

    keeps_places = True

    def __init__(self, size: int, p: float = 1.0, value: float | Sequence[float] = 0) -> None:
        self.size = size
        self.p = p
        self.value = value
        whole_number("Cutout: size", self.size, 1)
        probability("Cutout", self.p)

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, 4) top, left, bottom, right of the square, or zeros."""
        middle = draws.integers("middle", np.array(size[1:]), 2)
        ends = [middle - self.size // 2, middle - self.size // 2 + self.size]
        box = np.concatenate([np.clip(end, 0, size[1:]) for end in ends], axis=1)
        return (box * draws.chance("erase", self.p)[:, None]).astype(np.float32)

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        return paste(images, numbers, fills(self.value, images))
