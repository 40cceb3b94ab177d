"""Orthogonal factors as LAPACK keeps them, and approximate ones of low rank."""

from __future__ import annotations

from zincir.calling import takes_out
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.linalg.factors import qr, svd
from zincir.lower_precision import full
from zincir.methods import results as rs
from zincir.operations.matrices import householder as hh
from zincir.tensor import Tensor, wrap


@full
@takes_out
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of H[1] ... H[k], where H[i] = 1 - tau[i] v[i] v[i]^T.

    Column i of `A` holds v[i] below its diagonal; above are zeros, on it a one.

    Shape: (*, m, n), m >= n, and (*, k), k <= n -> (*, m, n).

    >>> import zincir
    >>> householder_product(zincir.zeros(2, 1), zincir.tensor([2.0])).tolist()
    [[-1.0], [0.0]]
    """
    return wrap(hh.product(A._node, tau._node))


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> rs.OldSVD:
    """U, S and V with U diag(S) V^T near A, or near A - M: for matrices of a low rank.

    The space of the largest singular vectors is sought from random ones
    (https://arxiv.org/abs/0909.4061, algorithms 4.4 and 5.1).

    Args:
        q: how many singular values are found.
        niter: how many times the space is multiplied by A^T and A.

    >>> import zincir
    >>> svd_lowrank(zincir.ones(3, 4), q=1).S.shape
    (1,)
    """
    x = A if M is None else A - M.broadcast_to(A.shape)
    wide = x.shape[-2] < x.shape[-1]
    x = x.mT if wide else x
    basis = qr(x @ x.new_empty(x.shape[-1], 6 if q is None else q).normal_()).Q
    for _ in range(2 if niter is None else niter):
        basis = qr(x @ qr(x.mT @ basis).Q).Q
    inner = svd(basis.mT @ x, full_matrices=False)
    left, right = basis @ inner.U, inner.Vh.mT
    return rs.OldSVD(right, inner.S, left) if wide else rs.OldSVD(left, inner.S, right)


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> rs.OldSVD:
    """Principal components: `svd_lowrank` of A without the means of its columns.

    The columns of V are the directions, S^2 / (m - 1) the variances along them.

    Args:
        q: how many are found, by default min(6, m, n).
        center: whether the means are taken off.

    >>> import zincir
    >>> pca_lowrank(zincir.randn(10, 3), q=2).V.shape
    (3, 2)
    """
    most = min(A.shape[-2:])
    q = min(6, most) if q is None else q
    if not 0 <= q <= most:
        raise ArgumentError(
            explain(
                f"q(={q}) must be non-negative integer and not greater than min(m, n)={most}",
                where=user_line(),
            )
        )
    if niter < 0:
        raise ArgumentError(
            explain(f"niter(={niter}) must be non-negative integer", where=user_line())
        )
    return svd_lowrank(A - A.mean(-2, True) if center else A, q, niter)
