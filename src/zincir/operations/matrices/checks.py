"""What linear algebra is given, checked; and its few words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from zincir.errors import DTypeError, GradientError, LinAlgError, ShapeError, explain
from zincir.graph.node import Node, describe, user_line
from zincir.graph.primitive import Spec
from zincir.operations import arithmetic as ar, movement as mv
from zincir.operations.products import matmul as mm
from zincir.operations.source import const, iota
from zincir.types import broadcast, int64

__all__ = ["batched", "diagonal_matrix", "eye", "lower", "matrices", "mm", "same_type", "square",
           "together", "transposed", "upper"]  # fmt: skip


def matrices(x: Node, what: str) -> Node:
    """`x`, of which it is made sure that it is a floating matrix, or a batch of them."""
    if x.ndim < 2:
        raise ShapeError(
            explain(
                f"{what}: The input tensor A must have at least 2 dimensions.",
                where=user_line(),
                got=str(x.shape),
            )
        )
    return floats(x, what)


def floats(x: Node, what: str) -> Node:
    """`x`, of which it is made sure that it is floating."""
    if x.dtype.category != 2:
        raise DTypeError(
            explain(
                f"{what}: Expected a floating point tensor as input. Got {x.dtype.name}",
                where=user_line(),
                try_="x.float()",
            )
        )
    if x.dtype.half:
        raise DTypeError(
            explain(
                f'{what}: "linalg" not implemented for {x.dtype.name}',
                where=user_line(),
                try_="x.float()",
            )
        )
    return x


def square(x: Node, what: str) -> Node:
    """`x`, of which it is made sure that it is a square matrix, or a batch of them."""
    matrices(x, what)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            explain(
                f"{what}: A must be batches of square matrices",
                where=user_line(),
                got=str(x.shape),
            )
        )
    return x


def same_type(a: Node, b: Node, what: str) -> None:
    """Raise if two operands have different types."""
    if a.dtype is not b.dtype:
        raise DTypeError(
            explain(
                f"{what}: Expected A and B to have the same dtype",
                where=user_line(),
                got=f"{a.dtype.name} and {b.dtype.name}",
            )
        )


def together(a: Node, b: Node, what: str) -> tuple[Node, Node]:
    """Two batches of matrices with the batch that both have in common."""
    try:
        batch = broadcast(a.shape[:-2], b.shape[:-2])
    except ShapeError:
        raise ShapeError(
            explain(
                f"{what}: the batch dimensions do not broadcast",
                where=user_line(),
                got=f"{a.shape} and {b.shape}",
            )
        ) from None
    return mv.expand(a, (*batch, *a.shape[-2:])), mv.expand(b, (*batch, *b.shape[-2:]))


def batched(x: Spec) -> tuple[int, ...]:
    """The sizes in front of those of the matrices."""
    return x[0][:-2]


def transposed(x: Node) -> Node:
    return mv.swap_last(x)


def _distance(x: Node) -> Any:
    shape = x.shape[-2:]
    return iota(shape, 1, int64) - iota(shape, 0, int64)


def lower(x: Node, diagonal: int = 0) -> Node:
    """The lower triangle."""
    return ar.where(ar.compare("le", _distance(x), diagonal), x, 0.0)


def upper(x: Node, diagonal: int = 0) -> Node:
    """The upper triangle."""
    return ar.where(ar.compare("ge", _distance(x), diagonal), x, 0.0)


def eye(n: int, like: Node) -> Node:
    """The unit matrix."""
    shape = (n, n)
    same = ar.compare("eq", iota(shape, 0, int64), iota(shape, 1, int64))
    return ar.cast(same, like.dtype)


def diagonal_matrix(x: Node) -> Node:
    """Square matrices with the vectors of `x` on their diagonals."""
    n = x.shape[-1]
    same = ar.compare("eq", iota((n, n), 0, int64), iota((n, n), 1, int64))
    wide = mv.reshape(x, (*x.shape[:-1], 1, n))
    return ar.where(same, wide, const(0, x.dtype))


def column(x: Node) -> Node:
    """The vectors of `x` as columns."""
    return mv.reshape(x, (*x.shape, 1))


def row(x: Node) -> Node:
    """The vectors of `x` as rows."""
    return mv.reshape(x, (*x.shape[:-1], 1, x.shape[-1]))


def no_gradient(what: str, instead: str = "") -> Callable[..., NoReturn]:
    """The rule of an operation that has no gradient: an error when one is asked for."""

    def vjp(g: Any, y: Node, *rest: Any) -> NoReturn:
        raise GradientError(
            explain(f"{what}: its derivative is not implemented", where=describe(y.origin),
                    try_=instead)
        )  # fmt: skip

    return vjp


def failed(what: str, why: str, batch: int | None = None, try_: str = "") -> LinAlgError:
    """The error for a matrix that has not what is asked for."""
    place = "" if batch is None else f"(Batch element {batch}): "
    return LinAlgError(explain(f"{what}: {place}{why}", try_=try_))
