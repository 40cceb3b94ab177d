"""Element by element, besides arithmetic: signs, angles, larger and smaller, bits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.errors import DTypeError, explain
from zincir.graph.node import MODE, Node, apply, user_line
from zincir.operations import arithmetic as ar, composed as co, elementwise as el, numbers, powers
from zincir.operations.arithmetic import Number, common, compare, pointwise, where
from zincir.operations.host import call
from zincir.operations.source import const, custom, detach
from zincir.types import DType, bool_, broadcast, float64, int32, uint8

_FLOATS = ("float32", "float64")


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arrays: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.asarray(function(*arrays), arrays[0].dtype)

    return run


def _both_in_double(lower: Callable[..., Any]) -> Callable[..., Any]:
    """A rule of two numbers that works in double."""

    def run(b: Any, x: Any, y: Any) -> Any:
        return b.convert(lower(b, b.convert(x, "double"), b.convert(y, "double")), x.type.kind)

    return run


def _apart(b: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """The larger and the smaller absolute value, and whether the second one is the larger."""
    x, y = b.abs(x), b.abs(y)
    other = b.compare("gt", y, x)
    return b.select(other, y, x), b.select(other, x, y), other


# Primitives -------------------------------------------------------------------------------------


copysign_p = pointwise(
    "copysign",
    doc="The first number with the sign of the second, which may be that of -0.",
    numpy=np.copysign,
    lower=lambda b, x, y: b.copysign(x, y),
    vjp=lambda g, z, x, y: (
        g * where(compare("eq", x, 0.0), 0.0, z / x) if x.needs_grad else None,
        ar.zero_of(y),
    ),
    domain=((0.5, 2.0), (-2.0, -0.5)),
    dtypes=_FLOATS,
)


def _atan2_lower(b: Any, y: Any, x: Any) -> Any:
    large, small, steep = _apart(b, x, y)
    none, one = b.number(0.0, x), b.number(1.0, x)
    ratio = b.select(b.compare("eq", small, large), one, b.div(small, large))
    origin = b.compare("eq", b.add(large, small), none)  # not where one of them is NaN
    angle = b.atan(b.select(origin, none, ratio))
    angle = b.select(steep, b.sub(b.number(math.pi / 2, x), angle), angle)
    left = b.compare("lt", b.copysign(one, x), none)
    return b.copysign(b.select(left, b.sub(b.number(math.pi, x), angle), angle), y)


atan2_p = pointwise(
    "atan2",
    doc="The angle of the point (x, y), for y and x in this order.",
    numpy=_quiet(np.arctan2),
    lower=_both_in_double(_atan2_lower),
    vjp=lambda g, z, y, x: (
        g * (x * ar.reciprocal(y * y + x * x)),
        g * (-y * ar.reciprocal(y * y + x * x)),
    ),
    domain=((0.5, 2.0), (-2.0, -0.5)),
    dtypes=_FLOATS,
    expensive=True,
)


def _hypot_lower(b: Any, x: Any, y: Any) -> Any:
    large, small, _ = _apart(b, x, y)
    infinite, one = b.number(math.inf, x), b.number(1.0, x)
    ratio = b.div(small, large)
    length = b.mul(large, b.sqrt(b.add(b.mul(ratio, ratio), one)))
    origin = b.compare("eq", b.add(large, small), b.number(0.0, x))
    length = b.select(origin, large, length)
    any_ = b.bit_or(b.compare("eq", b.abs(x), infinite), b.compare("eq", b.abs(y), infinite))
    return b.select(any_, infinite, length)


hypot_p = pointwise(
    "hypot",
    doc="The root of the sum of two squares, which may be too large for the type.",
    numpy=_quiet(np.hypot),
    lower=_hypot_lower,
    vjp=lambda g, z, x, y: (g * (x / z), g * (y / z)),
    domain=((0.5, 2.0), (-2.0, -0.5)),
    dtypes=_FLOATS,
)


def _asinh_lower(b: Any, x: Any) -> Any:
    a, one = b.abs(x), b.number(1.0, x)
    square = b.mul(a, a)
    y = b.log1p(b.add(a, b.div(square, b.add(one, b.sqrt(b.add(square, one))))))
    large = b.add(b.log(a), b.number(math.log(2.0), x))
    return b.copysign(b.select(b.compare("gt", a, b.number(1e9, x)), large, y), x)


def _acosh_lower(b: Any, x: Any) -> Any:
    one = b.number(1.0, x)
    t = b.sub(x, one)
    y = b.log1p(b.add(t, b.sqrt(b.mul(t, b.add(t, b.number(2.0, x))))))
    large = b.add(b.log(x), b.number(math.log(2.0), x))
    y = b.select(b.compare("gt", x, b.number(1e9, x)), large, y)
    return b.select(b.compare("lt", x, one), b.number(math.nan, x), y)


def _atanh_lower(b: Any, x: Any) -> Any:
    a = b.abs(x)
    y = b.log1p(b.div(b.add(a, a), b.sub(b.number(1.0, x), a)))
    return b.copysign(b.mul(y, b.number(0.5, x)), x)


asinh_p = el.function(
    "asinh",
    np.arcsinh,
    lambda g, y, x: g * el.rsqrt(x * x + 1.0),
    lower=_asinh_lower,
    doc="The inverse hyperbolic sine.",
)
acosh_p = el.function(
    "acosh",
    np.arccosh,
    lambda g, y, x: g * el.rsqrt(x * x - 1.0),
    lower=_acosh_lower,
    domain=(1.5, 3.0),
    doc="The inverse hyperbolic cosine.",
)
atanh_p = el.function(
    "atanh",
    np.arctanh,
    lambda g, y, x: g / (1.0 - x * x),
    lower=_atanh_lower,
    domain=(-0.9, 0.9),
    doc="The inverse hyperbolic tangent.",
)


def floats(x: Number, y: Number) -> list[Node]:
    """Both in their common floating type."""
    first, second = common(x, y)
    return [ar.floating(first), ar.floating(second)]


def copysign(x: Number, y: Number) -> Node:
    """`x` with the sign of `y`."""
    return apply(copysign_p, *floats(x, y))


def atan2(y: Number, x: Number) -> Node:
    """The angle of the point (x, y)."""
    return apply(atan2_p, *floats(y, x))


def hypot(x: Node, y: Node) -> Node:
    """The root of the sum of two squares."""
    x, y = common(x, y)
    _floating_only("hypot", x)
    return apply(hypot_p, x, y)


def asinh(x: Node) -> Node:
    """The inverse hyperbolic sine."""
    return apply(asinh_p, ar.floating(x))


def acosh(x: Node) -> Node:
    """The inverse hyperbolic cosine."""
    return apply(acosh_p, ar.floating(x))


def atanh(x: Node) -> Node:
    """The inverse hyperbolic tangent."""
    return apply(atanh_p, ar.floating(x))


def _floating_only(what: str, x: Node) -> None:
    if x.dtype.category != 2:
        raise DTypeError(
            explain(f"{what}: not for {x.dtype.name}", where=user_line(), try_="x.float()")
        )


# Signs ------------------------------------------------------------------------------------------


def signbit(x: Node) -> Node:
    """Where the sign is negative, that of -0 too."""
    if x.dtype.category == 2:
        one = const(1.0, x.dtype)
        return compare("lt", apply(copysign_p, one, detach(x)), 0.0)
    return compare("ne", x, x) if x.dtype in (bool_, uint8) else compare("lt", x, 0)


def heaviside(x: Node, values: Node) -> Node:
    """0 below 0, 1 above, and `values` at 0.

    Raises:
        DTypeError: the types differ.
    """
    if x.dtype is not values.dtype:
        got = f"{x.dtype.name} and {values.dtype.name}"
        raise DTypeError(explain("heaviside: needs one type", where=user_line(), got=got))
    x = detach(x)
    above = ar.cast(compare("gt", x, 0), x.dtype)
    return where(compare("eq", x, 0), detach(values), above)


def frac(x: Node) -> Node:
    """What stands behind the point."""
    _floating_only("frac", x)
    return x - ar.trunc(x)


# Larger and smaller -----------------------------------------------------------------------------


def fmax(x: Node, y: Node) -> Node:
    """The larger; the number, if the other is NaN."""
    return _chosen("ge", *common(x, y))


def fmin(x: Node, y: Node) -> Node:
    """The smaller; the number, if the other is NaN."""
    return _chosen("le", *common(x, y))


def _chosen(relation: str, x: Node, y: Node) -> Node:
    return where(ar.bitwise("or", compare(relation, x, y), co.isnan(y)), x, y)


def logaddexp(x: Node, y: Node) -> Node:
    """log(exp(x) + exp(y)), without overflow."""
    return _added(x, y, lambda d: el.log1p(el.exp(-d)), "logaddexp")


def logaddexp2(x: Node, y: Node) -> Node:
    """log2(2 ** x + 2 ** y), without overflow."""
    return _added(x, y, lambda d: el.log1p(el.exp2(-d)) * (1.0 / math.log(2.0)), "logaddexp2")


def _added(x: Node, y: Node, rest: Callable[[Node], Node], what: str) -> Node:
    x, y = common(x, y)
    _floating_only(what, x)
    same = ar.bitwise("and", compare("eq", x, y), co.isinf(x))
    other = where(same, 0.0, y)
    return where(same, x, ar.maximum(x, other) + rest(ar.abs(x - other)))


def nan_to_num(x: Node, nan: float | None, posinf: float | None, neginf: float | None) -> Node:
    """Finite numbers in the place of NaN and the infinities: 0 and the largest, if not given."""
    if x.dtype.category < 2:
        return ar.copy(x)
    most = numbers.most(x.dtype)
    y = where(co.isnan(x), 0.0 if nan is None else float(nan), x)
    y = where(isposinf(x), most if posinf is None else float(posinf), y)
    return where(isneginf(x), -most if neginf is None else float(neginf), y)


def isposinf(x: Node) -> Node:
    """Where x is infinite and positive."""
    return compare("eq", x, math.inf) if x.dtype.category == 2 else compare("ne", x, x)


def isneginf(x: Node) -> Node:
    """Where x is infinite and negative."""
    return compare("eq", x, -math.inf) if x.dtype.category == 2 else compare("ne", x, x)


# Powers and scales ------------------------------------------------------------------------------


def float_power(x: Number, y: Number) -> Node:
    """`x` to the power of `y`, in float64."""
    return powers.power(*[ar.cast(v, float64) if isinstance(v, Node) else float(v) for v in (x, y)])


def ldexp(x: Node, exponent: Node) -> Node:
    """X * 2 ** exponent."""
    return ar.mul(x, powers.power(2.0, exponent))


def _mantissa(x: Any) -> Any:
    return np.frexp(x)[0]


def _exponent(x: Any) -> Any:
    return np.frexp(x)[1].astype(np.int32)


def frexp(x: Node) -> tuple[Node, Node]:
    """Mantissas of 0.5 to 1, and exponents of 2."""
    _floating_only("frexp", x)
    exponent = call(_exponent, (x.shape, int32), detach(x))
    if not x.needs_grad:
        return call(_mantissa, (x.shape, x.dtype), x), exponent
    return ar.mul(x, powers.power(2.0, -exponent)), exponent


# Whole numbers ----------------------------------------------------------------------------------


def _left(x: Any, y: Any) -> Any:
    bits = x.dtype.itemsize * 8
    inside = (y >= 0) & (y < bits)
    return np.where(inside, np.left_shift(x, np.where(inside, y, 0)), 0).astype(x.dtype)


def _right(x: Any, y: Any) -> Any:
    bits = x.dtype.itemsize * 8
    inside = (y >= 0) & (y < bits)
    return np.right_shift(x, np.where(inside, y, bits - 1)).astype(x.dtype)


def _lcm(x: Any, y: Any) -> Any:
    with np.errstate(all="ignore"):
        divisor = np.gcd(x, y)
        return np.where(divisor == 0, 0, np.abs(x // np.where(divisor == 0, 1, divisor) * y))


def _nextafter(x: Any, y: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.nextafter(x, y)


_OF_TWO = {"shift left": _left, "shift right": _right, "gcd": np.gcd, "lcm": _lcm}


def of_whole(what: str, x: Number, y: Number) -> Node:
    """One of `_OF_TWO`, for integers.

    Raises:
        DTypeError: the numbers are no integers.
    """
    first, second = common(x, y)
    if first.dtype.category != 1:
        got = first.dtype.name
        raise DTypeError(explain(f"{what}: needs integers", where=user_line(), got=got))
    return _called(_OF_TWO[what], first, second, first.dtype)


def nextafter(x: Node, y: Node) -> Node:
    """The next number of the type, on the way from `x` to `y`."""
    x, y = common(x, y)
    _floating_only("nextafter", x)
    z = _called(_nextafter, detach(x), detach(y), x.dtype)
    return custom(z, (x, y), _Shifted()) if MODE.grad and (x.needs_grad or y.needs_grad) else z


class _Shifted:
    """As in PyTorch, the next number moves as the first one does, unless both are equal."""

    def backward(self, g: Node, y: Node, inputs: tuple[Node, ...]) -> tuple[Node, None]:
        return where(compare("ne", *inputs), g, 0.0), None


def _called(function: Callable[..., Any], x: Node, y: Node, dtype: DType) -> Node:
    return call(function, (broadcast(x.shape, y.shape), dtype), x, y)
