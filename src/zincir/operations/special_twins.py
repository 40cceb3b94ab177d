"""Special functions in NumPy: slow and obvious twins of compiled ones, and the rare ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def of_numbers(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """A function of one number, for arrays."""

    def run(x: Any) -> Any:
        flat = [function(float(v)) for v in np.asarray(x, np.float64).reshape(-1)]
        return np.array(flat, np.float64).reshape(np.shape(x))

    return run


def lgamma(x: float) -> float:
    """Log |Gamma(x)|."""
    if math.isnan(x):
        return x
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    try:
        return math.lgamma(x)
    except OverflowError:
        return math.inf


def erfcx(x: float) -> float:
    """exp(x^2) erfc(x); for large x by its continued fraction."""
    if x < 25:
        try:
            return math.exp(x * x) * math.erfc(x)
        except OverflowError:
            return math.inf
    if math.isnan(x):
        return x
    y = 0.0
    for k in range(40, 0, -1):
        y = k / 2 / (x + y)
    return 1 / (math.sqrt(math.pi) * (x + y))


def erfcinv(y: float) -> float:
    """The inverse of erfc, for 0 < y <= 1, by Halley's steps on its logarithm's start."""
    s = math.sqrt(-2 * math.log(y / 2)) if y < 1 else 0.0
    rational = s - (2.515517 + s * (0.802853 + s * 0.010328)) / (
        1 + s * (1.432788 + s * (0.189269 + s * 0.001308))
    )
    x = rational / math.sqrt(2)  # Abramowitz and Stegun 26.2.23
    for _ in range(4):
        slope = 2 / math.sqrt(math.pi) * math.exp(-x * x)
        if slope == 0:
            break
        step = (math.erfc(x) - y) / slope
        x += step / (1 - x * step)
    return x


def erfinv(x: float) -> float:
    """The inverse of erf."""
    size = abs(x)
    if math.isnan(x) or size > 1:
        return math.nan
    if size == 1:
        return math.copysign(math.inf, x)
    if size > 0.5:
        return math.copysign(erfcinv(1 - size), x)
    y = size * math.sqrt(math.pi) / 2
    for _ in range(6):
        step = (math.erf(y) - size) * math.sqrt(math.pi) / 2 * math.exp(y * y)
        y -= step / (1 + y * step)
    return math.copysign(y, x)


def ndtri(p: float) -> float:
    """The inverse of the normal distribution function."""
    if math.isnan(p) or p < 0 or p > 1:
        return math.nan
    if p in (0.0, 1.0):
        return math.inf if p else -math.inf
    if p <= 0.5:
        return -math.sqrt(2) * erfcinv(2 * p)
    return math.sqrt(2) * erfcinv(2 * (1 - p))


def digamma(x: float) -> float:
    """The derivative of log Gamma(x)."""
    if x == 0:
        return math.copysign(math.inf, -x)
    if x < 0:
        if math.isinf(x) or x == math.floor(x):
            return math.nan
        return digamma(1 - x) - math.pi / math.tan(math.pi * (x - round(x)))
    below = 0.0
    while x < 20:
        below += 1 / x
        x += 1
    if math.isinf(x) or math.isnan(x):
        return x
    u = 1 / (x * x)
    series = u * (1 / 12 - u * (1 / 120 - u * (1 / 252 - u * (1 / 240 - u / 132))))
    return math.log(x) - 0.5 / x - series - below


# B(2 k) / (2 k)!
_BERNOULLI = (
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000,
    1 / 74724249600, -3617 / 10670622842880000, 43867 / 5109094217170944000,
)  # fmt: skip


def zeta(s: Any, q: Any) -> Any:
    """Hurwitz's zeta function, the sum of (q + k)^-s for k = 0, 1, ..., by Euler and Maclaurin."""
    kind = np.result_type(s, q)
    s, q = (np.array(v, np.float64) for v in np.broadcast_arrays(s, q))
    with np.errstate(all="ignore"):
        pole = (q <= 0) & (q == np.floor(q))
        bad = (s < 1) | ((q <= 0) & ~pole & (s != np.floor(s))) | np.isnan(s) | np.isnan(q)
        total, a = np.zeros(s.shape), q.copy()
        left = np.ones(s.shape, bool) & ~bad & ~pole
        for k in range(100_000):
            going = left & ((k < 12) | (a < 12))
            if not going.any():
                break
            total = np.where(going, total + np.where(going, a, 1.0) ** -s, total)
            a = np.where(going, a + 1, a)
        tail = a ** (1 - s) / (s - 1) + 0.5 * a**-s
        factor, power = s, a ** (-s - 1)
        for k, c in enumerate(_BERNOULLI):
            tail = tail + c * factor * power
            factor = factor * (s + 2 * k + 1) * (s + 2 * k + 2)
            power = power / (a * a)
        y = np.where(np.isposinf(a), 0.0, total + tail)
        y = np.where(pole | (s == 1), np.inf, y)
    return np.where(bad, np.nan, y).astype(kind)


def polygamma(x: Any, n: int) -> Any:
    """The n-th derivative of digamma, n >= 1: (-1)^(n + 1) n! zeta(n + 1, x)."""
    sign = 1.0 if n % 2 else -1.0
    with np.errstate(all="ignore"):
        y = sign * math.factorial(n) * zeta(np.float64(n + 1), np.asarray(x, np.float64))
        if n == 1:  # a sum from below would take long: pi^2 / sin(pi x)^2 - trigamma(1 - x)
            back = zeta(np.float64(2), 1 - np.asarray(x, np.float64))
            sine = np.sin(np.pi * (x - np.round(x)))
            mirrored = (np.pi / sine) ** 2 - back
            y = np.where(x < 0.5, np.where(sine == 0, np.inf, mirrored), y)
    return y.astype(x.dtype)


def bessel_i(x: Any, order: int, scaled: bool) -> Any:
    """The modified Bessel function I0 or I1, by the trapezoidal rule on its integral.

    I(x) = mean over theta of exp(x cos(theta)) cos(order theta), which converges geometrically.
    """
    size = np.abs(np.asarray(x, np.float64))
    with np.errstate(all="ignore"):
        y = np.empty(size.shape)
        flat, out = size.reshape(-1), y.reshape(-1)
        for start in range(0, flat.size, 4096):
            part = flat[start : start + 4096]
            out[start : start + 4096] = _scaled_bessel(part, order)
        if not scaled:
            half = np.exp(size / 2)
            y = y * half * half
        y = np.where(np.isinf(size), 0.0 if scaled else np.inf, y)
        y = np.where(size == 0, 1.0 - order, y)
    return (np.where(x < 0, -y, y) if order else y).astype(x.dtype)


def _scaled_bessel(x: Any, order: int) -> Any:
    """exp(-x) I(x): the series of 1 / x from 700 on, where the integral would need many points."""
    points = 400
    theta = (np.arange(points) + 0.5) * np.pi / points
    weights = np.cos(order * theta)
    near = np.minimum(x, 700.0)
    inner = (np.exp(near[:, None] * (np.cos(theta) - 1.0)) * weights).mean(1)
    mu, far = 4.0 * order * order, np.maximum(x, 700.0)
    term, series = np.ones_like(far), np.ones_like(far)
    for k in range(1, 9):
        term = -term * (mu - (2 * k - 1) ** 2) / (k * 8 * far)
        series = series + term
    return np.where(x <= 700.0, inner, series / np.sqrt(2 * np.pi * far))
