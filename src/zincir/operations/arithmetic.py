"""Arithmetic, comparison and selection, element by element with broadcasting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.errors import DivisionByZero, DTypeError, ShapeError, explain
from zincir.graph.at_once import at_once, known
from zincir.graph.node import Node, apply, user_line
from zincir.graph.primitive import OPERATORS, Kind, Primitive, Spec, register
from zincir.operations.conversion import (
    Number as Number,
    by_number,
    cast as cast,
    cast_p as cast_p,
    common as common,
    standing,
)
from zincir.operations.indexing import DIVISOR, take
from zincir.operations.movement import expand
from zincir.operations.numbers import to as _to
from zincir.operations.source import const, const_p, detach, with_gradient_of
from zincir.types import (
    DEFAULT,
    DType,
    bool_,
    broadcast,
    int64,
    of_scalar,
    result_type,
)

NUMBERS = ("float32", "float64", "int64", "int32", "int16", "int8")


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
    down = np.floor_divide(x, y)
    return np.where((down < 0) & (down * y != x), down + 1, down).astype(x.dtype)


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
        -g * (x / y / y) if y.needs_grad else None,
    ),
    domain=((-2.0, 2.0), (0.5, 2.0)),
)
reciprocal_p = pointwise(
    "reciprocal",
    doc="1 / x.",
    numpy=_quiet(np.reciprocal),
    lower=lambda b, x: b.div(b.number(1.0, x), x),
    vjp=lambda g, y, x: -g * (y * y),
    domain=((0.5, 2.0),),
    dtypes=("float32", "float64"),
)
remainder_p = pointwise(
    "remainder",
    doc="What is left of x after whole steps of y; it has the sign of y.",
    numpy=_quiet(np.remainder),
    lower=lambda b, x, y: b.remainder(x, y),
    vjp=lambda g, z, x, y: (g, -g * floor_divide(x, y) if y.needs_grad else None),
    domain=((2.1, 2.9), (0.9, 1.0)),
)


def _fmod_lower(b: Any, x: Any, y: Any) -> Any:
    if x.type.is_float:
        return b.copysign(b.remainder(b.abs(x), b.abs(y)), x)
    return b.sub(x, b.mul(b.div_integer(x, y), y))


fmod_p = pointwise(
    "fmod",
    doc="What is left of x after whole steps of y; it has the sign of x.",
    numpy=_quiet(np.fmod),
    lower=_fmod_lower,
    vjp=lambda g, z, x, y: (g, -g * trunc(x / y) if y.needs_grad else None),
    domain=((2.1, 2.9), (0.9, 1.0)),
)


def _differ(b: Any, x: Any, y: Any, left: Any) -> Any:
    """Where something is left over, and its sign is not that of the divisor."""
    zero = b.number(0, x)
    signs = b.bit_xor(b.compare("lt", y, zero), b.compare("lt", left, zero))
    return b.bit_and(b.compare("ne", left, zero), signs)


def _floor_lower(b: Any, x: Any, y: Any) -> Any:
    one = b.number(1, x)
    if not x.type.is_float:
        cut = b.div_integer(x, y)
        wrong = _differ(b, x, y, b.sub(x, b.mul(cut, y)))
        return cut if x.type.is_unsigned else b.select(wrong, b.sub(cut, one), cut)
    zero, exact, left = b.number(0, x), b.div(x, y), _fmod_lower(b, x, y)
    whole = b.div(b.sub(x, left), y)
    whole = b.select(_differ(b, x, y, left), b.sub(whole, one), whole)
    below = b.floor(whole)  # `whole` is an integer but for its rounding
    near = b.select(b.compare("gt", b.sub(whole, below), b.number(0.5, x)), one, zero)
    rounded = b.add(below, near)
    rounded = b.select(b.compare("eq", whole, zero), b.copysign(zero, exact), rounded)
    return b.select(b.compare("eq", y, zero), exact, rounded)


floor_div_p = pointwise(
    "floor_div",
    doc="The quotient rounded down, worked out from what is left over; of integers, 0 for y = 0.",
    numpy=_quiet(np.floor_divide),
    lower=_floor_lower,
    vjp=lambda g, z, x, y: (zero_of(x), zero_of(y)),
    domain=((2.1, 2.9), (0.9, 1.0)),
    saves=False,
)
trunc_div_p = pointwise(
    "trunc_div",
    doc="The quotient cut towards zero; of integers, 0 for y = 0.",
    numpy=_quiet(lambda x, y: np.trunc(_int_div(x, y)).astype(x.dtype)),
    lower=lambda b, x, y: b.trunc(b.div(x, y)) if x.type.is_float else b.div_integer(x, y),
    vjp=lambda g, z, x, y: (zero_of(x), zero_of(y)),
    domain=((2.1, 2.9), (0.9, 1.0)),
    saves=False,
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


def _sign_lower(b: Any, x: Any) -> Any:
    zero, one = b.number(0, x), b.number(1, x)
    above = b.select(b.compare("gt", x, zero), one, zero)
    return b.select(b.compare("lt", x, zero), b.number(-1, x), above)


sign_p = pointwise(
    "sign",
    doc="-1, 0 or 1; 0 for NaN.",
    numpy=lambda x: np.where(x < 0, -1, x > 0).astype(x.dtype),
    lower=_sign_lower,
    vjp=lambda g, y, x: zero_of(x),
    domain=((0.5, 2.0),),
    saves=False,
)


def zero_of(x: Node) -> Node:
    """Zeros in the shape and type of `x`."""
    return expand(const(0.0, x.dtype), x.shape)


def _share(g: Node, x: Node, y: Node, relation: str) -> tuple[Node, Node]:
    """Nothing to the one that lost; where NaN leaves it open, all to both."""
    its = where(compare("eq", x, y), g * 0.5, g)
    return where(compare(relation, y, x), 0.0, its), where(compare(relation, x, y), 0.0, its)


def _rounding(name: str, numpy: Callable[..., Any], doc: str) -> Primitive:
    return pointwise(
        name,
        numpy=lambda x: x if x.dtype.kind != "f" else numpy(x),
        lower=lambda b, x: getattr(b, name)(x) if x.type.is_float else x,
        vjp=lambda g, y, x: zero_of(x),
        doc=doc,
        domain=((0.6, 0.9),),
        saves=False,
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
        dtypes=("bool", "int64", "uint8", "int8", "int16"),
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

keep_p = register(
    Primitive(
        "keep",
        Kind.POINTWISE,
        doc="x where the condition holds, 0 elsewhere; the condition is never changed in place.",
        infer=lambda c, x: _where_spec(c, x, x),
        numpy=lambda c, x: np.where(c, x, np.zeros((), x.dtype)),
        lower=lambda b, c, x: b.select(c, x, b.number(0, x)),
        vjp=lambda g, z, c, x: (None, apply(keep_p, c, g)),
        saves=False,
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


def copy(x: Node) -> Node:
    return apply(copy_p, x)


def floating(x: Number) -> Node:
    """`x`, integers made floating, of the default type."""
    if not isinstance(x, Node):
        return const(float(x), DEFAULT.floating)
    return x if x.dtype.category >= 2 else cast(x, DEFAULT.floating)


def add(x: Number, y: Number) -> Node:
    if isinstance(x, Node) and isinstance(y, Node) and x.dtype is y.dtype:
        return apply(add_p, x, y)
    return apply(add_p, *common(x, y))


def _is_bool(x: Number) -> bool:
    return (x.dtype if isinstance(x, Node) else of_scalar(x)) is bool_


def refuse_bool(what: str, *xs: Number, try_: str = "x.int()") -> None:
    """Raise if one of the operands is of bools.

    Raises:
        DTypeError: it is.
    """
    for x in xs:
        if _is_bool(x):
            raise DTypeError(explain(f"{what}: not for bool tensors", where=user_line(), try_=try_))


def sub(x: Number, y: Number) -> Node:
    if isinstance(x, Node) and isinstance(y, Node) and x.dtype is y.dtype and x.dtype is not bool_:
        return apply(sub_p, x, y)
    refuse_bool("sub", x, y, try_="x ^ y, ~x, or x.int()")
    return apply(sub_p, *common(x, y))


def mul(x: Number, y: Number) -> Node:
    if isinstance(x, Node) and isinstance(y, Node) and x.dtype is y.dtype:
        return apply(mul_p, x, y)
    both = common(x, y)
    if both[0].dtype.half:
        return by_number(mul_p, both, x, y, either=True)
    return apply(mul_p, *both)


def div(x: Number, y: Number) -> Node:
    """True division: integers become floating."""
    if isinstance(x, Node) and isinstance(y, Node) and x.dtype is y.dtype and x.dtype.category >= 2:
        return apply(div_p, x, y)
    both = common(x, y)
    if both[0].dtype.category < 2:  # each from its own type: the common one may not hold it
        both = [floating(x), floating(y)]
    half = both[0].dtype.half
    if isinstance(x, Node):
        return by_number(div_p, both, x, y) if half else apply(div_p, *both)
    inverse = apply(reciprocal_p, both[1])
    if x == 1:
        return inverse
    if half:
        return mul(inverse, x)  # as PyTorch computes it
    # Its gradient looks at what PyTorch keeps, the reciprocal, and neither at x nor at the result.
    return with_gradient_of(apply(div_p, both[0], detach(both[1])), inverse * x)


def reciprocal(x: Node) -> Node:
    return apply(reciprocal_p, floating(x))


def neg(x: Node) -> Node:
    refuse_bool("neg", x, try_="~x, or logical_not(x)")
    return apply(neg_p, x)


def divisor(what: str, x: Number, y: Number) -> list[Node]:
    """`common(x, y)` for a division that gives whole numbers.

    Of integers no divisor may be 0; while something is recorded, a tensor's are refused when they
    are computed.

    Raises:
        DivisionByZero: of integers by the number 0.
        DTypeError: of bools.
    """
    first, second = common(x, y)
    if first.dtype is bool_:
        refuse_bool(what, first)
    if first.dtype.category == 2 or 0 in broadcast(first.shape, second.shape):
        return [first, second]
    if second.op is not const_p:
        found = known(second)
        if found is not None and found.all():
            return [first, second]
        none = cast(compare("eq", second, 0), int64)  # a row that a table of one does not have
        zero = take(expand(const(0, second.dtype), (1,)), none, DIVISOR)
        return [first, second + at_once(zero)]
    if not second.attrs[0]:
        raise DivisionByZero(
            explain(
                f"{what}: ZeroDivisionError: integers cannot be divided by 0",
                where=user_line(),
                try_="x.float(), for inf and nan",
            )
        )
    return [first, second]


def _whole_division(primitive: Primitive, what: str, x: Number, y: Number) -> Node:
    first, second = divisor(what, x, y)
    if second.needs_grad or not first.needs_grad or primitive.saves is False:
        return apply(primitive, first, second)
    # What is left changes as x does: nothing has to be kept for its gradient.
    left = apply(primitive, detach(first), second)
    return with_gradient_of(left, expand(first, left.shape))


def remainder(x: Number, y: Number) -> Node:
    return _whole_division(remainder_p, "remainder", x, y)


def fmod(x: Number, y: Number) -> Node:
    return _whole_division(fmod_p, "fmod", x, y)


def floor_divide(x: Number, y: Number) -> Node:
    both = divisor("floor_divide", x, y)
    return by_number(floor_div_p, both, x, y) if both[0].dtype.half else apply(floor_div_p, *both)


def trunc_divide(x: Number, y: Number) -> Node:
    """The quotient cut towards zero."""
    both = divisor("div", x, y)
    if both[0].dtype.half:  # which is rounded before it is cut
        return apply(trunc_p, by_number(div_p, both, x, y))
    return apply(trunc_div_p, *both)


def compare(relation: str, x: Number, y: Number) -> Node:
    """Elementwise `eq`, `ne`, `lt`, `le`, `gt` or `ge`."""
    return apply(COMPARISONS[relation], *common(x, y))


def where(condition: Node, x: Number, y: Number, dtype: DType | None = None) -> Node:
    if dtype is not None:
        x, y = [
            cast(v, dtype) if isinstance(v, Node) else const(_to(dtype, v), dtype) for v in (x, y)
        ]
    elif not isinstance(x, Node) and not isinstance(y, Node):
        kind = result_type(standing(x), standing(y))
        x, y = const(_to(kind, x), kind), const(_to(kind, y), kind)
    return apply(where_p, condition, *common(x, y))


def bitwise(name: str, x: Number, y: Number) -> Node:
    x, y = common(x, y)
    if x.dtype.category == 2:
        raise DTypeError(f"{name}: needs bool or integer tensors, got {x.dtype.name}")
    return apply({"and": bit_and_p, "or": bit_or_p, "xor": bit_xor_p}[name], x, y)


def abs(x: Node) -> Node:
    refuse_bool("abs", x)
    return apply(abs_p, x)


def sign(x: Node) -> Node:
    return apply(sign_p, x)


def maximum(x: Number, y: Number) -> Node:
    return apply(maximum_p, *common(x, y))


def minimum(x: Number, y: Number) -> Node:
    return apply(minimum_p, *common(x, y))


def floor(x: Node) -> Node:
    refuse_bool("floor", x)
    return apply(floor_p, x)


def ceil(x: Node) -> Node:
    refuse_bool("ceil", x)
    return apply(ceil_p, x)


def round(x: Node) -> Node:
    refuse_bool("round", x)
    return apply(round_p, x)


def trunc(x: Node) -> Node:
    refuse_bool("trunc", x)
    return apply(trunc_p, x)


OPERATORS.update(add=add, sub=sub, mul=mul, div=div, neg=neg)
