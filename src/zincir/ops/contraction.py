"""Sums of products."""

from __future__ import annotations

import numpy as np

from zincir.errors import DTypeError, ShapeError
from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.ops.movement import swap_last


def _matmul_spec(a: Spec, b: Spec) -> Spec:
    (x, dtype), (y, other) = a, b
    if dtype is not other:
        raise DTypeError(f"operands of types {dtype.name} and {other.name}; cast one of them")
    if len(x) != len(y) or len(x) < 2 or x[:-2] != y[:-2]:
        raise ShapeError(f"batch axes of {x} and {y} differ")
    if x[-1] != y[-2]:
        raise ShapeError(f"inner dimensions differ: {x} @ {y} needs {x[-1]} == {y[-2]}")
    return (*x[:-1], y[-1]), dtype


matmul_p = register(
    Primitive(
        "matmul",
        Kind.CONTRACTION,
        doc="Matrix products of the last two axes, for each of the batch axes before them.",
        infer=_matmul_spec,
        numpy=np.matmul,
        vjp=lambda g, y, a, b: (
            matmul(g, swap_last(b)) if a.needs_grad else None,
            matmul(swap_last(a), g) if b.needs_grad else None,
        ),
    )
)


def matmul(a: Node, b: Node) -> Node:
    """(..., M, K) @ (..., K, N) with equal batch axes."""
    return apply(matmul_p, a, b)
