"""Methods of linear algebra: the older names; the newer ones are in `zincir.linalg`."""

from __future__ import annotations

from typing import Any, Self

from zincir.calling import takes_names
from zincir.convert import tensor_node
from zincir.graph.at_once import at_once
from zincir.methods import results as rs
from zincir.operations import movement as mv
from zincir.operations.dims import is_several
from zincir.operations.matrices import (
    checks as ck,
    determinants as dt,
    functions as fn,
    householder as hh,
    solving as sv,
    spectral as sp,
)
from zincir.shared_value import current
from zincir.tensor_base import TensorBase
from zincir.tensor_types import as_dtype


@takes_names
class Solving(TensorBase):
    """Systems of equations, and triangular factors."""

    def inverse(self) -> Self:
        """The inverse of a square matrix."""
        return self._of(at_once(sv.inverse(current(self))))

    def pinverse(self, rcond: float = 1e-15) -> Self:
        """The pseudoinverse (Moore and Penrose)."""
        return self._of(at_once(sp.pinv(current(self), None, rcond, False)))

    def cholesky(self, upper: bool = False) -> Self:
        """L with L L^T = this symmetric positive definite matrix."""
        return self._of(at_once(sv.cholesky(current(self), upper)))

    def cholesky_inverse(self, upper: bool = False) -> Self:
        """The inverse of the matrix that this is the Cholesky factor of."""
        return self._of(sv.cholesky_inverse(current(self), upper))

    def cholesky_solve(self, input2: Any, upper: bool = False) -> Self:
        """The solution of a x = this, given the Cholesky factor of a."""
        return self._of(sv.cholesky_solve(current(self), current(input2), upper))

    def triangular_solve(
        self, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False
    ) -> rs.Triangular:
        """The solution of A x = this, for a triangular A."""
        a = current(A)
        back, half = (ck.transposed(a), not upper) if transpose else (a, upper)
        x = sv.solve_triangular(back, current(self), half, True, unitriangular, "triangular_solve")
        return rs.Triangular(self._of(x), A.clone())

    def lu(self, pivot: bool = True, get_infos: bool = False) -> Any:
        """L and U in one matrix, and the rows exchanged for each column, counted from 1."""
        factors = sv.lu_factors if get_infos else sv.solvable_factors
        return tuple(self._of(node) for node in factors(current(self), "lu"))

    def lu_solve(self, LU_data: Any, LU_pivots: Any) -> Self:
        """The solution of a x = this, from what `lu` gives of a."""
        nodes = current(LU_data), current(LU_pivots), current(self)
        return self._of(sv.lu_solve(*nodes, True, False))


@takes_names
class Factoring(TensorBase):
    """Determinants, orthogonal factors, functions of matrices."""

    def det(self) -> Self:
        """The determinant."""
        return self._of(dt.det(current(self)))

    def logdet(self) -> Self:
        """The logarithm of the determinant: NaN if that is negative."""
        return self._of(dt.logdet(current(self)))

    def slogdet(self) -> rs.SignedLog:
        """The sign of the determinant, and the logarithm of its absolute value."""
        return rs.SignedLog(*map(self._of, dt.slogdet(current(self))))

    def qr(self, some: bool = True) -> rs.QR:
        """Q with orthogonal columns and upper triangular R, this = Q R."""
        mode = "reduced" if some else "complete"
        return rs.QR(*map(self._of, sp.qr(current(self), mode)))

    def svd(self, some: bool = True, compute_uv: bool = True) -> rs.OldSVD:
        """U, S and V with this = U diag(S) V^T."""
        a = current(self)
        u, s, vh = at_once(*sp.svd(a, not some, "svd"))
        if not compute_uv:
            m, n = a.shape[-2:]
            zeros = [mv.expand(fn.const(0.0, a.dtype), (*a.shape[:-2], k, k)) for k in (m, n)]
            return rs.OldSVD(self._of(zeros[0]), self._of(s), self._of(zeros[1]))
        return rs.OldSVD(self._of(u), self._of(s), self._of(ck.transposed(vh)))

    def geqrf(self) -> rs.Householder:
        """R of this = Q R, with Q's vectors below its diagonal, and their factors."""
        return rs.Householder(*map(self._of, hh.geqrf(current(self))))

    def orgqr(self, input2: Any) -> Self:
        """The first columns of the Q that `geqrf` describes."""
        return self._of(hh.product(current(self), tensor_node(input2, "orgqr(): input2")))

    def ormqr(self, input2: Any, input3: Any, left: bool = True, transpose: bool = False) -> Self:
        """The square Q that `geqrf` describes times a matrix, or that times Q."""
        tau, c = tensor_node(input2, "ormqr(): input2"), tensor_node(input3, "ormqr(): input3")
        return self._of(hh.multiplied(current(self), tau, c, left=left, transpose=transpose))

    def matrix_exp(self) -> Self:
        """The exponential of a square matrix."""
        return self._of(fn.matrix_exp(current(self)))

    def matrix_power(self, n: int) -> Self:
        """The product of `n` times this matrix, or of its inverse if n < 0."""
        y = fn.matrix_power(current(self), n)
        return self._of(at_once(y) if n < 0 else y)

    def cross(self, other: Any, dim: int | None = None) -> Self:
        """The cross product along a dimension of size 3, by default the first."""
        return self._of(fn.cross(current(self), current(other), dim, "cross"))

    def norm(
        self, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
    ) -> Self:
        """The p-norm of vectors along `dim`; 'nuc' is the sum of a matrix's singular values."""
        x, kind = current(self), None if dtype is None else as_dtype(dtype)
        dims = dim if dim is None or is_several(dim) else (dim,)
        if isinstance(p, str) and not (p == "fro" and (dims is None or len(dims) <= 2)):
            axes = tuple(range(x.ndim)) if dims is None else tuple(dims)
            return self._of(fn.matrix_norm(x, p, axes, keepdim, kind))
        order = 2.0 if p is None or p == "fro" else float(p)
        return self._of(fn.vector_norm(x, order, dims, keepdim, kind))
