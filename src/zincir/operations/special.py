"""Special functions: error functions, the gamma function and its family, Bessel functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.errors import ArgumentError, GradientError, explain
from zincir.graph.node import Node, apply, describe, user_line
from zincir.graph.primitive import Kind, Primitive, register
from zincir.operations import (
    arithmetic as ar,
    composed as co,
    elementwise as el,
    special_twins as twins,
)
from zincir.operations.arithmetic import Number, pointwise
from zincir.operations.source import detach

_FLOATS = ("float32", "float64")


def _special(
    name: str,
    twin: Callable[[float], float],
    vjp: Callable[..., Any],
    domain: tuple[float, float],
    doc: str,
) -> Primitive:
    """A function whose code, for doubles, is a method of the builder."""
    numpy = twins.of_numbers(twin)
    return pointwise(
        name,
        numpy=lambda x: numpy(x).astype(x.dtype),
        lower=lambda b, x: b.convert(getattr(b, name)(b.convert(x, "double")), x.type.kind),
        vjp=vjp,
        domain=(domain,),
        dtypes=_FLOATS,
        expensive=True,
        doc=doc,
    )


_ROOT_PI = math.sqrt(math.pi)

erfc_p = _special(
    "erfc", math.erfc, lambda g, y, x: g * el.exp(-x * x) * (-2 / _ROOT_PI), (-2.0, 3.0),
    "1 - erf(x), where that is small too.",
)  # fmt: skip
erfcx_p = _special(
    "erfcx", twins.erfcx, lambda g, y, x: g * (x * y * 2.0 - 2 / _ROOT_PI), (-2.0, 3.0),
    "exp(x^2) erfc(x).",
)  # fmt: skip
erfinv_p = _special(
    "erfinv", twins.erfinv, lambda g, y, x: g * el.exp(y * y) * (_ROOT_PI / 2), (-0.9, 0.9),
    "The inverse of erf.",
)  # fmt: skip
ndtri_p = _special(
    "ndtri", twins.ndtri, lambda g, y, x: g * el.exp(y * y * 0.5) * math.sqrt(2 * math.pi),
    (0.1, 0.9), "The inverse of the normal distribution function.",
)  # fmt: skip
lgamma_p = _special(
    "lgamma", twins.lgamma, lambda g, y, x: g * digamma(x), (0.5, 9.0),
    "log |Gamma(x)|.",
)  # fmt: skip
digamma_p = _special(
    "digamma", twins.digamma, lambda g, y, x: g * polygamma(1, x), (0.5, 9.0),
    "The derivative of log Gamma(x).",
)  # fmt: skip

polygamma_p = register(
    Primitive(
        "polygamma",
        Kind.HOST,
        doc="The n-th derivative of digamma.",
        infer=lambda x, n: x,
        numpy=twins.polygamma,
        vjp=lambda g, y, x, n: g * apply(polygamma_p, x, attrs=(n + 1,)),
        attrs=("n",),
        domain=((0.5, 4.0),),
    )
)


def _zeta_vjp(g: Node, y: Node, s: Node, q: Node) -> tuple[None, Node]:
    if s.needs_grad:
        raise GradientError(
            explain("zeta: no gradient for its first argument", where=describe(y.origin))
        )
    return None, g * -s * zeta(s + 1.0, q)


zeta_p = register(
    Primitive(
        "zeta",
        Kind.HOST,
        doc="Hurwitz's zeta function: the sum of (q + k)^-s for k = 0, 1, ...",
        infer=lambda s, q: (np.broadcast_shapes(s[0], q[0]), q[1]),
        numpy=twins.zeta,
        vjp=_zeta_vjp,
    )
)


def _bessel_vjp(g: Node, y: Node, x: Node, order: int, scaled: bool) -> Node:
    """I0' = I1, I1' = I0 - I1 / x; scaled ones less sign(x) times themselves."""
    other = apply(bessel_p, x, attrs=(1 - order, scaled))
    slope = other
    if order:
        zero = ar.compare("eq", detach(x), 0.0)
        ratio = ar.where(zero, 0.5, y / ar.where(zero, 1.0, x))
        slope = other - ratio
    if scaled:
        slope = slope - ar.sign(detach(x)) * y
    return g * slope


bessel_p = register(
    Primitive(
        "bessel_i",
        Kind.HOST,
        doc="The modified Bessel function I0 or I1; times exp(-|x|), if `scaled`.",
        infer=lambda x, order, scaled: x,
        numpy=twins.bessel_i,
        vjp=_bessel_vjp,
        attrs=("order", "scaled"),
        domain=((0.5, 3.0),),
    )
)


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arrays: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.asarray(function(*arrays), arrays[-1].dtype)

    return run


def _times_log(name: str, logarithm: str, numpy: Callable[[Any], Any], edge: float) -> Primitive:
    """X log(y), or x log1p(y): 0 where x is 0, unless y is NaN."""

    def lower(b: Any, x: Any, y: Any) -> Any:
        zero = b.number(0.0, x)
        product = b.mul(x, getattr(b, logarithm)(y))
        none = b.bit_and(b.compare("eq", x, zero), b.compare("eq", y, y))
        return b.select(none, zero, product)

    def twin(x: Any, y: Any) -> Any:
        return np.where((x == 0) & (y == y), 0, x * numpy(y))

    def vjp(g: Node, z: Node, x: Node, y: Node) -> tuple[Node | None, Node | None]:
        gx = gy = None
        if x.needs_grad:
            none = ar.bitwise("and", ar.compare("eq", x, 0.0), ar.compare("le", y, edge))
            primitive = xlogy_p if logarithm == "log" else xlog1py_p
            gx = ar.where(none, 0.0, apply(primitive, *ar.common(g, y)))
        if y.needs_grad:
            gy = g * x / (y if logarithm == "log" else y + 1.0)
        return gx, gy

    return pointwise(
        name, numpy=_quiet(twin), lower=lower, vjp=vjp, domain=((0.5, 2.0), (0.5, 2.0)),
        dtypes=_FLOATS, expensive=True, doc=f"x {logarithm}(y), and 0 where x is 0.",
    )  # fmt: skip


xlogy_p = _times_log("xlogy", "log", np.log, 0.0)
xlog1py_p = _times_log("xlog1py", "log1p", np.log1p, -1.0)


def _entr_lower(b: Any, x: Any) -> Any:
    zero = b.number(0.0, x)
    y = b.neg(b.mul(x, b.log(x)))
    y = b.select(b.compare("eq", x, zero), zero, y)
    return b.select(b.compare("lt", x, zero), b.number(-math.inf, x), y)


entr_p = pointwise(
    "entr",
    numpy=_quiet(lambda x: np.where(x < 0, -np.inf, np.where(x == 0, 0, -x * np.log(x)))),
    lower=_entr_lower,
    vjp=lambda g, y, x: g * (-1.0 - el.log(x)),
    domain=((0.5, 2.0),),
    dtypes=_FLOATS,
    expensive=True,
    doc="-x log(x): 0 at 0, -inf below.",
)


def _logit_vjp(g: Node, y: Node, x: Node) -> Node:
    inside = ar.bitwise("and", ar.compare("ge", x, 0.0), ar.compare("le", x, 1.0))
    return ar.where(inside, g / (x * (1.0 - x)), math.nan)


logit_p = pointwise(
    "logit",
    numpy=_quiet(lambda x: np.log(x / (1 - x))),
    lower=lambda b, x: b.log(b.div(x, b.sub(b.number(1.0, x), x))),
    vjp=_logit_vjp,
    domain=((0.2, 0.8),),
    dtypes=_FLOATS,
    expensive=True,
    doc="log(x / (1 - x)).",
)


def _make(primitive: Primitive) -> Callable[[Node], Node]:
    def function(x: Node) -> Node:
        return apply(primitive, ar.floating(x))

    function.__name__ = primitive.name
    return function


erfc, erfcx, erfinv, ndtri = map(_make, (erfc_p, erfcx_p, erfinv_p, ndtri_p))
lgamma, digamma, entr = map(_make, (lgamma_p, digamma_p, entr_p))


def both_floating(x: Number, y: Number, *, detached: bool = False) -> list[Node]:
    """Two operands, of one floating type; `detached`: that get no gradients."""
    pair = [ar.floating(operand) for operand in ar.common(x, y)]
    return [detach(operand) for operand in pair] if detached else pair


def xlogy(x: Number, y: Number) -> Node:
    """X log(y), and 0 where x is 0."""
    return apply(xlogy_p, *both_floating(x, y))


def xlog1py(x: Number, y: Number) -> Node:
    """X log(1 + y), and 0 where x is 0."""
    return apply(xlog1py_p, *both_floating(x, y))


def zeta(s: Number, q: Number) -> Node:
    """Hurwitz's zeta function."""
    return apply(zeta_p, *both_floating(s, q))


