"""Equations solved, matrices inverted, and the triangular factors that help."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.calling import takes_out
from zincir.convert import leaf_over
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.at_once import at_once
from zincir.graph.node import Node, user_line
from zincir.lower_precision import full
from zincir.methods import results as rs
from zincir.operations import movement as mv
from zincir.operations.matrices import (
    checks as ck,
    indefinite,
    solving as sv,
    spectral as sp,
    twins,
)
from zincir.operations.source import with_gradient_of
from zincir.shared_value import array_of
from zincir.tensor import Tensor, wrap
from zincir.types import size


@full
@takes_out
def inv(A: Tensor) -> Tensor:
    """The inverse of a square matrix, or of each of a batch.

    Raises:
        LinAlgError: a matrix is singular.

    >>> from zincir.creation import tensor
    >>> inv(tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return A.inverse()


@full
@takes_out
def inv_ex(A: Tensor, *, check_errors: bool = False) -> rs.Inverse:
    """The inverse, and the number of the first pivot that is 0 (0 if there is none).

    >>> from zincir.creation import ones
    >>> inv_ex(ones(2, 2)).info.item()
    2
    """
    if check_errors:
        inv(A)
    return rs.Inverse(*map(wrap, sv.inverse_ex(A._node)))


@full
@takes_out
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The solution X of A X = B, or of X A = B if not `left`.

    Raises:
        LinAlgError: a matrix is singular.

    >>> from zincir.creation import tensor
    >>> solve(tensor([[2.0, 0.0], [0.0, 4.0]]), tensor([1.0, 1.0])).tolist()
    [0.5, 0.25]
    """
    return wrap(at_once(sv.solve(A._node, B._node, left)))


@takes_out
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> rs.Checked:
    """The solution of A X = B, and the number of the first pivot that is 0 (0 if there is none).

    >>> from zincir.creation import ones
    >>> solve_ex(ones(2, 2), ones(2)).info.item()
    2
    """
    node = sv.solve(A._node, B._node, left, checked=check_errors)
    if check_errors:
        at_once(node)
    return rs.Checked(wrap(node), wrap(sv.lu_factors(A._node)[2]))


@takes_out
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """The solution X of A X = B for a triangular A, of which only that half is read.

    >>> from zincir.creation import tensor
    >>> A, B = tensor([[2.0, 9.0], [1.0, 1.0]]), tensor([[2.0], [3.0]])
    >>> solve_triangular(A, B, upper=False).tolist()
    [[1.0], [2.0]]
    """
    return wrap(sv.solve_triangular(A._node, B._node, upper, left, unitriangular))


@takes_out
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """L with L L^T = A, of a symmetric positive definite matrix; with `upper` its transpose.

    Raises:
        LinAlgError: a matrix is not positive definite.

    >>> from zincir.creation import tensor
    >>> cholesky(tensor([[4.0, 2.0], [2.0, 2.0]])).tolist()
    [[2.0, 0.0], [1.0, 1.0]]
    """
    return A.cholesky(upper)


@full
@takes_out
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> rs.Cholesky:
    """`cholesky`, and the order of the first leading minor that is not positive definite.

    >>> from zincir.creation import zeros
    >>> cholesky_ex(zeros(2, 2)).info.item()
    1
    """
    if check_errors:
        cholesky(A, upper=upper)
    return rs.Cholesky(*map(wrap, sv.cholesky_ex(A._node, upper)))


def _pivoted(pivot: bool) -> None:
    if not pivot:
        raise ArgumentError(
            explain("linalg.lu: LU without pivoting is not implemented on the CPU",
                    where=user_line(), try_="pivot=True")
        )  # fmt: skip


@takes_out
def lu(A: Tensor, *, pivot: bool = True) -> rs.PLU:
    """P, L and U with A = P L U: a permutation, and triangular matrices.

    >>> from zincir.creation import tensor
    >>> lu(tensor([[0.0, 1.0], [2.0, 0.0]])).U.tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """
    _pivoted(pivot)
    return rs.PLU(*map(wrap, sv.lu(A._node)))


@takes_out
def lu_factor(A: Tensor, *, pivot: bool = True) -> rs.LU:
    """L and U in one matrix, and the rows exchanged for each column, counted from 1.

    >>> from zincir.creation import tensor
    >>> lu_factor(tensor([[0.0, 1.0], [2.0, 0.0]])).pivots.tolist()
    [2, 2]
    """
    _pivoted(pivot)
    return rs.LU(*map(wrap, sv.solvable_factors(A._node)))


@takes_out
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> rs.CheckedLU:
    """`lu_factor`, and the number of the first pivot that is 0 (0 if there is none).

    >>> from zincir.creation import zeros
    >>> lu_factor_ex(zeros(2, 2)).info.item()
    1
    """
    _pivoted(pivot)
    found = rs.CheckedLU(*map(wrap, sv.lu_factors(A._node)))
    if check_errors and array_of(found.info, "lu_factor_ex(check_errors=True)").any():
        raise ck.failed("linalg.lu_factor_ex", "U has a zero on its diagonal")
    return found


@takes_out
def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """The solution of A X = B (X A = B, A^T X = B) from what `lu_factor` gives of A.

    >>> from zincir.creation import tensor
    >>> lu_solve(*lu_factor(tensor([[2.0]])), tensor([[1.0]])).item()
    0.5
    """
    return wrap(sv.lu_solve(LU._node, pivots._node, B._node, left, adjoint))


@takes_out
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> rs.PLU:
    """P, L and U from what `lu_factor` gives; what is not asked for is empty.

    >>> from zincir.creation import tensor
    >>> lu_unpack(*lu_factor(tensor([[2.0]]))).U.item()
    2.0
    """
    order, low, up = map(wrap, sv.lu_unpack(LU_data._node, LU_pivots._node))
    none = LU_data.new_zeros(0)
    return rs.PLU(
        order if unpack_pivots else none, low if unpack_data else none, up if unpack_data else none
    )


# --- pseudoinverses -----------------------------------------------------------------------------


def _tolerance(x: Any) -> Any:
    return x._node if isinstance(x, Tensor) else x


@takes_out
def pinv(
    A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """The pseudoinverse (Moore and Penrose): 1 over each singular value, 0 for small ones.

    Args:
        rcond: an older name of `rtol`.
        hermitian: whether A is symmetric.
        atol: what counts as 0,
        rtol: and how much of the largest singular value does, by default max(m, n) eps.

    >>> from zincir.creation import tensor
    >>> pinv(tensor([[2.0, 0.0], [0.0, 0.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.0]]
    """
    relative = rtol if rcond is None else rcond
    return wrap(at_once(sp.pinv(A._node, _tolerance(atol), _tolerance(relative), hermitian)))


@full
@takes_out
def matrix_rank(
    A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """How many singular values are larger than max(atol, rtol * the largest).

    >>> from zincir.creation import ones
    >>> matrix_rank(ones(3, 3)).item()
    1
    """
    absolute, relative = (tol, 0.0) if tol is not None else (atol, rtol)
    return wrap(sp.rank(A._node, _tolerance(absolute), _tolerance(relative), hermitian))


@full
@takes_out
def lstsq(
    input: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None
) -> rs.LeastSquares:
    """The X for which |A X - B| is least, and of several such X the smallest one (looks at A).

    Args:
        rcond: how much of the largest singular value counts as 0, by default max(m, n) eps.
        driver: 'gelsy', 'gels', 'gelsd' or 'gelss'; says which of the results are wanted.

    Returns:
        the solution; the residuals, if m > n, but for 'gelsy'; the ranks, but for 'gels'; the
        singular values, for 'gelsd' and 'gelss'.

    >>> from zincir.creation import tensor
    >>> lstsq(tensor([[1.0], [1.0]]), tensor([[1.0], [3.0]])).solution.item()
    2.0
    """
    a, right, what = input._node, b._node, "linalg.lstsq"
    name = "gelsy" if driver is None else driver
    if name not in ("gelsy", "gels", "gelsd", "gelss"):
        raise ArgumentError(
            explain(f"{what}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)",
                    where=user_line(), got=name)
        )  # fmt: skip
    ck.same_type(ck.matrices(a, what), right, what)
    vector = right.ndim == a.ndim - 1 and right.shape == a.shape[:-1]
    if not vector and (right.ndim < 2 or right.shape[-2] != a.shape[-2]):
        raise ShapeError(
            explain(f"{what}: input.size(-2) should match other.size(-2)", where=user_line(),
                    got=f"{a.shape} and {right.shape}")
        )  # fmt: skip
    first, second = ck.together(a, ck.column(right) if vector else right, what)
    arrays = array_of(wrap(first), "lstsq()"), array_of(wrap(second), "lstsq()")
    eps = float(np.finfo(a.dtype.name).eps) * max(a.shape[-2:])
    x, ranks, values = twins.least_squares(*arrays, eps if rcond is None else rcond)
    y = _with_gradients(x, first, second)
    residuals = wrap(y).reshape(-1)[:0]
    if a.shape[-2] > a.shape[-1] and name != "gelsy":
        residuals = (wrap(second) - wrap(first) @ wrap(y)).square().sum(-2)
    solution = wrap(mv.reshape(y, y.shape[:-1]) if vector else y)
    rank = Tensor._from(ranks) if name != "gels" else input.new_zeros(0).long()
    spectrum = Tensor._from(values) if name in ("gelsd", "gelss") else input.new_zeros(0)
    return rs.LeastSquares(solution, residuals, rank, spectrum)


def _with_gradients(x: Any, a: Node, b: Node) -> Node:
    value = leaf_over(x)
    if not (a.needs_grad or b.needs_grad) or not size(value.shape):
        return value
    return with_gradient_of(value, ck.mm(sp.pinv(a, None, None, False), b))


# --- symmetric matrices that need not be definite ------------------------------------------------


@takes_out
def ldl_factor(A: Tensor, *, hermitian: bool = False) -> rs.LDL:
    """L and D of A = P L D L^T P^T in one matrix, and the rows exchanged, counted from 1.

    Of the symmetric matrix A the lower half is read. Two pivots that are negative, and the same,
    belong to a block of 2 x 2 in D. Without a gradient.

    Raises:
        LinAlgError: D has a zero column.

    >>> from zincir.creation import tensor
    >>> ldl_factor(tensor([[4.0, 2.0], [2.0, 0.0]])).LD.tolist()
    [[4.0, 0.0], [0.5, -1.0]]
    """
    found = indefinite.ldl_factor(A._node, "linalg.ldl_factor", checked=True)
    return rs.LDL(*map(wrap, at_once(*found)[:2]))


@takes_out
def ldl_factor_ex(
    A: Tensor, *, hermitian: bool = False, check_errors: bool = False
) -> rs.CheckedLDL:
    """`ldl_factor`, and the number of the first column of D that is 0 (0 if there is none).

    >>> from zincir.creation import zeros
    >>> ldl_factor_ex(zeros(2, 2)).info.item()
    1
    """
    found = indefinite.ldl_factor(A._node, "linalg.ldl_factor_ex", checked=check_errors)
    return rs.CheckedLDL(*map(wrap, at_once(*found) if check_errors else found))


@takes_out
def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """The solution of A X = B from what `ldl_factor` gives of A; without a gradient.

    >>> from zincir.creation import tensor
    >>> factors = ldl_factor(tensor([[0.0, 2.0], [2.0, 0.0]]))
    >>> ldl_solve(*factors, tensor([[2.0], [4.0]])).tolist()
    [[2.0], [1.0]]
    """
    return wrap(indefinite.ldl_solve(LD._node, pivots._node, B._node))
