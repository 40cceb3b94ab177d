"""Bessel functions and Airy's; without gradients, as in PyTorch.

Integrals of smooth functions by the trapezoidal rule, which converges geometrically, and the
asymptotic series where these need many points (Abramowitz and Stegun, chapters 9 and 10).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, register
from zincir.operations import arithmetic as ar, special_twins as twins
from zincir.operations.source import detach

_GAMMA = 0.5772156649015329
_FAR = 25.0


def _in_pieces(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of a vector, for arrays of any size: what lies between takes a bounded memory."""

    def run(x: Any) -> Any:
        flat = np.asarray(x, np.float64).reshape(-1)
        with np.errstate(all="ignore"):
            parts = [function(flat[i : i + 4096]) for i in range(0, flat.size, 4096)]
        return np.concatenate([*parts, flat[:0]]).reshape(np.shape(x))

    return run


# --- J and Y ------------------------------------------------------------------------------------

_ANGLES = (np.arange(80) + 0.5) * np.pi / 80
_STEPS = np.arange(1, 36)[:, None]
_SIGNS = (-1.0) ** _STEPS
# Neumann's series of J[2 k] and J[2 k + 1] (9.1.88), each under Bessel's integral
_EVEN = (_SIGNS / _STEPS * np.cos(2 * _STEPS * _ANGLES)).sum(0)
_ODD = (
    _SIGNS * (2 * _STEPS + 1) / (_STEPS * (_STEPS + 1)) * np.sin((2 * _STEPS + 1) * _ANGLES)
).sum(0)


def _near(x: Any, order: int, second: bool) -> Any:
    """J (9.1.18) and Y (9.1.88) of 0 or 1, up to `_FAR`."""
    inside = x[:, None] * np.sin(_ANGLES)
    wave = np.sin(inside) if order else np.cos(inside)
    j = (wave * (np.sin(_ANGLES) if order else 1.0)).mean(1)
    if not second:
        return j
    y = 2 / np.pi * (np.log(x / 2) + _GAMMA - order) * j
    if not order:
        return y - 4 / np.pi * (wave * _EVEN).mean(1)
    return y - 2 / np.pi * (wave * _ODD).mean(1) - 2 / (np.pi * x) * np.cos(inside).mean(1)


