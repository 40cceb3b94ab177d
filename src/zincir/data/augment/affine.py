"""Images turned, moved, scaled and sheared."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.data.augment import arrays as ar, sampling
from zincir.data.augment.arrays import Array
from zincir.data.augment.boxes import Boxes, joined
from zincir.data.augment.checks import around, bad, interval, one_of
from zincir.data.augment.draws import Draws
from zincir.data.augment.transform import Geometric, Numbers, Size


class RandomRotation(Geometric):
    """Each image turned by a random angle, counter-clockwise.

    Args:
        degrees: the largest angle in either direction, or least and most.
        interpolation: "nearest" or "bilinear".
        expand: must be False: in a batch, all images stay of one size.
        center: column and row that stay in place, from the upper left corner; None: the middle.
        fill: what comes in from outside: a number, or one for each channel.

    Example:
        >>> from zincir.data.augment import Compose
        >>> images = np.array([[[[1, 2], [3, 4]]]], np.uint8)
        >>> Compose([RandomRotation((90, 90))])(images, epoch=0, index=[0]).tolist()
        [[[[2, 4], [1, 3]]]]
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: str = "nearest",
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: float | Sequence[float] = 0,
    ) -> None:
        self.degrees = degrees
        self.interpolation = interpolation
        self.center = center
        self.fill = fill
        around("RandomRotation: degrees", self.degrees, 0.0)
        if expand:
            raise bad("RandomRotation: images would differ in size", "expand=False", expand)
        one_of("RandomRotation: interpolation", self.interpolation, sampling.INTERPOLATIONS)

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, 6): the inverse map of each image."""
        low, high = around("RandomRotation: degrees", self.degrees, 0.0)
        return inverse_map(size, -draws.uniform("angle", low, high), center=self.center)

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        return sampling.affine(images, numbers, self.interpolation, self.fill)

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """Around the corners, wherever they are now."""
        return turned(boxes, numbers, size)


class RandomAffine(Geometric):
    """Each image turned, moved, scaled and sheared at random; what is straight stays straight.

    Args:
        degrees: the largest angle in either direction, or least and most; clockwise.
        translate: the largest shift, as shares of width and height; None: no shift.
        scale: least and most factor; None: no scaling.
        shear: the largest angle by which columns lean, in either direction; or least and most; or
            four numbers, the last two for rows; None: no shear.
        interpolation: "nearest" or "bilinear".
        fill: what comes in from outside: a number, or one for each channel.
        center: column and row that stay in place, from the upper left corner; None: the middle.

    Example:
        >>> from zincir.data.augment import Compose
        >>> chain = Compose([RandomAffine(15, translate=(0.1, 0.1), scale=(0.9, 1.1))])
        >>> chain(np.ones((2, 3, 32, 32), np.float32), epoch=0, index=[0, 1]).shape
        (2, 3, 32, 32)
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: str = "nearest",
        fill: float | Sequence[float] = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        self.degrees = degrees
        self.translate = translate
        self.scale = scale
        self.shear = shear
        self.interpolation = interpolation
        self.fill = fill
        self.center = center
        around("RandomAffine: degrees", self.degrees, 0.0)
        shares = self.translate
        if shares is not None and (len(shares) != 2 or not all(0 <= t <= 1 for t in shares)):
            raise bad("RandomAffine: translate is not two shares", "(0.1, 0.1)", self.translate)
        if self.scale is not None:
            interval("RandomAffine: scale", self.scale, 1e-6)
        self._shears()
        one_of("RandomAffine: interpolation", self.interpolation, sampling.INTERPOLATIONS)

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, 6): the inverse map of each image."""
        low, high = around("RandomAffine: degrees", self.degrees, 0.0)
        angle = draws.uniform("angle", low, high)
        most = np.array(self.translate or (0.0, 0.0)) * (size[2], size[1])
        shift = np.rint(draws.uniform("shift", -most, most, 2))
        smallest, largest = self.scale or (1.0, 1.0)
        scale = draws.uniform("scale", smallest, largest)
        (x_low, x_high), (y_low, y_high) = self._shears()
        lean = draws.uniform("shear", np.array([x_low, y_low]), np.array([x_high, y_high]), 2)
        return inverse_map(size, angle, shift, scale, lean, self.center)

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        return sampling.affine(images, numbers, self.interpolation, self.fill)

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """Around the corners, wherever they are now."""
        return turned(boxes, numbers, size)

    def _shears(self) -> tuple[tuple[float, float], tuple[float, float]]:
        if isinstance(self.shear, Sequence) and len(self.shear) == 4:
            return (
                interval("RandomAffine: shear", self.shear[:2]),
                interval("RandomAffine: shear", self.shear[2:]),
            )
        return around("RandomAffine: shear", self.shear or 0.0, 0.0), (0.0, 0.0)


def turned(boxes: Boxes, numbers: Array, size: Size) -> Boxes:
    """The boxes around what becomes of boxes, if pixels come from where `numbers` (N, 6) say."""
    p, q, u, r, s, v = (numbers[:, k, None] for k in range(6))
    whole = p * s - q * r
    middle = size[2] / 2, size[1] / 2
    x1, y1, x2, y2 = (boxes.places[:, :, k] - middle[k % 2] for k in range(4))
    xs: list[Array] = []
    ys: list[Array] = []
    for x, y in ((x1, y1), (x2, y1), (x1, y2), (x2, y2)):
        xs.append((s * (x - u) - q * (y - v)) / whole + middle[0])
        ys.append((p * (y - v) - r * (x - u)) / whole + middle[1])
    lows = [functools.reduce(ar.smaller, line) for line in (xs, ys)]
    highs = [functools.reduce(ar.larger, line) for line in (xs, ys)]
    return boxes._replace(places=joined([*lows, *highs]))


def inverse_map(
    size: Size,
    angle: Any,
    shift: Any = (0.0, 0.0),
    scale: Any = 1.0,
    shear: Any = (0.0, 0.0),
    center: Sequence[float] | None = None,
) -> Numbers:
    """(N, 6) where each pixel comes from, measured from the middle of the image.

    The map itself is: centre to the origin, shear, scale, rotate clockwise, back, shift, as in
    torchvision. Its linear part is turned round as the 2 x 2 matrix it is.

    Args:
        size: channels, height and width.
        angle: (N,) degrees.
        shift: (N, 2) pixels to the right and down.
        scale: (N,) factors.
        shear: (N, 2) degrees by which columns and rows lean.
        center: column and row that stay in place, from the upper left corner; None: the middle.
    """
    turn, scale = np.broadcast_arrays(np.radians(angle), scale)
    shift = np.broadcast_to(shift, (len(turn), 2))
    lean = np.broadcast_to(np.radians(shear), (len(turn), 2))
    x, y = lean[:, 0], lean[:, 1]
    a = np.cos(turn - y) / np.cos(y)
    b = -a * np.tan(x) - np.sin(turn)
    c = np.sin(turn - y) / np.cos(y)
    d = -c * np.tan(x) + np.cos(turn)
    # the determinant of (a, b; c, d) is 1
    p, q, r, s = d / scale, -b / scale, -c / scale, a / scale
    cx, cy = (0.0, 0.0) if center is None else (center[0] - size[2] / 2, center[1] - size[1] / 2)
    u, v = -cx - shift[:, 0], -cy - shift[:, 1]
    return np.stack([p, q, p * u + q * v + cx, r, s, r * u + s * v + cy], axis=1).astype(np.float32)
