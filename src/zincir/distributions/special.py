"""log Gamma, its derivative, and the inverse of erf, made of operations and computed in float64.

They have gradients of any order, since their parts have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from zincir.functional import where
from zincir.tensor import Tensor
from zincir.types import float64

_UP = 10
"""From here on, Stirling's series is exact to the last places."""
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
"""B[2k] / (2k (2k - 1)): Abramowitz and Stegun (1964), 6.1.40."""
_SLOPES = tuple(c * (2 * k + 1) for k, c in enumerate(_STIRLING))
"""B[2k] / 2k: 6.3.18."""
_MIDDLE = (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
           -0.00125372503, -0.00417768164, 0.246640727, 1.50140941)  # fmt: skip
_TAIL = (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
         -0.0076224613, 0.00943887047, 1.00167406, 2.83297682)  # fmt: skip
"""Giles, "Approximating the erfinv function" (2010): seven digits, which two steps double twice."""


def _polynomial(coefficients: Sequence[float], x: Tensor) -> Tensor:
    total = x * coefficients[0]
    for c in coefficients[1:-1]:
        total = (total + c) * x
    return total + coefficients[-1]


def lgamma(x: Tensor) -> Tensor:
    """Log Gamma(x) for positive x."""
    y = x.to(float64)
    product = y
    for k in range(1, _UP):
        product = product * (y + k)
    z = y + _UP
    series = _polynomial(_STIRLING[::-1], z**-2) / z
    stirling = (z - 0.5) * z.log() - z + 0.5 * math.log(2 * math.pi) + series
    return (stirling - product.log()).to(x.dtype)


def digamma(x: Tensor) -> Tensor:
    """The derivative of log Gamma, for positive x."""
    y = x.to(float64)
    below = y.reciprocal()
    for k in range(1, _UP):
        below = below + (y + k).reciprocal()
    z = y + _UP
    square = z**-2
    series = _polynomial(_SLOPES[::-1], square) * square
    return (z.log() - 0.5 / z - series - below).to(x.dtype)


def erfinv(x: Tensor) -> Tensor:
    """The number whose erf is x."""
    y = x.to(float64)
    w = -((1 - y) * (1 + y)).log()
    middle = _polynomial(_MIDDLE, w.clamp(max=5.0) - 2.5)
    tail = _polynomial(_TAIL, w.clamp(min=5.0).sqrt() - 3)
    start = where(w < 5, middle, tail) * y
    found = start
    for _ in range(2):
        found = found - (found.erf() - y) * (found.square()).exp() * (math.sqrt(math.pi) / 2)
    return where(y.abs() < 1, found, start).to(x.dtype)


def xlogy(x: Tensor, y: Tensor) -> Tensor:
    """X log y, which is 0 where x is."""
    return x * where((x == 0) & (y <= 0), 1.0, y).log()
