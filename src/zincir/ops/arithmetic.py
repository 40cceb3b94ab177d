"""Arithmetic, comparison and selection, element by element with broadcasting."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.errors import DTypeError, ShapeError
from zincir.graph.node import Node, apply
from zincir.graph.primitive import OPERATORS, Kind, Primitive, Spec, register
from zincir.ops.movement import expand
from zincir.ops.source import const, const_p
from zincir.types import (
    DType,
    Scalar,
    bool_,
    broadcast,
    float32,
    of_scalar,
    result_type,
)

NUMBERS = ("float32", "float64", "int64", "int32")


def pointwise(
    name: str,
    *,
    numpy: Callable[..., Any],
    lower: Callable[..., Any],
    vjp: Callable[..., Any] | None = None,
    result: DType | None = None,
    doc: str = "",
    domain: tuple[tuple[float, float], ...] = ((-2.0, 2.0),),
    dtypes: tuple[str, ...] = NUMBERS,
    saves: bool = True,
    expensive: bool = False,
) -> Primitive:
    """Declare a primitive that works element by element on inputs of one type."""

    def infer(*specs: Spec) -> Spec:
        try:
            shape = broadcast(*[shape for shape, _ in specs])
        except ShapeError as error:
            raise ShapeError(f"shapes {error} do not broadcast together") from None
        return shape, result or specs[-1][1]

    return register(
        Primitive(
            name,
            Kind.POINTWISE,
            infer,
            numpy,
            vjp,
            lower,
            doc=doc,
            domain=domain,
            dtypes=dtypes,
            saves=saves,
            expensive=expensive,
        )
    )


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arrays: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*arrays)

    return run


def _int_div(x: Any, y: Any) -> Any:
    if x.dtype.kind == "f":
        return x / y
    safe = np.where(y == 0, 1, y)
    return np.where(y == 0, 0, np.sign(x) * np.sign(safe) * (np.abs(x) // np.abs(safe))).astype(
        x.dtype
    )


add_p = pointwise(
    "add",
    numpy=np.add,
    lower=lambda b, x, y: b.add(x, y),
    vjp=lambda g, z, x, y: (g, g),
    saves=False,
)
sub_p = pointwise(
    "sub",
    numpy=np.subtract,
    lower=lambda b, x, y: b.sub(x, y),
    vjp=lambda g, z, x, y: (g, -g),
    saves=False,
)
mul_p = pointwise(
    "mul",
    numpy=np.multiply,
    lower=lambda b, x, y: b.mul(x, y),
    vjp=lambda g, z, x, y: (g * y if x.needs_grad else None, g * x if y.needs_grad else None),
)
div_p = pointwise(
    "div",
    doc="Quotient; of integers, cut towards zero, and 0 where the divisor is 0.",
    numpy=_quiet(_int_div),
    lower=lambda b, x, y: b.div(x, y) if x.type.is_float else b.div_integer(x, y),
    vjp=lambda g, z, x, y: (
        g / y if x.needs_grad else None,
        -g * z / y if y.needs_grad else None,
    ),
    domain=((-2.0, 2.0), (0.5, 2.0)),
)
remainder_p = pointwise(
    "remainder",
    doc="What is left of x after whole steps of y; it has the sign of y.",
    numpy=_quiet(np.remainder),
    lower=lambda b, x, y: b.remainder(x, y),
    vjp=lambda g, z, x, y: (g, -g * floor(x / y)),
    domain=((2.1, 2.9), (0.9, 1.0)),
)
pow_p = pointwise(
    "pow",
    numpy=_quiet(np.power),
    lower=lambda b, x, y: b.pow(x, y),
    vjp=lambda g, z, x, y: (
        g * y * power(x, y - 1.0) if x.needs_grad else None,
        g * where(compare("eq", z, 0.0), 0.0, z * log(x)) if y.needs_grad else None,
    ),
    domain=((0.5, 2.0), (-2.0, 2.0)),
    dtypes=("float32", "float64"),
    expensive=True,
)
maximum_p = pointwise(
    "maximum",
    doc="The larger; NaN if either is. Equal arguments share the gradient.",
    numpy=np.maximum,
    lower=lambda b, x, y: b.maximum(x, y),
    vjp=lambda g, z, x, y: _share(g, x, y, "gt"),
)
minimum_p = pointwise(
    "minimum",
    doc="The smaller; NaN if either is. Equal arguments share the gradient.",
    numpy=np.minimum,
    lower=lambda b, x, y: b.minimum(x, y),
    vjp=lambda g, z, x, y: _share(g, x, y, "lt"),
)
neg_p = pointwise(
    "neg", numpy=np.negative, lower=lambda b, x: b.neg(x), vjp=lambda g, y, x: -g, saves=False
)
abs_p = pointwise(
    "abs",
    numpy=np.abs,
    lower=lambda b, x: b.abs(x),
    vjp=lambda g, y, x: g * sign(x),
    domain=((0.5, 2.0),),
)
sign_p = pointwise(
    "sign",
    doc="-1, 0 or 1.",
    numpy=np.sign,
    lower=lambda b, x: b.sign(x),
    vjp=lambda g, y, x: _zero(x),
    domain=((0.5, 2.0),),
)


def _zero(x: Node) -> Node:
    return expand(const(0.0, x.dtype), x.shape)


def _share(g: Node, x: Node, y: Node, relation: str) -> tuple[Node, Node]:
    mine = where(compare(relation, x, y), 1.0, where(compare("eq", x, y), 0.5, 0.0))
    mine = cast(mine, g.dtype)
    return g * mine, g * (1.0 - mine)


def _rounding(name: str, numpy: Callable[..., Any], doc: str) -> Primitive:
    return pointwise(
        name,
        numpy=lambda x: x if x.dtype.kind != "f" else numpy(x),
        lower=lambda b, x: getattr(b, name)(x) if x.type.is_float else x,
        vjp=lambda g, y, x: _zero(x),
        doc=doc,
        domain=((0.6, 0.9),),
    )


floor_p = _rounding("floor", np.floor, "The largest integer not above x.")
ceil_p = _rounding("ceil", np.ceil, "The smallest integer not below x.")
round_p = _rounding("round", np.round, "The nearest integer; halves go to the even one.")
trunc_p = _rounding("trunc", np.trunc, "x without its fraction.")

COMPARISONS: dict[str, Primitive] = {
    name: pointwise(
        name,
        numpy=numpy,
        lower=lambda b, x, y, name=name: b.compare(name, x, y),
        result=bool_,
    )
    for name, numpy in {
        "eq": np.equal,
        "ne": np.not_equal,
        "lt": np.less,
        "le": np.less_equal,
        "gt": np.greater,
        "ge": np.greater_equal,
    }.items()
}


def _bits(name: str, numpy: Callable[..., Any]) -> Primitive:
    return pointwise(
        name,
        numpy=numpy,
        lower=lambda b, x, y: getattr(b, name)(x, y),
        dtypes=("bool", "int64", "uint8"),
    )


bit_and_p = _bits("bit_and", np.bitwise_and)
bit_or_p = _bits("bit_or", np.bitwise_or)
bit_xor_p = _bits("bit_xor", np.bitwise_xor)


def _where_spec(c: Spec, x: Spec, y: Spec) -> Spec:
    if c[1] is not bool_:
        raise DTypeError(f"the condition must be bool, not {c[1].name}")
    return broadcast(c[0], x[0], y[0]), x[1]


where_p = register(
    Primitive(
        "where",
        Kind.POINTWISE,
        doc="x where the condition holds, y elsewhere.",
        infer=_where_spec,
        numpy=np.where,
        lower=lambda b, c, x, y: b.select(c, x, y),
        vjp=lambda g, z, c, x, y: (
            None,
            where(c, g, 0.0) if x.needs_grad else None,
            where(c, 0.0, g) if y.needs_grad else None,
        ),
    )
)

copy_p = pointwise(
    "copy",
    doc="The same values, laid out row by row.",
    numpy=lambda x: np.array(x),
    lower=lambda b, x: x,
    vjp=lambda g, y, x: g,
    saves=False,
)
cast_p = register(
    Primitive(
        "cast",
        Kind.POINTWISE,
        doc="The same numbers in another type.",
        infer=lambda x, dtype: (x[0], dtype),
        numpy=_quiet(lambda x, dtype: np.asarray(x).astype(dtype.numpy)),
        lower=lambda b, x, dtype: b.convert_to(x, dtype),
        vjp=lambda g, y, x, dtype: cast(g, x.dtype),
        attrs=("dtype",),
        saves=False,
    )
)

Number = Node | Scalar


def copy(x: Node) -> Node:
    return apply(copy_p, x)


def cast(x: Node, dtype: DType) -> Node:
    """`x` with element type `dtype`."""
    if x.dtype is dtype:
        return x
    if x.op is const_p:
        return const(_to(dtype, x.attrs[0]), dtype)
    return apply(cast_p, x, attrs=(dtype,))


def _to(dtype: DType, value: Scalar) -> Scalar:
    if dtype.category == 2:
        return float(value)
    return bool(value) if dtype is bool_ else int(value) if math.isfinite(value) else 0


def common(*xs: Number) -> list[Node]:
    """Operands as nodes of one type, under PyTorch's promotion rules."""
    first = xs[0]
    if (
        type(xs[-1]) is float
        and len(xs) == 2
        and isinstance(first, Node)
        and first.dtype.category == 2
    ):
        return [first, const(xs[-1], first.dtype)]
    dtype = first.dtype if isinstance(first, Node) else None
    for x in xs:
        if isinstance(x, Node):
            if x.dtype is not dtype:
                break
        elif (
            dtype is None
            or (type(x) is float and dtype.category < 2)
            or (type(x) is int and dtype.category < 1)
        ):
            break
    else:
        assert dtype is not None
        return [x if isinstance(x, Node) else const(_to(dtype, x), dtype) for x in xs]
    dtype = result_type(*map(_standing, xs))
    return [cast(x, dtype) if isinstance(x, Node) else const(_to(dtype, x), dtype) for x in xs]