def polygamma(n: int, x: Node) -> Node:
    """The n-th derivative of digamma."""
    if n < 0:
        raise ArgumentError(
            explain("polygamma(n, x) does not support negative n.", where=user_line(), got=str(n))
        )
    return digamma(x) if n == 0 else apply(polygamma_p, ar.floating(x), attrs=(n,))


def multigammaln(x: Node, p: int) -> Node:
    """The logarithm of the gamma function of p dimensions."""
    if p < 1:
        raise ArgumentError(
            explain("mvlgamma: p has to be greater than or equal to 1", where=user_line(),
                    got=str(p))
        )  # fmt: skip
    x = ar.floating(x)
    total = lgamma(x)
    for j in range(1, p):
        total = total + lgamma(x - j / 2.0)
    return total + p * (p - 1) / 4.0 * math.log(math.pi)


def logit(x: Node, eps: float | None) -> Node:
    """log(x / (1 - x)), x kept from 0 and 1 by `eps`."""
    x = ar.floating(x)
    return apply(logit_p, x if eps is None else co.clamp(x, eps, 1.0 - eps))


def sinc(x: Node) -> Node:
    """sin(pi x) / (pi x), and 1 at 0."""
    x = ar.floating(x)
    zero = ar.compare("eq", detach(x), 0.0)
    angle = ar.where(zero, 1.0, x) * math.pi
    return ar.where(zero, 1.0, el.sin(angle) / angle)


def ndtr(x: Node) -> Node:
    """The normal distribution function."""
    return erfc(ar.floating(x) * -math.sqrt(0.5)) * 0.5


def log_ndtr(x: Node) -> Node:
    """The logarithm of the normal distribution function, far below too."""
    x = ar.floating(x)
    low = ar.compare("lt", detach(x), -1.0)
    far, near = ar.where(low, x, -1.0), ar.where(low, 0.0, x)
    below = el.log(erfcx(far * -math.sqrt(0.5)) * 0.5) - far * far * 0.5
    return ar.where(low, below, el.log1p(erfc(near * math.sqrt(0.5)) * -0.5))


def bessel_i(x: Node, order: int, scaled: bool) -> Node:
    """The modified Bessel function I0 or I1."""
    return apply(bessel_p, ar.floating(x), attrs=(order, scaled))
