"""Transcendental functions of one argument."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.graph.node import Node, apply
from zincir.graph.primitive import OPERATORS, Primitive
from zincir.ops.arithmetic import floating, pointwise

_FLOATS = ("float32", "float64")


def _function(
    name: str,
    numpy: Callable[..., Any],
    vjp: Callable[..., Any],
    *,
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
        lower=lambda b, x: getattr(b, name)(x),
        vjp=vjp,
        domain=(domain,),
        dtypes=_FLOATS,
        expensive=expensive,
        doc=doc,
    )


exp_p = _function("exp", np.exp, lambda g, y, x: g * y)
expm1_p = _function("expm1", np.expm1, lambda g, y, x: g * (y + 1.0), doc="exp(x) - 1, near 0 too.")
log_p = _function("log", np.log, lambda g, y, x: g / x, domain=(0.5, 3.0))
log1p_p = _function(
    "log1p",
    np.log1p,
    lambda g, y, x: g / (x + 1.0),
    domain=(-0.5, 2.0),
    doc="log(1 + x), near 0 too.",
)
sin_p = _function("sin", np.sin, lambda g, y, x: g * cos(x))
cos_p = _function("cos", np.cos, lambda g, y, x: -g * sin(x))
tan_p = _function("tan", np.tan, lambda g, y, x: g * (1.0 + y * y), domain=(-1.0, 1.0))
atan_p = _function("atan", np.arctan, lambda g, y, x: g / (1.0 + x * x))
tanh_p = _function("tanh", np.tanh, lambda g, y, x: g * (1.0 - y * y))
sigmoid_p = _function(
    "sigmoid",
    lambda x: np.where(
        x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x)))
    ),
    lambda g, y, x: g * y * (1.0 - y),
    doc="1 / (1 + exp(-x)).",
)
erf_p = _function(
    "erf",
    np.vectorize(math.erf, otypes=[float]),
    lambda g, y, x: g * (2.0 / math.sqrt(math.pi)) * exp(-x * x),
    doc="The error function.",
)
sqrt_p = _function("sqrt", np.sqrt, lambda g, y, x: g * 0.5 / y, domain=(0.5, 3.0), expensive=False)


def _make(primitive: Primitive) -> Callable[[Node], Node]:
    def function(x: Node) -> Node:
        return apply(primitive, floating(x))

    function.__name__ = primitive.name
    return function


exp, expm1, log, log1p = map(_make, (exp_p, expm1_p, log_p, log1p_p))
sin, cos, tan, atan = map(_make, (sin_p, cos_p, tan_p, atan_p))
tanh, sigmoid, erf, sqrt = map(_make, (tanh_p, sigmoid_p, erf_p, sqrt_p))

OPERATORS.update(log=log)
