"""Policies: one of many changes, or several, chosen for each sample."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zincir.data.augment import arrays as ar, colour, sampling, tone
from zincir.data.augment.affine import inverse_map
from zincir.data.augment.arrays import Array
from zincir.data.augment.checks import one_of, whole_number
from zincir.data.augment.draws import Draws
from zincir.data.augment.transform import Numbers, Size, Transform

SIGNED = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate",
          "Brightness", "Color", "Contrast", "Sharpness")  # fmt: skip
BLENDS = {
    "Brightness": colour.BRIGHTNESS,
    "Color": colour.SATURATION,
    "Contrast": colour.CONTRAST,
}
CHANGES = ("Identity", *SIGNED, "Posterize", "Solarize", "AutoContrast", "Equalize")


class RandAugment(Transform):
    """Some of 14 changes, one after the other, all of the same magnitude.

    Identity, shearing, shifting, turning, brightness, colour, contrast, sharpness (each in either
    direction), posterizing, solarizing, contrast to the full, histograms evened out. Not inside a
    compiled step. From Cubuk et al., "RandAugment: practical automated data augmentation with a
    reduced search space", https://arxiv.org/abs/1909.13719.

    Args:
        num_ops: how many changes each image sees.
        magnitude: how strong, from 0 to num_magnitude_bins - 1.
        num_magnitude_bins: in how many steps magnitudes are counted.
        interpolation: of shearing, shifting and turning: "nearest" or "bilinear".
        fill: what comes in from outside: a number, or one for each channel.

    Example:
        >>> from zincir.data.augment import Compose
        >>> chain = Compose([RandAugment()])
        >>> chain(np.zeros((2, 3, 32, 32), np.uint8), epoch=0, index=[0, 1]).shape
        (2, 3, 32, 32)
    """

    needs_colours = True

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: str = "nearest",
        fill: float | Sequence[float] = 0,
    ) -> None:
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill
        whole_number("RandAugment: num_ops", self.num_ops)
        whole_number("RandAugment: magnitude", self.magnitude)
        whole_number("RandAugment: num_magnitude_bins", self.num_magnitude_bins, self.magnitude + 1)
        one_of("RandAugment: interpolation", self.interpolation, sampling.INTERPOLATIONS)

    def size_after(self, size: Size) -> Size:
        """Unchanged."""
        return colour.coloured(size, "RandAugment")

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, num_ops, 2): the number of a change in `CHANGES`, and its strength."""
        strengths = _strengths(
            self.num_magnitude_bins, (0.3, 150 / 331 * size[2], 150 / 331 * size[1], 30, 0.9, 4)
        )
        return _chosen(draws, strengths, self.num_ops, np.array(self.magnitude))

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        return _applied("RandAugment", images, numbers, self.interpolation, self.fill)


