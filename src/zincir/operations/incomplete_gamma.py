"""The incomplete gamma function: its share below x, and above."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zincir.errors import GradientError, explain
from zincir.graph.node import Node, apply, describe
from zincir.graph.primitive import Kind, Primitive, register
from zincir.operations import elementwise as el
from zincir.operations.arithmetic import Number
from zincir.operations.special import both_floating, lgamma
from zincir.operations.special_twins import of_numbers

_LARGE = 30.0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_lgamma = of_numbers(math.lgamma)


def _density(a: Any, x: Any) -> Any:
    """x^a exp(-x) / Gamma(a), for a that are not large."""
    return np.exp(a * np.log(x) - x - _lgamma(a))


def _series(a: Any, x: Any) -> Any:
    """The share below x, where x is not above a + 1 (Abramowitz and Stegun 6.5.29)."""
    term = total = 1 / a
    for k in range(1, 1000):
        term = term * x / (a + k)
        total = total + term
        if (term <= 1e-17 * total).all():
            break
    return total * _density(a, x)


def _fraction(a: Any, x: Any) -> Any:
    """The share above x, where x is not below a + 1: 6.5.31 by Lentz's rule."""
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    h = d
    for k in range(1, 1000):
        part = -k * (k - a)
        b = b + 2
        d = part * d + b
        c = b + part / c
        d = 1 / np.where(d == 0, tiny, d)
        c = np.where(c == 0, tiny, c)
        change = c * d
        h = h * change
        if (np.abs(change - 1) < 1e-16).all():
            break
    return h * _density(a, x)


def _exponent(s: Any) -> Any:
    """S - expm1(s), near 0 by its series."""
    small = np.where(np.abs(s) < 0.5, s, 0.0)
    series = np.zeros_like(s)
    for k in range(17, 1, -1):
        series = series * small + 1 / math.factorial(k)
    return np.where(np.abs(s) < 0.5, -small * small * series, s - np.expm1(s))


def _tail(a: Any, x: Any) -> Any:
    """The smaller share for large a, on whose side x lies: Gauss's rule, in s = log(t / a).

    The density of s is exp(a (s - expm1(s))), but for a factor of Stirling's series.
    """
    start = np.log1p((x - a) / a)
    side = np.where(start < 0, -1.0, 1.0)
    drop = _exponent(start) - 40 / a
    slope, curve = np.abs(np.expm1(start)), np.exp(start)
    end = start + side * 80 / (a * slope + np.sqrt((a * slope) ** 2 + 80 * a * curve))
    for _ in range(8):  # to where it has fallen by exp(-40)
        end = end + (_exponent(end) - drop) / np.expm1(end)
    s = start[:, None] + (end - start)[:, None] * (_NODES + 1) / 2
    inside = np.exp(a[:, None] * _exponent(s)) @ _WEIGHTS
    stirling = 1 / (12 * a) - 1 / (360 * a**3) + 1 / (1260 * a**5) - 1 / (1680 * a**7)
    return inside * np.abs(end - start) / 2 * np.sqrt(a / (2 * np.pi)) * np.exp(-stirling)


def _numpy(a: Any, x: Any, upper: bool) -> Any:
    kind = a.dtype
    a, x = (np.array(v, np.float64) for v in np.broadcast_arrays(a, x))
    shape, a, x = a.shape, a.reshape(-1), x.reshape(-1)
    share, above = np.zeros(a.shape), np.zeros(a.shape, bool)
    usual = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    with np.errstate(all="ignore"):
        for where, rule, is_above in (
            (usual & (a < _LARGE) & (x <= a + 1), _series, np.False_),
            (usual & (a < _LARGE) & (x > a + 1), _fraction, np.True_),
            (usual & (a >= _LARGE), _tail, x >= a),
        ):
            if where.any():
                share[where] = rule(a[where], x[where])
                above[where] = np.broadcast_to(is_above, a.shape)[where]
    y = np.where(above == upper, share, 1 - share)
    whole = np.where((a == 0) | (x == np.inf), 1.0, 0.0)  # all of it is below x
    y = np.where(usual, y, 1 - whole if upper else whole)
    both = ((a == 0) & (x == 0)) | ((a == np.inf) & (x == np.inf))
    bad = ~((a >= 0) & (x >= 0)) | both
    return np.where(bad, np.nan, y).reshape(shape).astype(kind)


def _vjp(g: Node, y: Node, a: Node, x: Node, upper: bool) -> tuple[None, Node]:
    if a.needs_grad:
        raise GradientError(
            explain("igamma: no gradient for its first argument", where=describe(y.origin))
        )
    slope = el.exp((a - 1.0) * el.log(x) - x - lgamma(a))
    return None, g * (-slope if upper else slope)


igamma_p = register(
    Primitive(
        "igamma",
        Kind.HOST,
        doc="The share of Gamma(a)'s integral below x; above, if `upper`.",
        infer=lambda a, x, upper: (np.broadcast_shapes(a[0], x[0]), a[1]),
        numpy=_numpy,
        vjp=_vjp,
        attrs=("upper",),
    )
)


def igamma(a: Number, x: Number, upper: bool) -> Node:
    """The regularised incomplete gamma function: the lower one, or the upper one."""
    return apply(igamma_p, *both_floating(a, x), attrs=(upper,))
