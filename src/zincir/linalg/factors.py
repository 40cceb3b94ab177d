"""Determinants, orthogonal factors, eigenvalues."""

from __future__ import annotations

from zincir.calling import takes_out
from zincir.graph.at_once import at_once
from zincir.lower_precision import full
from zincir.methods import results as rs
from zincir.operations.matrices import eigen, spectral as sp
from zincir.tensor import Tensor, wrap


@takes_out
def det(A: Tensor) -> Tensor:
    """The determinant of a square matrix, or of each of a batch.

    >>> from zincir.creation import tensor
    >>> det(tensor([[2.0, 0.0], [0.0, 4.0]])).item()
    8.0
    """
    return A.det()


@takes_out
def slogdet(A: Tensor) -> rs.SignedLog:
    """The sign of the determinant, and the logarithm of its absolute value, which may be huge.

    >>> from zincir.creation import eye
    >>> [x.item() for x in slogdet(-eye(3))]
    [-1.0, 0.0]
    """
    return A.slogdet()


@full
@takes_out
def qr(A: Tensor, mode: str = "reduced") -> rs.QR:
    """Q with orthogonal columns and upper triangular R, A = Q R.

    Args:
        mode: 'reduced'; 'complete', for a square Q; 'r', for R alone.

    >>> from zincir.creation import eye
    >>> qr(eye(2)).R.abs().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return rs.QR(*map(wrap, sp.qr(A._node, mode)))


@full
@takes_out
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> rs.SVD:
    """U, S and V^T with A = U diag(S) V^T: orthogonal columns, and singular values, falling.

    >>> from zincir.creation import tensor
    >>> svd(tensor([[0.0, 2.0], [3.0, 0.0]])).S.tolist()
    [3.0, 2.0]
    """
    return rs.SVD(*map(wrap, at_once(*sp.svd(A._node, full_matrices))))


@full
@takes_out
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values, the largest first.

    >>> from zincir.creation import tensor
    >>> svdvals(tensor([[0.0, 2.0], [3.0, 0.0]])).tolist()
    [3.0, 2.0]
    """
    return wrap(at_once(sp.singular_values(A._node)))


@full
@takes_out
def eigh(A: Tensor, UPLO: str = "L") -> rs.Eigh:
    """Eigenvalues, rising, and eigenvectors of a symmetric matrix, of which one half is read.

    >>> from zincir.creation import tensor
    >>> eigh(tensor([[3.0, 0.0], [0.0, 1.0]])).eigenvalues.tolist()
    [1.0, 3.0]
    """
    return rs.Eigh(*map(wrap, at_once(*sp.eigh(A._node, UPLO))))


@full
@takes_out
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of a symmetric matrix, rising.

    >>> from zincir.creation import tensor
    >>> eigvalsh(tensor([[3.0, 0.0], [0.0, 1.0]])).tolist()
    [1.0, 3.0]
    """
    return wrap(at_once(sp.eigh(A._node, UPLO, "linalg.eigvalsh")[0]))


@full
@takes_out
def eig(A: Tensor) -> rs.Eigh:
    """Eigenvalues and eigenvectors of a square matrix: complex numbers, in no particular order.

    A V = V diag(L), with columns of length 1 in V, whose phases are free.

    >>> from zincir.creation import tensor
    >>> eig(tensor([[0.0, -1.0], [1.0, 0.0]])).eigenvalues.imag.abs().tolist()
    [1.0, 1.0]
    """
    return rs.Eigh(*map(wrap, at_once(*eigen.eig(A._node, "linalg.eig"))))


@full
@takes_out
def eigvals(A: Tensor) -> Tensor:
    """The eigenvalues of a square matrix: complex numbers, in no particular order.

    >>> from zincir.creation import eye
    >>> eigvals(eye(2)).tolist()
    [(1+0j), (1+0j)]
    """
    return wrap(at_once(eigen.eig(A._node, "linalg.eigvals")[0]))