class TrivialAugmentWide(Transform):
    """One of the 14 changes of `RandAugment`, of any magnitude; they reach further.

    From Müller and Hutter, "TrivialAugment: tuning-free yet state-of-the-art data augmentation",
    https://arxiv.org/abs/2103.10158. Not inside a compiled step.

    Args:
        num_magnitude_bins: in how many steps magnitudes are counted.
        interpolation: of shearing, shifting and turning: "nearest" or "bilinear".
        fill: what comes in from outside: a number, or one for each channel.

    Example:
        >>> from zincir.data.augment import Compose
        >>> chain = Compose([TrivialAugmentWide()])
        >>> chain(np.zeros((2, 3, 32, 32), np.uint8), epoch=0, index=[0, 1]).shape
        (2, 3, 32, 32)
    """

    needs_colours = True

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: str = "nearest",
        fill: float | Sequence[float] = 0,
    ) -> None:
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill
        whole_number("TrivialAugmentWide: num_magnitude_bins", self.num_magnitude_bins, 2)
        one_of("TrivialAugmentWide: interpolation", self.interpolation, sampling.INTERPOLATIONS)

    def size_after(self, size: Size) -> Size:
        """Unchanged."""
        return colour.coloured(size, "TrivialAugmentWide")

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, 1, 2): the number of a change in `CHANGES`, and its strength."""
        strengths = _strengths(self.num_magnitude_bins, (0.99, 32, 32, 135, 0.99, 6))
        bins = draws.integers("magnitude", self.num_magnitude_bins, 1)
        return _chosen(draws, strengths, 1, bins)

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        return _applied("TrivialAugmentWide", images, numbers, self.interpolation, self.fill)


def _strengths(bins: int, reach: tuple[float, ...]) -> np.ndarray[Any, Any]:
    """(changes, bins): how strong each change is at each magnitude.

    Args:
        bins: how many magnitudes there are.
        reach: the largest shear, shift across, shift down, angle, colour change; bits to lose.
    """
    shear, across, down, angle, change, bits = reach
    share = np.linspace(0.0, 1.0, bins)
    table = np.zeros((len(CHANGES), bins))
    most = (shear, shear, across, down, angle, change, change, change, change)
    table[1 : 1 + len(SIGNED)] = np.array(most)[:, None] * share
    table[CHANGES.index("Posterize")] = 8 - np.rint(share * bits)
    table[CHANGES.index("Solarize")] = 1 - share
    return table


def _chosen(
    draws: Draws, strengths: np.ndarray[Any, Any], count: int, magnitude: np.ndarray[Any, Any]
) -> Numbers:
    """(N, count, 2): changes and strengths, half of those with a direction turned round."""
    if count == 0:
        return np.zeros((len(draws), 0, 2), np.float32)
    which = draws.integers("change", len(CHANGES), count)
    sign = np.where(draws.uniform("direction", size=count) < 0.5, -1.0, 1.0)
    signed = (which >= 1) & (which <= len(SIGNED))
    strength = strengths[which, magnitude] * np.where(signed, sign, 1.0)
    return np.stack([which, strength], axis=2).astype(np.float32)


def _applied(what: str, images: Array, numbers: Array, interpolation: str, fill: Any) -> Array:
    def change(x: np.ndarray[Any, Any], drawn: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        out = x
        for k in range(drawn.shape[1]):
            out = _one_change(
                out, drawn[:, k, 0].astype(np.int64), drawn[:, k, 1], interpolation, fill
            )
        return out

    return ar.through_numpy(what, change, images, numbers)


def _one_change(
    x: np.ndarray[Any, Any],
    which: np.ndarray[Any, Any],
    strength: np.ndarray[Any, Any],
    interpolation: str,
    fill: Any,
) -> np.ndarray[Any, Any]:
    """Each sample changed by what was chosen for it."""
    named = {name: which == k for k, name in enumerate(CHANGES)}
    c, h, w = x.shape[1:]
    moved = (which >= 1) & (which <= CHANGES.index("Rotate"))
    maps = _maps((c, h, w), named, strength)
    move = functools.partial(sampling.affine, interpolation=interpolation, fill=fill)
    blends = [
        (named[n], _blended, (np.full_like(strength, k), 1 + strength)) for n, k in BLENDS.items()
    ]
    jobs: list[tuple[Any, Callable[..., Any], tuple[Any, ...]]] = [
        (moved, move, (maps,)),
        *blends,
        (named["Sharpness"], tone.sharpen, (1 + strength,)),
        (named["Posterize"], tone.posterize, (strength,)),
        (named["Solarize"], tone.solarize, (strength,)),
        (named["AutoContrast"], tone.autocontrast, ()),
        (named["Equalize"], tone.equalize, ()),
    ]
    out = x.copy()
    for chosen, change, numbers in jobs:
        if chosen.any():
            out[chosen] = change(x[chosen], *[n[chosen] for n in numbers])
    return out


def _blended(x: Array, which: Array, factor: Array) -> Array:
    return ar.typed(colour.towards(ar.real(x), which, factor, ar.top(x)), x)


def _maps(size: Size, named: dict[str, Any], strength: np.ndarray[Any, Any]) -> Numbers:
    """(N, 6) the inverse maps of samples that are sheared, shifted or turned."""
    lean = np.degrees(np.arctan(strength))
    shear = np.stack([lean * named["ShearX"], lean * named["ShearY"]], axis=1)
    pixels = np.trunc(strength)
    shift = np.stack([pixels * named["TranslateX"], pixels * named["TranslateY"]], axis=1)
    sheared = inverse_map(size, 0.0 * strength, shear=shear, center=(0, 0))
    others = inverse_map(size, -strength * named["Rotate"], shift)
    return np.where((named["ShearX"] | named["ShearY"])[:, None], sheared, others)
