"""Transcendental functions of one argument."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.graph.node import Node, apply
from zincir.graph.primitive import Primitive
from zincir.operations.arithmetic import floating, pointwise

_FLOATS = ("float32", "float64")


def function(
    name: str,
    numpy: Callable[..., Any],
    vjp: Callable[..., Any],
    *,
    lower: Callable[..., Any] | None = None,
    domain: tuple[float, float] = (-2.0, 2.0),
    expensive: bool = True,
    doc: str = "",
) -> Primitive:
    def twin(x: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.asarray(numpy(x), x.dtype)

    return pointwise(
        name,
        numpy=twin,
        lower=lower or (lambda b, x: getattr(b, name)(x)),
        vjp=vjp,
        domain=(domain,),
        dtypes=_FLOATS,
        expensive=expensive,
        doc=doc,
    )


exp_p = function("exp", np.exp, lambda g, y, x: g * y)
expm1_p = function("expm1", np.expm1, lambda g, y, x: g * (y + 1.0), doc="exp(x) - 1, near 0 too.")
log_p = function("log", np.log, lambda g, y, x: g / x, domain=(0.5, 3.0))
log1p_p = function(
    "log1p",
    np.log1p,
    lambda g, y, x: g / (x + 1.0),
    domain=(-0.5, 2.0),
    doc="log(1 + x), near 0 too.",
)
sin_p = function("sin", np.sin, lambda g, y, x: g * cos(x))
cos_p = function("cos", np.cos, lambda g, y, x: -g * sin(x))
tan_p = function("tan", np.tan, lambda g, y, x: g * (1.0 + y * y), domain=(-1.0, 1.0))
atan_p = function("atan", np.arctan, lambda g, y, x: g / (1.0 + x * x))
tanh_p = function("tanh", np.tanh, lambda g, y, x: g * (1.0 - y * y))
sigmoid_p = function(
    "sigmoid",
    lambda x: np.where(
        x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x)))
    ),
    lambda g, y, x: g * y * (1.0 - y),
    doc="1 / (1 + exp(-x)).",
)
erf_p = function(
    "erf",
    np.vectorize(math.erf, otypes=[float]),
    lambda g, y, x: g * (2.0 / math.sqrt(math.pi)) * exp(-x * x),
    doc="The error function.",
)
sqrt_p = function("sqrt", np.sqrt, lambda g, y, x: g * 0.5 / y, domain=(0.5, 3.0), expensive=False)


rsqrt_p = function(
    "rsqrt",
    lambda x: 1 / np.sqrt(x),
    lambda g, y, x: g * (y * y * y) * -0.5,
    lower=lambda b, x: b.div(b.number(1.0, x), b.sqrt(x)),
    domain=(0.5, 3.0),
    expensive=False,
    doc="1 / sqrt(x).",
)


def _in_double(lower: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A rule that works in double, so that what it composes costs float nothing."""
    return lambda b, x: b.convert(lower(b, b.convert(x, "double")), x.type.kind)


def _log_to(base: float) -> Callable[[Any, Any], Any]:
    """The logarithm to a base; of powers of the base, exactly their exponents."""
    factor = 1.0 / math.log(base)

    def lower(b: Any, x: Any) -> Any:
        y = b.mul(b.log(x), b.number(factor, x))
        whole = b.round(y)
        # pow may be an ulp off, and so may x be of a power that is no number of the type.
        power = b.pow(b.number(base, x), whole)
        if base == 2.0:
            return b.select(b.compare("eq", power, x), whole, y)
        low = b.compare("ge", x, b.mul(power, b.number(1.0 - 2.0**-52, x)))
        near = b.bit_and(low, b.compare("le", x, b.mul(power, b.number(1.0 + 2.0**-52, x))))
        near = b.bit_and(near, b.compare("ne", whole, b.number(0.0, x)))
        return b.select(near, whole, y)

    return _in_double(lower)


exp2_p = function(
    "exp2",
    np.exp2,
    lambda g, y, x: g * y * math.log(2.0),
    lower=lambda b, x: b.pow(b.number(2.0, x), x),
    doc="2 ** x, exact for whole x.",
)
log2_p = function(
    "log2",
    np.log2,
    lambda g, y, x: g / x * (1.0 / math.log(2.0)),
    lower=_log_to(2.0),
    domain=(0.5, 3.0),
    doc="The logarithm to base 2, exact for powers of 2.",
)
log10_p = function(
    "log10",
    np.log10,
    lambda g, y, x: g / x * (1.0 / math.log(10.0)),
    lower=_log_to(10.0),
    domain=(0.5, 3.0),
    doc="The logarithm to base 10, exact for powers of 10.",
)


def _hyperbolic(name: str, small: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def lower(b: Any, x: Any) -> Any:
        size = b.abs(x)
        half = b.exp(b.mul(size, b.number(0.5, x)))  # exp(x) itself may be too large
        large = b.mul(b.mul(half, b.number(0.5, x)), half)
        y = b.select(b.compare("lt", size, b.number(20.0, x)), small(b, size), large)
        return b.copysign(y, x) if name == "sinh" else y

    return _in_double(lower)


def _sinh_small(b: Any, x: Any) -> Any:
    y = b.expm1(x)
    return b.mul(b.add(y, b.div(y, b.add(y, b.number(1.0, x)))), b.number(0.5, x))


def _cosh_small(b: Any, x: Any) -> Any:
    y = b.exp(x)
    return b.mul(b.add(y, b.div(b.number(1.0, x), y)), b.number(0.5, x))


sinh_p = function(
    "sinh",
    np.sinh,
    lambda g, y, x: g * cosh(x),
    lower=_hyperbolic("sinh", _sinh_small),
    doc="(exp(x) - exp(-x)) / 2.",
)
cosh_p = function(
    "cosh",
    np.cosh,
    lambda g, y, x: g * sinh(x),
    lower=_hyperbolic("cosh", _cosh_small),
    doc="(exp(x) + exp(-x)) / 2.",
)


def _asin_lower(b: Any, x: Any) -> Any:
    one = b.number(1.0, x)
    return b.atan(b.div(x, b.sqrt(b.mul(b.sub(one, x), b.add(one, x)))))


def _acos_lower(b: Any, x: Any) -> Any:
    one = b.number(1.0, x)
    half = b.atan(b.sqrt(b.div(b.sub(one, x), b.add(one, x))))
    return b.add(half, half)


asin_p = function(
    "asin",
    np.arcsin,
    lambda g, y, x: g * rsqrt(1.0 - x * x),
    lower=_in_double(_asin_lower),
    domain=(-0.9, 0.9),
    doc="The inverse sine.",
)
acos_p = function(
    "acos",
    np.arccos,
    lambda g, y, x: -g * rsqrt(1.0 - x * x),
    lower=_in_double(_acos_lower),
    domain=(-0.9, 0.9),
    doc="The inverse cosine.",
)


def _make(primitive: Primitive) -> Callable[[Node], Node]:
    def function(x: Node) -> Node:
        return apply(primitive, floating(x))

    function.__name__ = primitive.name
    return function


exp, expm1, log, log1p = map(_make, (exp_p, expm1_p, log_p, log1p_p))
sin, cos, tan, atan = map(_make, (sin_p, cos_p, tan_p, atan_p))
tanh, sigmoid, erf, sqrt = map(_make, (tanh_p, sigmoid_p, erf_p, sqrt_p))
rsqrt, exp2, log2, log10 = map(_make, (rsqrt_p, exp2_p, log2_p, log10_p))
sinh, cosh, asin, acos = map(_make, (sinh_p, cosh_p, asin_p, acos_p))
