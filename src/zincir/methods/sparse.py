"""Sparse tensors: where their values are, which they are, and the methods that know of both.

A sparse tensor is a tensor whose value is an expression of indices and values: zeros with the
values added at their places. Products use the indices and values themselves; every other operation
takes the expression, and its result is an ordinary tensor with the right numbers.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.tensor_base import TensorBase
from zincir.types import Shape


class Coo:
    """The coordinates and values of a sparse tensor.

    Args:
        indices: int64 (sparse dimensions, count): where each value is.
        values: (count, *dense dimensions).
        shape: of the whole.
        coalesced: whether no place comes twice, and places are in order.
    """

    def __init__(self, indices: Any, values: Any, shape: Shape, coalesced: bool) -> None:
        self.indices = indices
        self.values = values
        self.shape = shape
        self.coalesced = coalesced

    def tensor(self) -> Any:
        """The sparse tensor. Its dense value is not computed before somebody asks for it."""
        values = self.values
        at = tuple(self.indices.unbind(0))
        dense = values.new_zeros(self.shape)
        dense = dense.index_put(at, values, accumulate=True) if at else dense + values.sum(0)
        new = object.__new__(cast("type[Any]", type(dense)))
        new._held = dense._held
        new._holds_node()
        new._coo = self
        return new

    def with_values(self, values: Any) -> Any:
        """A sparse tensor with other values at the same places."""
        return Coo(self.indices, values, self.shape, self.coalesced).tensor()

    def detached(self) -> Any:
        """The same places and values, without gradients."""
        return self.with_values(self.values.detach())

    def product(self, other: Any) -> Any:
        """The product of this matrix and a dense matrix or vector.

        Row i is the sum of values[k] * other[column k] over all k in row i.
        """
        if len(self.shape) != 2 or other.ndim not in (1, 2) or self.shape[1] != other.shape[0]:
            raise ShapeError(
                explain(
                    "the product of a sparse matrix: shapes do not fit",
                    where=user_line(),
                    expected="(n, m) with (m, p) or (m,)",
                    got=f"{self.shape} with {tuple(other.shape)}",
                )
            )
        if self.values.dtype is not other.dtype:
            raise ArgumentError(
                explain(
                    "the product of a sparse matrix: types differ",
                    where=user_line(),
                    expected=self.values.dtype.name,
                    got=other.dtype.name,
                )
            )
        row, column = self.indices
        values = self.values if other.ndim == 1 else self.values.unsqueeze(1)
        parts = values * other.index_select(0, column)
        zeros = parts.new_zeros((self.shape[0], *other.shape[1:]))
        return zeros.index_add(0, row, parts)

    def transposed(self) -> Any:
        """The transpose of a matrix."""
        return Coo(self.indices.flip(0), self.values, self.shape[::-1], False).tensor()

    def gathered(self) -> Any:
        """The same tensor with values at the same place added up, and places in order."""
        sizes = self.shape[: len(self.indices)]
        at: Any = np.asarray(self.indices.numpy())
        flat: Any = np.ravel_multi_index(tuple(at), sizes)
        places, number = np.unique(flat, return_inverse=True)
        values = self.values
        total = values.new_zeros((len(places), *values.shape[1:]))
        total = total.index_add(0, self.indices.new_tensor(number), values)
        where = self.indices.new_tensor(np.stack(np.unravel_index(places, sizes)))
        return Coo(where, total, self.shape, True).tensor()

    def text(self) -> str:
        """How it looks when printed."""
        parts = [("indices", repr(self.indices)), ("values", repr(self.values.detach()))]
        shown = [
            f"{name}={value}".replace("\n", "\n" + " " * (8 + len(name))) for name, value in parts
        ]
        end = f"size={tuple(self.shape)}, nnz={len(self.values)}, layout=torch.sparse_coo"
        grad = ", requires_grad=True" if self.values.requires_grad else ""
        return "tensor(" + ",\n       ".join([*shown, end]) + grad + ")"


class Sparse(TensorBase):
    """Methods of sparse tensors, and of others that become sparse."""

    @property
    def is_sparse(self) -> bool:
        return self._coo is not None

    def _sparse(self, what: str) -> Coo:
        if self._coo is None:
            raise ArgumentError(
                explain(
                    f"{what}(): the tensor is not sparse", where=user_line(), try_="to_sparse()"
                )
            )
        return self._coo

    def _one_by_place(self, what: str) -> Coo:
        coo = self._sparse(what)
        if not coo.coalesced:
            raise ArgumentError(
                explain(
                    f"{what}(): a place may have several values",
                    where=user_line(),
                    try_=f"coalesce().{what}(), or _{what}()",
                )
            )
        return coo

    def indices(self) -> Any:
        """Where the values of a coalesced sparse tensor are: (sparse dimensions, count)."""
        return self._one_by_place("indices").indices.clone()

    def values(self) -> Any:
        """The values of a coalesced sparse tensor, as a copy."""
        return self._one_by_place("values").values.clone()

    def _indices(self) -> Any:
        return self._sparse("_indices").indices.clone()

    def _values(self) -> Any:
        return self._sparse("_values").values.clone()

    def _nnz(self) -> int:
        return len(self._sparse("_nnz").values)

    def sparse_dim(self) -> int:
        """How many dimensions the indices name; 0 for a tensor that is not sparse."""
        return 0 if self._coo is None else len(self._coo.indices)

    def dense_dim(self) -> int:
        """How many dimensions each value has by itself."""
        return len(self.shape) if self._coo is None else self._coo.values.ndim - 1

    def is_coalesced(self) -> bool:
        """Whether no place comes twice, and places are in order."""
        return self._sparse("is_coalesced").coalesced

    def coalesce(self) -> Any:
        """The same sparse tensor with values at the same place added up, and places in order."""
        coo = self._sparse("coalesce")
        return self if coo.coalesced else coo.gathered()

    def to_dense(self: Any, dtype: Any = None, *, masked_grad: bool | None = None) -> Any:
        """An ordinary tensor with the same numbers."""
        kind = cast("type[TensorBase]", type(self))
        dense: Any = self if self._coo is None else kind._of(self._node)
        return dense if dtype is None else dense.to(dtype)

    def to_sparse(self: Any, sparse_dim: int | None = None, *, layout: Any = None) -> Any:
        """A sparse tensor with the same numbers: of those that are not 0."""
        if self._coo is not None:
            return self
        named = getattr(layout, "name", "sparse_coo")
        if named != "sparse_coo" or (sparse_dim is not None and not 0 < sparse_dim <= self.ndim):
            raise ArgumentError(
                explain(
                    "to_sparse: cannot be done",
                    where=user_line(),
                    expected=f"1 to {self.ndim} sparse dimensions, layout sparse_coo",
                    got=f"sparse_dim={sparse_dim}, layout={layout}",
                )
            )
        count = self.ndim if sparse_dim is None else sparse_dim
        found = self.detach() != 0
        if count < self.ndim:
            found = found.flatten(count).any(-1)
        at = found.nonzero().t()
        return Coo(at, self[tuple(at.unbind(0))], tuple(self.shape), True).tensor()

    def to_sparse_coo(self: Any) -> Any:
        """The same as `to_sparse()`."""
        return self.to_sparse()