def _far(x: Any, order: int, second: bool) -> Any:
    """J and Y by Hankel's series (9.2.5, 9.2.6)."""
    sums, term = [np.ones_like(x), np.zeros_like(x)], np.ones_like(x)
    for k in range(1, 24):
        term = term * (4 * order - (2 * k - 1) ** 2) / (k * 8 * x)
        sums[k % 2] = sums[k % 2] + term * (-1) ** (k // 2)
    p, q = sums
    s, c = np.sin(x), np.cos(x)  # of the angle x - (order / 2 + 1 / 4) pi, times sqrt(2)
    sine, cosine = (-s - c, s - c) if order else (s - c, c + s)
    return (p * sine + q * cosine if second else p * cosine - q * sine) / np.sqrt(np.pi * x)


def _cylinder(order: int, second: bool) -> Callable[[Any], Any]:
    def of(x: Any) -> Any:
        size = np.abs(x)
        near = _near(np.minimum(size, _FAR), order, second)
        y = np.where(size <= _FAR, near, _far(np.maximum(size, _FAR), order, second))
        if second:
            return np.where(x < 0, np.nan, np.where(x == 0, -np.inf, y))
        return np.where(x == 0, x, np.where(x < 0, -y, y)) if order else y

    return _in_pieces(of)


# --- I and K ------------------------------------------------------------------------------------


def _first_kind(order: int) -> Callable[[Any], Any]:
    def of(x: Any) -> Any:
        y = twins.bessel_i(np.asarray(x, np.float64), order, False)
        return np.where(np.isinf(x), np.nan, np.where((x == 0) & (order == 1), 0.0, y))

    return of


def _modified(order: int, scaled: bool) -> Callable[[Any], Any]:
    """K(x) exp(x) is the integral of exp(-x (cosh(t) - 1)) cosh(order t) over t > 0 (9.6.24)."""

    def of(x: Any) -> Any:
        some = np.where((x > 1e-3) & (x < np.inf), x, 1.0)
        t = np.arccosh(1 + 740 / some)[:, None] * np.arange(401) / 400
        terms = np.exp(-some[:, None] * (np.cosh(t) - 1)) * np.cosh(order * t)
        y = t[:, 1] * (terms.sum(1) - 0.5)
        log = np.log(np.where(x < 1, x, 1.0) / 2)  # 9.6.13, 9.6.11
        small = -(log + _GAMMA) * (1 + x * x / 4) + x * x / 4 * (1 + x * x / 32)
        if order:
            small = 1 / x + x / 2 * (log + _GAMMA - 0.5)
        y = np.where(x > 1e-3, y if scaled else y * np.exp(-some), small * np.exp(x * scaled))
        y = np.where(x == np.inf, 0.0, np.where(x == 0, np.inf, y))
        return np.where(x >= 0, y, np.nan)

    return _in_pieces(of)


# --- Airy's function ----------------------------------------------------------------------------


def _airy(x: Any) -> Any:
    """Its integral (10.4.32) along t = u + i c, through the saddle where x is positive."""
    some = np.where(np.abs(x) < 110, np.maximum(x, -10.0), 0.0)
    c = np.maximum(np.sqrt(np.maximum(some, 0.0)), 0.5)[:, None]
    u = np.sqrt(40 / c) * np.arange(301) / 300
    terms = np.exp(-c * u * u) * np.cos(u * u * u / 3 + (some[:, None] - c * c) * u)
    near = u[:, 1] / np.pi * (terms.sum(1) - 0.5) * np.exp(c**3 / 3 - some[:, None] * c)[:, 0]
    zeta = 2 / 3 * np.maximum(-x, 10.0) ** 1.5
    sums, term = [np.ones_like(x), np.zeros_like(x)], np.ones_like(x)
    for k in range(1, 24):  # 10.4.60
        term = term * (6 * k - 5) * (6 * k - 3) * (6 * k - 1) / (216 * k * (2 * k - 1) * zeta)
        sums[k % 2] = sums[k % 2] + term * (-1) ** (k // 2)
    s, c = np.sin(zeta), np.cos(zeta)
    far = ((s + c) * sums[0] - (c - s) * sums[1]) / np.sqrt(2 * np.pi * np.sqrt(np.abs(x)))
    y = np.where(x < -10, far, np.where(x > 103.892, 0.0, near))
    return np.where(np.isfinite(x), y, np.nan)


def _spherical(x: Any) -> Any:
    with np.errstate(all="ignore"):
        y = np.where(np.isinf(x), 0.0, np.sin(x) / x)
    return np.where(x == 0, 1.0, y)


FUNCTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "bessel_j0": (_cylinder(0, False), "Bessel's function J0, of the first kind"),
    "bessel_j1": (_cylinder(1, False), "Bessel's function J1, of the first kind"),
    "bessel_y0": (_cylinder(0, True), "Bessel's function Y0, of the second kind"),
    "bessel_y1": (_cylinder(1, True), "Bessel's function Y1, of the second kind"),
    "modified_bessel_i0": (_first_kind(0), "The modified Bessel function I0"),
    "modified_bessel_i1": (_first_kind(1), "The modified Bessel function I1"),
    "modified_bessel_k0": (_modified(0, False), "The modified Bessel function K0"),
    "modified_bessel_k1": (_modified(1, False), "The modified Bessel function K1"),
    "scaled_modified_bessel_k0": (_modified(0, True), "exp(x) K0(x)"),
    "scaled_modified_bessel_k1": (_modified(1, True), "exp(x) K1(x)"),
    "spherical_bessel_j0": (_spherical, "The spherical Bessel function sin(x) / x"),
    "airy_ai": (_in_pieces(_airy), "Airy's function Ai"),
}
"""By PyTorch's names: in NumPy, and what they are."""

bessel_p = register(
    Primitive(
        "bessel",
        Kind.HOST,
        doc="A Bessel function, by name.",
        infer=lambda x, name: x,
        numpy=lambda x, name: np.asarray(FUNCTIONS[name][0](x.astype(np.float64)), x.dtype),
        attrs=("name",),
    )
)


def bessel(name: str, x: Node) -> Node:
    """A Bessel function, by name."""
    return apply(bessel_p, detach(ar.floating(x)), attrs=(name,))