def _standing(x: Number) -> tuple[DType, int]:
    if isinstance(x, Node):
        return x.dtype, 2 if x.shape else 1
    return of_scalar(x), 0


def floating(x: Number) -> Node:
    """`x`, integers made float32."""
    if not isinstance(x, Node):
        return const(float(x), float32)
    return x if x.dtype.category == 2 else cast(x, float32)


def add(x: Number, y: Number) -> Node:
    if isinstance(x, Node) and isinstance(y, Node) and x.dtype is y.dtype:
        return apply(add_p, x, y)
    return apply(add_p, *common(x, y))


def sub(x: Number, y: Number) -> Node:
    x, y = common(x, y)
    if x.dtype is bool_:
        raise DTypeError("sub: bool tensors cannot be subtracted; use ^ or logical_xor")
    return apply(sub_p, x, y)


def mul(x: Number, y: Number) -> Node:
    if isinstance(x, Node) and isinstance(y, Node) and x.dtype is y.dtype:
        return apply(mul_p, x, y)
    return apply(mul_p, *common(x, y))


def div(x: Number, y: Number) -> Node:
    """True division: integers become float32."""
    x, y = common(x, y)
    if x.dtype.category == 2:
        return apply(div_p, x, y)
    return apply(div_p, floating(x), floating(y))


