"""The formulas of windows, in NumPy: numbers from 0 over 1 to 0, for `m` places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]


def window(m: int, symmetric: bool, formula: Callable[[Array, int], Array]) -> Array:
    """`formula(places, last)` at 0, ..., m - 1; one that is not symmetric leaves its end out."""
    if m < 2:
        return np.ones(m)
    last = m - 1 if symmetric else m
    return formula(np.arange(m, dtype=np.float64), last)


def general_cosine(coefficients: Sequence[float]) -> Callable[[Array, int], Array]:
    """a[0] - a[1] cos(2 pi n / N) + a[2] cos(4 pi n / N) - ..."""

    def formula(n: Array, last: int) -> Array:
        angle = 2 * np.pi * n / last
        terms = [(-1) ** k * a * np.cos(k * angle) for k, a in enumerate(coefficients)]
        return np.sum(terms, 0)

    return formula


def bartlett(n: Array, last: int) -> Array:
    """1 - |2 n / N - 1|."""
    return 1 - np.abs(2 * n / last - 1)


def cosine(n: Array, last: int) -> Array:
    """sin(pi (n + 1/2) / (N + 1))."""
    return np.sin(np.pi * (n + 0.5) / (last + 1))


def kaiser(beta: float) -> Callable[[Array, int], Array]:
    """I0(beta sqrt(1 - (2 n / N - 1)^2)) / I0(beta) (Kaiser 1974)."""

    def formula(n: Array, last: int) -> Array:
        inside = np.maximum(1 - (2 * n / last - 1) ** 2, 0)
        return np.i0(beta * np.sqrt(inside)) / np.i0(beta)

    return formula


def gaussian(std: float) -> Callable[[Array, int], Array]:
    """exp(-((n - N / 2) / std)^2 / 2)."""
    return lambda n, last: np.exp(-(((n - last / 2) / std) ** 2) / 2)


def exponential(center: float | None, tau: float) -> Callable[[Array, int], Array]:
    """exp(-|n - center| / tau)."""

    def formula(n: Array, last: int) -> Array:
        return np.exp(-np.abs(n - (last / 2 if center is None else center)) / tau)

    return formula
