"""Methods that multiply matrices and vectors."""

from __future__ import annotations

from typing import Any, Self

from zincir.calling import takes_names
from zincir.convert import Operand, as_node, beside, tensor_node
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.lower_precision import lowered
from zincir.operations import products
from zincir.recording import CURRENT
from zincir.shared_value import array_of, current
from zincir.tensor_base import TensorBase
from zincir.types import bool_


@takes_names
class MatrixProducts(TensorBase):
    """Products of matrices and vectors, and of batches of them."""

    def __matmul__(self, other: Operand) -> Self:
        if self._coo is not None:
            return self._coo.product(other)
        x, y = beside(self, other)
        return self._of(products.matmul(x, as_node(y, x)))

    def __rmatmul__(self, other: Operand) -> Self:
        x, y = beside(self, other)
        return self._of(products.matmul(as_node(y, x), x))

    matmul = __matmul__

    def mm(self, mat2: Any) -> Self:
        """The product of two matrices."""
        if self._coo is not None:
            return self._coo.product(mat2)
        return self._of(products.exactly(current(self), current(mat2), "mm", 2))

    def bmm(self, mat2: Any) -> Self:
        """The products of two batches of matrices."""
        return self._of(products.exactly(current(self), current(mat2), "bmm", 3))

    def mv(self, vec: Any) -> Self:
        """The product of a matrix and a vector."""
        if self._coo is not None:
            return self._coo.product(vec)
        return self._of(products.mv(current(self), current(vec)))

    def dot(self, tensor: Any) -> Self:
        """The inner product of two vectors."""
        return self._of(products.dot(current(self), current(tensor)))

    def outer(self, vec2: Any) -> Self:
        """All products of an element of one vector and one of another."""
        return self._of(products.outer(current(self), current(vec2)))

    ger = outer

    def addmm(self, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Self:
        """Beta * this + alpha * (mat1 @ mat2)."""
        if mat1._coo is not None:
            return self._of(products.added(current(self), current(mat1.mm(mat2)), beta, alpha))
        y = products.exactly(current(mat1), current(mat2), "addmm", 2)
        return self._of(products.added(current(self), y, beta, alpha))

    def baddbmm(self, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Self:
        """Beta * this + alpha * (batch1 @ batch2), for batches of matrices."""
        y = products.exactly(current(batch1), current(batch2), "baddbmm", 3)
        return self._of(products.added(current(self), y, beta, alpha))


@takes_names
class Products(TensorBase):
    """Products added to something, and of vectors."""

    def addmv(self, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1) -> Self:
        """Beta * this + alpha * (mat @ vec)."""
        y = products.mv(current(mat), current(vec))
        return self._of(products.added(current(self), y, beta, alpha))

    def addr(self, vec1: Any, vec2: Any, *, beta: float = 1, alpha: float = 1) -> Self:
        """Beta * this + alpha * (the outer product of two vectors)."""
        y = products.outer(current(vec1), current(vec2))
        if y.dtype is bool_:
            beta, alpha = bool(beta), bool(alpha)
        return self._of(products.added(current(self), y, beta, alpha))

    def addbmm(self, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Self:
        """Beta * this + alpha * (the sum of the products of two batches of matrices)."""
        y = products.summed_batch(current(batch1), current(batch2))
        return self._of(products.added(current(self), y, beta, alpha))

    def vdot(self, other: Any) -> Self:
        """The inner product of two vectors."""
        return self._of(products.dot(current(self), tensor_node(other, "vdot(): other")))

    def inner(self, other: Any) -> Self:
        """Inner products along the last dimensions of both."""
        y = tensor_node(other, "inner(): other")
        if self.ndim and y.ndim and (self.ndim > 1 or y.ndim > 1):
            return self._of(products.inner(*map(current, lowered(self, other))))
        return self._of(products.inner(current(self), y))

    def kron(self, other: Any) -> Self:
        """Blocks of the other, one for each element of this, times that."""
        return self._of(products.kron(current(self), tensor_node(other, "kron(): other")))

    def cov(self, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Self:
        """The covariances of rows, columns being observations, which may have weights."""
        if CURRENT.recording is None:
            for name, w in (("fweights", fweights), ("aweights", aweights)):
                if w is not None and (array_of(w, "cov()") < 0).any():
                    raise ArgumentError(
                        explain(f"cov: {name} cannot be negative", where=user_line())
                    )
        weights = [None if w is None else current(w) for w in (fweights, aweights)]
        return self._of(products.cov(current(self), correction, *weights))

    def corrcoef(self) -> Self:
        """The correlation coefficients of rows."""
        return self._of(products.corrcoef(current(self)))
