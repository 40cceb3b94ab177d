"""Operands of one type: numbers and tensors under PyTorch's promotion."""

from __future__ import annotations

from zincir.errors import DTypeError, explain
from zincir.graph.node import Node, apply, user_line
from zincir.graph.primitive import Kind, Primitive, register
from zincir.half import converted
from zincir.operations.live_number import LiveNumber
from zincir.operations.numbers import to as _to
from zincir.operations.parts import imag, join, real
from zincir.operations.source import PARTS, const, const_p
from zincir.types import DType, Scalar, float32, of_scalar, result_type

Number = Node | Scalar


cast_p = register(
    Primitive(
        "cast",
        Kind.POINTWISE,
        doc="The same numbers in another type.",
        infer=lambda x, dtype: (x[0], dtype),
        numpy=converted,
        lower=lambda b, x, dtype: b.convert_to(x, dtype),
        vjp=lambda g, y, x, dtype: cast(g, x.dtype),
        attrs=("dtype",),
        saves=False,
    )
)


def cast(x: Node, dtype: DType) -> Node:
    """`x` with element type `dtype`."""
    if x.dtype is dtype:
        return x
    if dtype.category == 3 or x.dtype.category == 3:
        return _cast_complex(x, dtype)
    if x.op is const_p:
        return const(_to(dtype, x.attrs[0]), dtype)
    return apply(cast_p, x, attrs=(dtype,))


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
            or type(x) is LiveNumber
            or (type(x) is float and dtype.category < 2)
            or type(x) is complex
            or (type(x) is int and dtype.category < 1)
        ):
            break
    else:
        assert dtype is not None
        return [x if isinstance(x, Node) else const(_to(dtype, x), dtype) for x in xs]
    dtype = result_type(*map(standing, xs))
    return [cast(x, dtype) if isinstance(x, Node) else _number(x, dtype) for x in xs]


def _number(x: Scalar, dtype: DType) -> Node:
    if type(x) is LiveNumber:
        return x.node(dtype)
    return const(_to(dtype, x), dtype)


def standing(x: Number) -> tuple[DType, int]:
    """An operand as `result_type` takes it."""
    if isinstance(x, Node):
        return x.dtype, 2 if x.shape else 1
    return of_scalar(x.kind() if type(x) is LiveNumber else x), 0


def _cast_complex(x: Node, dtype: DType) -> Node:
    if dtype.category < 3:
        raise DTypeError(
            explain(
                f"a {x.dtype.name} tensor cannot become {dtype.name} on the way",
                where=user_line(),
                try_="x.real, or x.abs()",
            )
        )
    part = PARTS[dtype]
    if x.dtype.category < 3:
        return join(cast(x, part), None)
    return join(cast(real(x), part), cast(imag(x), part))


def is_plain(x: Number) -> bool:
    """Whether this is a number beside halves, or one in a tensor."""
    return not isinstance(x, Node) or not (x.shape or x.dtype.half)


def by_number(
    op: Primitive, both: list[Node], x: Number, y: Number, *, either: bool = False
) -> Node:
    """Halves by a number, or by one in a tensor: that is not rounded to a half before.

    Args:
        both: `common(x, y)`.
        either: whether `x` may be a number, too (in a tensor it is rounded there).
    """
    kind = both[0].dtype
    if not (is_plain(y) or (either and not isinstance(x, Node))):
        return apply(op, *both)
    wide = [cast(v, float32) if isinstance(v, Node) else _number(v, float32) for v in (x, y)]
    return cast(apply(op, *wide), kind)
