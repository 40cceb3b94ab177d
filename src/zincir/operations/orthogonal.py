"""Orthogonal polynomials, by their recurrences; without gradients, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, register
from zincir.operations.arithmetic import Number
from zincir.operations.special import both_floating


@dataclass(frozen=True)
class Family:
    """The rules of a family: p[0] = 1, and p[k + 1] = ((a x + b) p[k] - c p[k - 1]) / d.

    Args:
        first: p[1](x).
        rule: (a, b, c, d) for k.
        doc: what is behind the name.
    """

    first: Callable[[Any], Any]
    rule: Callable[[int], tuple[float, float, float, float]]
    doc: str


def _chebyshev(start: Callable[[Any], Any], kind: str) -> Family:
    return Family(start, lambda k: (2, 0, 1, 1), f"Chebyshev's polynomials of the {kind} kind")


def _shifted(family: Family) -> Family:
    """P(2 x - 1)."""
    return Family(
        lambda x: family.first(x + x - 1), lambda k: (4, -2, 1, 1), f"{family.doc}, at 2 x - 1"
    )


_STARTS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "t": (lambda x: x, "first"),
    "u": (lambda x: x + x, "second"),
    "v": (lambda x: x + x - 1, "third"),
    "w": (lambda x: x + x + 1, "fourth"),
}
_CHEBYSHEV = {letter: _chebyshev(*start) for letter, start in _STARTS.items()}
FAMILIES: dict[str, Family] = {
    **{f"chebyshev_polynomial_{k}": family for k, family in _CHEBYSHEV.items()},
    **{f"shifted_chebyshev_polynomial_{k}": _shifted(f) for k, f in _CHEBYSHEV.items()},
    "hermite_polynomial_h": Family(
        lambda x: x + x, lambda k: (2, 0, 2 * k, 1), "Hermite's polynomials of physics"
    ),
    "hermite_polynomial_he": Family(
        lambda x: x, lambda k: (1, 0, k, 1), "Hermite's polynomials of probability"
    ),
    "laguerre_polynomial_l": Family(
        lambda x: 1 - x, lambda k: (-1, 2 * k + 1, k, k + 1), "Laguerre's polynomials"
    ),
    "legendre_polynomial_p": Family(
        lambda x: x, lambda k: (2 * k + 1, 0, k, k + 1), "Legendre's polynomials"
    ),
}
"""By PyTorch's names."""
_HERMITE_MOST = {"float32": 128, "float64": 512}
"""The degrees up to which PyTorch computes Hermite's polynomials; beyond, they are NaN."""


def _numpy(x: Any, n: Any, name: str) -> Any:
    family = FAMILIES[name]
    with np.errstate(all="ignore"):
        degree = np.nan_to_num(np.trunc(n), nan=-1.0)
        before, now = np.ones(degree.shape, x.dtype), family.first(x) + np.zeros_like(degree)
        y = np.where(degree < 0, 0, np.where(degree == 0, before, now))
        limit = _HERMITE_MOST[x.dtype.name] if name.startswith("hermite") else np.inf
        wanted = np.where(degree > limit, 0, degree)
        k = 1
        while (wanted > k).any():
            a, b, c, d = family.rule(k)
            before, now = now, ((a * x + b) * now - c * before) / d
            k += 1
            y = np.where(wanted == k, now, y)
            wanted = np.where(np.isfinite(now), wanted, np.minimum(wanted, k + 3))  # NaN from there
    return np.where(degree > limit, np.nan, y).astype(x.dtype)


polynomial_p = register(
    Primitive(
        "polynomial",
        Kind.HOST,
        doc="The polynomial of degree n of a family, at x; 0 for n < 0.",
        infer=lambda x, n, name: (np.broadcast_shapes(x[0], n[0]), x[1]),
        numpy=_numpy,
        attrs=("name",),
    )
)


def polynomial(name: str, x: Number, n: Number) -> Node:
    """The polynomial of degree n, at x."""
    return apply(polynomial_p, *both_floating(x, n, detached=True), attrs=(name,))
