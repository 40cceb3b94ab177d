"""Matrix products for operands of any number of dimensions."""

from __future__ import annotations

from zincir.errors import DTypeError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.ops import contraction, movement as mv
from zincir.types import broadcast, size


def matmul(a: Node, b: Node) -> Node:
    """PyTorch's matmul: vectors, matrices and batches that broadcast."""
    if a.dtype is not b.dtype:
        raise DTypeError(
            explain(
                f"matmul: operands have types {a.dtype.name} and {b.dtype.name}",
                where=user_line(),
                expected="the same type",
                try_=f"b.to({a.dtype!r})",
            )
        )
    if not a.ndim or not b.ndim:
        raise ShapeError(
            explain(
                "matmul: both operands need at least one dimension",
                where=user_line(),
                got=f"{a.shape} @ {b.shape}",
            )
        )
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        _inner_differs(a, b)
    if a.ndim == 2 and b.ndim == 2:
        return contraction.matmul(a, b)
    if a.ndim == 1:
        y = matmul(mv.reshape(a, (1, *a.shape)), b)
        return (
            mv.reshape(y, (*y.shape[:-2], y.shape[-1]))
            if b.ndim > 1
            else mv.reshape(y, y.shape[1:])
        )
    if b.ndim == 1:
        y = matmul(a, mv.reshape(b, (*b.shape, 1)))
        return mv.reshape(y, y.shape[:-1])
    if b.ndim == 2:
        rows = mv.reshape(a, (size(a.shape[:-1]), a.shape[-1]))
        return mv.reshape(contraction.matmul(rows, b), (*a.shape[:-1], b.shape[-1]))
    try:
        batch = broadcast(a.shape[:-2], b.shape[:-2])
    except ShapeError:
        raise ShapeError(
            explain(
                "matmul: batch dimensions do not broadcast",
                where=user_line(),
                got=f"{a.shape} @ {b.shape}",
            )
        ) from None
    a, b = mv.expand(a, (*batch, *a.shape[-2:])), mv.expand(b, (*batch, *b.shape[-2:]))
    return contraction.matmul(a, b)


def _inner_differs(a: Node, b: Node) -> None:
    inner = "-2" if b.ndim > 1 else "0"
    raise ShapeError(
        explain(
            "matmul: inner dimensions differ",
            where=user_line(),
            expected=f"a.shape[-1] == b.shape[{inner}]",
            got=f"{a.shape} {a.dtype.name} @ {b.shape} {b.dtype.name}",
            try_="transpose one of the two (b.T), or check the size of the layer before",
        )
    )


def exactly(a: Node, b: Node, what: str, ndim: int) -> Node:
    """`matmul` of operands that have exactly `ndim` dimensions."""
    if a.ndim != ndim or b.ndim != ndim:
        raise ShapeError(
            explain(
                f"{what}: both operands need {ndim} dimensions",
                where=user_line(),
                got=f"{a.shape} and {b.shape}",
                try_="matmul",
            )
        )
    if a.shape[: ndim - 2] != b.shape[: ndim - 2]:
        raise ShapeError(
            explain(
                f"{what}: batch sizes differ", where=user_line(), got=f"{a.shape} and {b.shape}"
            )
        )
    return matmul(a, b)


def dot(a: Node, b: Node) -> Node:
    """The inner product of two vectors."""
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(
            explain("dot: needs two vectors", where=user_line(), got=f"{a.shape} and {b.shape}")
        )
    return matmul(a, b)


def addmm(x: Node, a: Node, b: Node, beta: float, alpha: float) -> Node:
    """Beta * x + alpha * (a @ b)."""
    y = matmul(a, b)
    if alpha != 1:
        y = y * alpha
    if beta == 0:
        return y
    return (x if beta == 1 else x * beta) + y


def outer(a: Node, b: Node) -> Node:
    """All products of an element of `a` and one of `b`."""
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(
            explain("outer: needs two vectors", where=user_line(), got=f"{a.shape} and {b.shape}")
        )
    return mv.reshape(a, (a.shape[0], 1)) * b
