"""Powers: of floating numbers as in C, of integers exactly, wrapping round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.errors import DTypeError, explain
from zincir.graph.node import Node, apply, user_line
from zincir.operations.arithmetic import (
    Number,
    bitwise,
    cast,
    common,
    compare,
    copy,
    pointwise,
    reciprocal,
    refuse_bool,
    where,
    zero_of,
)
from zincir.operations.elementwise import log, rsqrt, sqrt
from zincir.operations.numbers import fit
from zincir.operations.source import const, const_p, detach, with_gradient_of
from zincir.types import Scalar, bool_, float16, float32


def _pow_numpy(x: Any, y: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.power(x, y) if x.dtype.kind == "f" else _whole_numpy(x, y)


def _whole_numpy(x: Any, y: Any) -> Any:
    x, y = np.broadcast_arrays(x, y)
    result, base, left = np.ones_like(x), x.copy(), np.where(y < 0, 0, y)
    while left.any():
        result = np.where(left & 1, result * base, result)
        base, left = base * base, left >> 1
    falling = np.where(x == 1, 1, np.where(x == -1, np.where(y & 1, -1, 1), 0))
    return np.where(y < 0, falling, result).astype(x.dtype)


def _pow_vjp(g: Node, z: Node, x: Node, y: Node) -> tuple[Node | None, Node | None]:
    gx = gy = None
    if x.needs_grad and y.op is const_p:
        n = y.attrs[0]
        gx = g * (_constant_power(x, n - 1.0, plain=False) * n) if n else zero_of(x)
    elif x.needs_grad:
        none = compare("eq", y, 0.0)
        gx = where(none, 0.0, g * (y * power(x, where(none, 1.0, y) - 1.0)))
    if y.needs_grad:
        # Of 0 ** y nothing changes with y; the logarithm must not see that 0.
        none = bitwise("and", compare("eq", x, 0.0), compare("ge", y, 0.0))
        gy = g * where(none, 0.0, z * log(where(none, 1.0, x)))
    return gx, gy


pow_p = pointwise(
    "pow",
    doc="x ** y; of integers by squaring, wrapping round, and cut towards 0 for y < 0.",
    numpy=_pow_numpy,
    lower=lambda b, x, y: b.pow(x, y) if x.type.is_float else b.pow_integer(x, y),
    vjp=_pow_vjp,
    domain=((0.5, 2.0), (-2.0, 2.0)),
    expensive=True,
)


def power(x: Number, y: Number) -> Node:
    """X ** y. Small constant exponents become products and roots."""
    both = common(x, y)
    if not isinstance(y, Node) and isinstance(x, Node):
        return _constant_power(both[0], y)
    if both[1].op is const_p:
        return _constant_power(both[0], both[1].attrs[0])
    if both[0].dtype is bool_:
        refuse_bool("pow", *both)
    return apply(pow_p, *both)


def _constant_power(x: Node, y: Scalar, *, plain: bool = True) -> Node:
    """`x` to the power of a number; if not `plain`, its gradients know of `x` to any order."""
    if x.dtype.category < 2:
        return _whole_power(x, y)
    if y == 0:
        return where(const(True, bool_), 1.0, x)
    if y == 2 and plain:
        return x * x
    if y == 3 and x.dtype is float16:  # in bfloat16, PyTorch rounds the square
        return cast(_constant_power(cast(x, float32), y), x.dtype)
    stem = apply(pow_p, x, const(float(y), x.dtype))
    values: dict[Scalar, Callable[[Node], Node]] = {
        0.5: sqrt,
        -0.5: rsqrt,
        1: copy,
        2: lambda v: v * v,
        3: lambda v: v * v * v,
        -1: reciprocal,
        -2: lambda v: reciprocal(v * v),
    }
    value = values.get(y)
    return stem if value is None else with_gradient_of(value(detach(x)), stem)


def _whole_power(x: Node, y: Scalar) -> Node:
    """Integers, and bools, to the power of a number of their type, by squaring."""
    if y < 0:
        raise DTypeError(
            explain(
                "pow: Integers to negative integer powers are not allowed.",
                where=user_line(),
                got=f"{x.dtype.name} ** {y}",
                try_="x.float() ** n",
            )
        )
    left, result = int(fit(x.dtype, y, "pow")), None
    while left:
        if left & 1:
            result = x if result is None else result * x
        left >>= 1
        x = x * x if left else x
    if result is None:
        return where(const(True, bool_), const(1, x.dtype), x)
    return copy(x) if y == 1 else result