def neg(x: Node) -> Node:
    return apply(neg_p, x)


def remainder(x: Number, y: Number) -> Node:
    return apply(remainder_p, *common(x, y))


def floor_divide(x: Number, y: Number) -> Node:
    x, y = common(x, y)
    whole = apply(div_p, x - apply(remainder_p, x, y), y)
    return apply(round_p, whole)


def power(x: Number, y: Number) -> Node:
    """X ** y. Small constant exponents become products and roots."""
    if isinstance(y, Node) and y.op is const_p:
        y = y.attrs[0]
    if isinstance(x, Node) and not isinstance(y, Node):
        special = _small_power(x, y)
        if special is not None:
            return special
    x, y = common(x, y)
    if x.dtype.category < 2:
        return cast(apply(pow_p, cast(x, _DOUBLE), cast(y, _DOUBLE)), x.dtype)
    return apply(pow_p, x, y)


_DOUBLE = result_type((of_scalar(1.0), 2))


def _small_power(x: Node, y: Scalar) -> Node | None:
    if type(y) is float and x.dtype.category < 2:
        return None
    if y == 0:
        return x * 0 + 1 if x.dtype.category < 2 else where(const(True, bool_), 1.0, x)
    if y == 1:
        return x
    if y == 2:
        return x * x
    if y == 3:
        return x * x * x
    if x.dtype.category == 2 and y == -1:
        return 1.0 / x
    return None


def compare(relation: str, x: Number, y: Number) -> Node:
    """Elementwise `eq`, `ne`, `lt`, `le`, `gt` or `ge`."""
    return apply(COMPARISONS[relation], *common(x, y))


def where(condition: Node, x: Number, y: Number, dtype: DType | None = None) -> Node:
    if dtype is not None:
        x, y = [
            cast(v, dtype) if isinstance(v, Node) else const(_to(dtype, v), dtype) for v in (x, y)
        ]
    elif not isinstance(x, Node) and not isinstance(y, Node):
        kind = result_type(_standing(x), _standing(y))
        x, y = const(_to(kind, x), kind), const(_to(kind, y), kind)
    return apply(where_p, condition, *common(x, y))


def bitwise(name: str, x: Number, y: Number) -> Node:
    x, y = common(x, y)
    if x.dtype.category == 2:
        raise DTypeError(f"{name}: needs bool or integer tensors, got {x.dtype.name}")
    return apply({"and": bit_and_p, "or": bit_or_p, "xor": bit_xor_p}[name], x, y)


def abs(x: Node) -> Node:
    return apply(abs_p, x)


def sign(x: Node) -> Node:
    return apply(sign_p, x)


def maximum(x: Number, y: Number) -> Node:
    return apply(maximum_p, *common(x, y))


def minimum(x: Number, y: Number) -> Node:
    return apply(minimum_p, *common(x, y))


def floor(x: Node) -> Node:
    return apply(floor_p, x)


def ceil(x: Node) -> Node:
    return apply(ceil_p, x)


def round(x: Node) -> Node:
    return apply(round_p, x)


def trunc(x: Node) -> Node:
    return apply(trunc_p, x)


def log(x: Node) -> Node:
    return OPERATORS["log"](x)


OPERATORS.update(add=add, sub=sub, mul=mul, div=div, neg=neg)
