"""How much each element of an axis counts in each element of its resized self.

An axis of size n becomes one of size m by a matrix (m, n), most of which is 0, or by a list of m
places to copy from. Both are made here, once for each set of sizes, as plain arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]

KEYS_A = -0.75
"""The slope of PyTorch's bicubic kernel at distance 1; Pillow's, used with antialias, is -0.5."""

_KEPT = 256
"""Matrices that are kept for the next call."""


def spacing(n: int, m: int, scale: float | None, align_corners: bool) -> float:
    """How far apart neighbours of the output are in the input; `scale` as the user gave it."""
    if align_corners:
        return (n - 1) / (m - 1) if m > 1 else 0.0
    return 1.0 / scale if scale else n / m


@lru_cache(_KEPT)
def nearest(n: int, m: int, scale: float | None, centred: bool) -> Array:
    """The place (m,) to copy each element from: floor(step * i), or floor(step * (i + 0.5)).

    In single precision, as PyTorch does, which decides where two places are equally near.
    """
    step = np.float32(spacing(n, m, scale, False))
    places = np.arange(m, dtype=np.float32) + np.float32(0.5 if centred else 0.0)
    return np.minimum(np.floor(places * step).astype(np.int64), n - 1)


def _matrix(n: int, taps: Array, weights: Array) -> Array:
    """(m, n) with weights (m, k) added at columns taps (m, k); those outside count at the edge."""
    matrix = np.zeros((len(taps), n))
    rows = np.broadcast_to(np.arange(len(taps))[:, None], taps.shape)
    np.add.at(matrix, (rows, np.clip(taps, 0, n - 1)), weights)
    return matrix


def _places(n: int, m: int, scale: float | None, align_corners: bool) -> Array:
    """Where the elements of the output lie in the input, counted in elements."""
    step = spacing(n, m, scale, align_corners)
    i = np.arange(m, dtype=np.float64)
    return i * step if align_corners else (i + 0.5) * step - 0.5


@lru_cache(_KEPT)
def linear(n: int, m: int, scale: float | None, align_corners: bool) -> Array:
    """(m, n): two neighbours, each counting more the nearer it is."""
    at = np.clip(_places(n, m, scale, align_corners), 0.0, n - 1.0)
    first = np.floor(at)
    beyond = at - first
    taps = first.astype(np.int64)[:, None] + np.arange(2)
    return _matrix(n, taps, np.stack([1.0 - beyond, beyond], 1))


@lru_cache(_KEPT)
def cubic(n: int, m: int, scale: float | None, align_corners: bool) -> Array:
    """(m, n): four neighbours, by Keys' cubic convolution."""
    at = _places(n, m, scale, align_corners)
    first = np.minimum(np.floor(at), n - 1.0)
    beyond = np.clip(at - first, 0.0, 1.0)
    taps = first.astype(np.int64)[:, None] + np.arange(-1, 3)
    distances = np.abs(beyond[:, None] - np.arange(-1, 3))
    return _matrix(n, taps, keys(distances, KEYS_A))


def keys(x: Array, a: float) -> Array:
    """The cubic kernel at distances x >= 0 (Keys 1981, https://doi.org/10.1109/TASSP.1981.1163711)."""
    return np.where(x <= 1.0, keys_near(x, a), np.where(x < 2.0, keys_far(x, a), 0.0))


def keys_near(x: Any, a: float) -> Any:
    """The kernel at distances from 0 to 1, of arrays or nodes."""
    return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0


def keys_far(x: Any, a: float) -> Any:
    """The kernel at distances from 1 to 2, of arrays or nodes."""
    return ((x - 5.0) * x + 8.0) * x * a - 4.0 * a


def _triangle(x: Array) -> Array:
    return np.maximum(1.0 - x, 0.0)


def _keys_of_pillow(x: Array) -> Array:
    return keys(x, -0.5)


@lru_cache(_KEPT)
def linear_antialiased(n: int, m: int, scale: float | None, align_corners: bool) -> Array:
    """(m, n): a triangle, as wide as two elements of the larger of input and output."""
    return _filtered(n, m, spacing(n, m, scale, align_corners), _triangle, 1.0)


@lru_cache(_KEPT)
def cubic_antialiased(n: int, m: int, scale: float | None, align_corners: bool) -> Array:
    """(m, n): Keys' kernel with a = -0.5, as wide as four elements of the larger side."""
    return _filtered(n, m, spacing(n, m, scale, align_corners), _keys_of_pillow, 2.0)


def _filtered(n: int, m: int, step: float, kernel: Callable[[Array], Array], reach: float) -> Array:
    """A kernel, stretched when shrinking so that it misses nothing; rows add up to 1."""
    stretch = max(step, 1.0)
    centre = (np.arange(m) + 0.5)[:, None] * step
    first = np.maximum(np.trunc(centre - reach * stretch + 0.5), 0.0)
    last = np.minimum(np.trunc(centre + reach * stretch + 0.5), n)
    column = np.arange(n)
    weights = kernel(np.abs(column - centre + 0.5) / stretch)
    weights = np.where((column >= first) & (column < last), weights, 0.0)
    return weights / weights.sum(1, keepdims=True)


@lru_cache(_KEPT)
def area(n: int, m: int) -> Array:
    """(m, n): the mean of elements floor(i * n / m) up to ceil((i + 1) * n / m)."""
    i = np.arange(m)[:, None]
    first, last = i * n // m, -(-(i + 1) * n // m)
    column = np.arange(n)
    return ((column >= first) & (column < last)) / (last - first)


def fixed_point(matrix: Array) -> tuple[Array, int]:
    """A matrix times a power of two, in whole numbers below 2^15, and the exponent.

    PyTorch mixes images of bytes so, which Pillow has done before
    (https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c).
    """
    most = float(matrix.max())
    bits = next((b for b in range(22) if int(0.5 + most * (1 << (b + 1))) >= 1 << 15), 22)
    scaled = matrix * (1 << bits)
    return np.trunc(scaled + np.where(scaled < 0.0, -0.5, 0.5)).astype(np.int32), bits
