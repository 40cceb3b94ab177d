"""Norms, products and functions of matrices, and tensors taken for matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from zincir.calling import takes_out
from zincir.errors import ShapeError, explain
from zincir.graph.at_once import at_once
from zincir.graph.node import user_line
from zincir.linalg.solving import inv, solve
from zincir.lower_precision import full, lower
from zincir.operations import arithmetic as ar, composed as co
from zincir.operations.dims import Dims
from zincir.operations.matrices import functions as fn
from zincir.tensor import Tensor, wrap
from zincir.tensor_types import as_dtype
from zincir.types import DType


def _kind(dtype: Any) -> DType | None:
    return None if dtype is None else as_dtype(dtype)


@takes_out
def vector_norm(
    x: Tensor, ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of vectors along `dim`: the sum of |x|^ord, to the power of 1 / ord.

    >>> from zincir.creation import tensor
    >>> vector_norm(tensor([3.0, 4.0])).item()
    5.0
    """
    return wrap(fn.vector_norm(x._node, float(ord), dim, keepdim, _kind(dtype)))


@takes_out
def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: tuple[int, int] = (-2, -1), keepdim: bool = False,
    *, dtype: Any = None,
) -> Tensor:  # fmt: skip
    """The norm of matrices: 'fro', 'nuc', 2 and -2 (singular values), 1, -1, inf, -inf (sums).

    >>> from zincir.creation import tensor
    >>> matrix_norm(tensor([[3.0, 0.0], [0.0, 4.0]]), "nuc").item()
    7.0
    """
    return wrap(fn.matrix_norm(A._node, ord, dim, keepdim, _kind(dtype)))


@takes_out
def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """`matrix_norm` for two dimensions, `vector_norm` for one; without `ord`, of all elements.

    >>> from zincir.creation import tensor
    >>> norm(tensor([[3.0, 0.0], [0.0, 4.0]])).item()
    5.0
    """
    return wrap(fn.norm(A._node, ord, dim, keepdim, _kind(dtype)))


@full
@takes_out
def cond(A: Tensor, p: Any = None) -> Tensor:
    """How much a matrix may enlarge errors: its norm times that of its inverse.

    >>> from zincir.creation import tensor
    >>> cond(tensor([[4.0, 0.0], [0.0, 1.0]])).item()
    4.0
    """
    return wrap(at_once(fn.condition(A._node, p)))


@takes_out
def matrix_exp(A: Tensor) -> Tensor:
    """The exponential of a square matrix: 1 + A + A^2 / 2 + ... (Higham 2005).

    >>> from zincir.creation import zeros
    >>> matrix_exp(zeros(1, 1)).item()
    1.0
    """
    return A.matrix_exp()


@takes_out
def matrix_power(A: Tensor, n: int) -> Tensor:
    """The product of `n` times the same matrix, or of its inverse if n < 0.

    >>> from zincir.creation import tensor
    >>> matrix_power(tensor([[1.0, 1.0], [0.0, 1.0]]), 3).tolist()
    [[1.0, 3.0], [0.0, 1.0]]
    """
    return A.matrix_power(n)


@takes_out
@lower
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of matrices, in the order that takes the fewest multiplications.

    >>> from zincir.creation import ones
    >>> multi_dot([ones(2, 3), ones(3, 4), ones(4)]).tolist()
    [12.0, 12.0]
    """
    return wrap(fn.multi_dot([x._node for x in tensors]))


@takes_out
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors in space, along a dimension of size 3.

    >>> from zincir.creation import tensor
    >>> cross(tensor([1.0, 0.0, 0.0]), tensor([0.0, 1.0, 0.0])).tolist()
    [0.0, 0.0, 1.0]
    """
    return wrap(fn.cross(input._node, other._node, dim))


def vander(x: Tensor, N: int | None = None) -> Tensor:
    """Powers 0 to N - 1 of numbers, as rows (Vandermonde).

    >>> from zincir.creation import tensor
    >>> vander(tensor([2, 3])).tolist()
    [[1, 2], [1, 3]]
    """
    return wrap(fn.vander(x._node, N))


@takes_out
@lower
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Inner products of vectors along `dim`.

    >>> from zincir.creation import tensor
    >>> vecdot(tensor([1.0, 2.0]), tensor([3.0, 4.0])).item()
    11.0
    """
    product = x * y
    return wrap(ar.cast(co.sum(product._node, dim), product.dtype))


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices.

    >>> from zincir.creation import eye
    >>> diagonal(eye(2)).tolist()
    [1.0, 1.0]
    """
    return A.diagonal(offset, dim1, dim2)


@takes_out
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The product of matrices, vectors, or batches of matrices.

    >>> from zincir.creation import ones
    >>> matmul(ones(2, 3), ones(3)).tolist()
    [3.0, 3.0]
    """
    return input @ other


def _shape_error(what: str, problem: str, *shapes: Any) -> ShapeError:
    got = " and ".join(map(str, shapes))
    return ShapeError(explain(f"linalg.{what}: {problem}", where=user_line(), got=got))


@full
@takes_out
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of a tensor that is a matrix when its first `ind` dimensions are one.

    >>> from zincir.creation import eye
    >>> tensorinv(eye(4).reshape(2, 2, 4)).shape
    (4, 2, 2)
    """
    if ind <= 0:
        raise _shape_error("tensorinv", "Expected a strictly positive integer for 'ind'", ind)
    first, rest = A.shape[:ind], A.shape[ind:]
    n = math.prod(rest)
    if math.prod(first) != n:
        raise _shape_error(
            "tensorinv",
            "Expected self to satisfy the requirement prod(self.shape[ind:]) =="
            " prod(self.shape[:ind])",
            A.shape,
        )
    return inv(A.reshape(n, n)).reshape(*rest, *first)


@full
@takes_out
def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """The X for which tensordot(A, X, X.ndim) = B.

    >>> from zincir.creation import eye, ones
    >>> tensorsolve(eye(4).reshape(2, 2, 4), ones(2, 2)).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    a = A
    if dims is not None:
        a = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    rest = a.shape[B.ndim :]
    if math.prod(rest) != math.prod(a.shape[: B.ndim]):
        raise _shape_error(
            "tensorsolve",
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) =="
            " prod(self.shape[:other.ndim])",
            a.shape,
            B.shape,
        )
    n = math.prod(rest)
    return solve(a.reshape(n, n), B.reshape(-1)).reshape(*rest)
