"""Vectors to Cholesky factors of correlations, and triangles as vectors."""

from __future__ import annotations

import math
from typing import Any

from zincir.creation import eye
from zincir.distributions import constraints
from zincir.distributions.parameters import spacing
from zincir.distributions.transform import Transform
from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line
from zincir.nn.functional import pad, softplus
from zincir.tensor import Tensor


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The lower triangles of matrices, up to the diagonal `diag`, row by row.

    Raises:
        ShapeError: there is no such diagonal.

    Example:
        >>> tril_matrix_to_vec(Tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([1., 3., 4.])
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise _wrong(f"diag is outside [{-n}, {n - 1}]", str(diag))
    rows, columns = _places(n, diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """Square matrices with a vector's elements in the lower triangle, row by row; else 0.

    Raises:
        ShapeError: the vector has not as many elements as a triangle.

    Example:
        >>> vec_to_tril_matrix(Tensor([1.0, 3.0, 4.0]))
        tensor([[1., 0.],
                [3., 4.]])
    """
    count = vec.shape[-1]
    slope = 1 + 2 * diag
    n = round((-slope + (slope**2 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2)
    rows, columns = _places(n, diag)
    if len(rows) != count:
        raise _wrong("the elements of a vector are not those of a triangle", str(count))
    matrix = vec.new_zeros((*vec.shape[:-1], n, n))
    matrix[..., rows, columns] = vec
    return matrix


def _places(n: int, diag: int) -> tuple[list[int], list[int]]:
    """Rows and columns of a lower triangle."""
    places = [(i, j) for i in range(n) for j in range(min(n, i + diag + 1))]
    return [i for i, _ in places], [j for _, j in places]


def _wrong(what: str, got: str) -> ShapeError:
    return ShapeError(explain(f"triangles as vectors: {what}", where=user_line(), got=got))


class CorrCholeskyTransform(Transform):
    """Vectors of D (D - 1) / 2 numbers to Cholesky factors of correlations.

    Their rows have length 1. Row by row, sticks are broken: r = tanh(x) is the part of what is left
    of that length.

    Example:
        >>> CorrCholeskyTransform()(Tensor([0.0]))
        tensor([[1., 0.],
                [0., 1.]])
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        near = 1 - spacing(x)
        r = vec_to_tril_matrix(x.tanh().clamp(min=-near, max=near), diag=-1)
        left = (1 - r.square()).sqrt().cumprod(-1)
        r = r + eye(r.shape[-1], dtype=r.dtype)
        return r * pad(left[..., :-1], [1, 0], value=1.0)

    def _inverse(self, y: Tensor) -> Tensor:
        left = pad((1 - y.square().cumsum(-1))[..., :-1], [1, 0], value=1.0)
        t = tril_matrix_to_vec(y, -1) / tril_matrix_to_vec(left, -1).sqrt()
        return (t.log1p() - (-t).log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Of the part of y below the diagonal."""
        left = tril_matrix_to_vec(1 - y.square().cumsum(-1), -2)
        bent = -2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)
        return 0.5 * left.log().sum(-1) + bent

    def forward_shape(self, shape: Any) -> Any:
        if len(shape) < 1:
            raise _wrong("Too few dimensions on input", str(shape))
        count = shape[-1]
        size = round((0.25 + 2 * count) ** 0.5 + 0.5)
        if size * (size - 1) // 2 != count:
            raise _wrong("Input is not a flattened lower-diagonal number", str(count))
        return (*shape[:-1], size, size)

    def inverse_shape(self, shape: Any) -> Any:
        if len(shape) < 2:
            raise _wrong("Too few dimensions on input", str(shape))
        if shape[-2] != shape[-1]:
            raise _wrong("Input is not square", str(shape))
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)
