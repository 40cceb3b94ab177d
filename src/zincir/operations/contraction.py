"""Sums of products."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.errors import DTypeError, ShapeError
from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.operations.bfloat import halves, sum_type
from zincir.operations.movement import reshape, swap_last
from zincir.types import Shape, pair, size


def _matmul_spec(a: Spec, b: Spec, reduced: int) -> Spec:
    (x, dtype), (y, other) = a, b
    if dtype is not other:
        raise DTypeError(f"operands of types {dtype.name} and {other.name}; cast one of them")
    outer = len(x) - 2 - reduced
    if len(x) != len(y) or outer < 0 or x[:outer] != y[:outer]:
        raise ShapeError(f"batch axes of {x} and {y} differ")
    if x[outer + 1 :] != y[outer:-1]:
        raise ShapeError(f"inner dimensions differ: {x} @ {y} needs {x[outer + 1 :]}")
    return (*x[: outer + 1], y[-1]), sum_type(dtype)


def _flat_shapes(x: Shape, y: Shape, reduced: int) -> tuple[Shape, Shape]:
    """The shapes of both operands with the axes that are summed over as one."""
    outer = len(x) - 2 - reduced
    inner = size(x[outer + 1 :])
    return (*x[: outer + 1], inner), (*y[:outer], inner, y[-1])


def _matmul_numpy(a: Any, b: Any, reduced: int) -> Any:
    if a.dtype == pair.numpy:
        first, second = (
            _matmul_numpy(x, y, reduced) for x, y in zip(halves(a), halves(b), strict=True)
        )
        return first + second
    x, y = _flat_shapes(a.shape, b.shape, reduced)
    return np.matmul(a.reshape(x), b.reshape(y))


def _matmul_vjp(g: Node, y: Node, a: Node, b: Node, reduced: int) -> tuple[Node | None, ...]:
    x_shape, y_shape = _flat_shapes(a.shape, b.shape, reduced)
    da = db = None
    if a.needs_grad:
        da = reshape(matmul(g, swap_last(reshape(b, y_shape))), a.shape)
    if b.needs_grad:
        db = reshape(matmul(swap_last(reshape(a, x_shape)), g), b.shape)
    return da, db


matmul_p = register(
    Primitive(
        "matmul",
        Kind.CONTRACTION,
        doc="""Matrix products, one for each of the leading axes, summed over blocks.

        y[o..., m, n] = sum of a[o..., m, r..., k] * b[o..., r..., k, n], with `reduced` axes r

        An element may be a pair of numbers: then both products are summed, in float32.
        """,
        infer=_matmul_spec,
        numpy=_matmul_numpy,
        vjp=_matmul_vjp,
        attrs=("reduced",),
    )
)


def matmul(a: Node, b: Node, reduced: int = 0) -> Node:
    """(..., M, R..., K) @ (..., R..., K, N) with equal leading axes -> (..., M, N)."""
    return apply(matmul_p, a, b, attrs=(reduced,))
