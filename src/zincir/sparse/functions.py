"""Functions that make sparse tensors, and that compute with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.creation import as_tensor, zeros
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.methods.sparse import Coo
from zincir.tensor import Tensor
from zincir.tensor_types import check_storage
from zincir.types import DType, int64


def sparse_coo_tensor(
    indices: Any,
    values: Any = None,
    size: Any = None,
    *,
    dtype: DType | None = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> Tensor:
    """A sparse tensor: `values[k]` at the place `indices[:, k]`, and 0 elsewhere.

    Products with dense matrices and vectors use indices and values alone. Every other operation
    computes the dense tensor first, and its result is dense. Gradients arrive at `values`, if these
    require one. A sparse tensor cannot be changed in place.

    Args:
        indices: (sparse dimensions, count), integers. A size alone: a tensor without values.
        values: (count, *dense dimensions); those at the same place add up.
        size: of the whole; the smallest that fits, if left out.

    Example:
        >>> import zincir
        >>> s = sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
        >>> s @ zincir.ones(3), s.to_dense().tolist()
        (tensor([3., 4.]), [[0.0, 0.0, 3.0], [4.0, 0.0, 0.0]])

    Raises:
        ShapeError: indices and values, or the size, do not fit.
        ArgumentError: an index is out of range, or a gradient is asked for of the whole.
    """
    check_storage(device)
    if values is None:
        size, indices = indices, zeros(len(indices), 0, dtype=int64)
        values = zeros(0, dtype=dtype)
    at, held = as_tensor(indices), as_tensor(values, dtype=dtype)
    if at.ndim == 1:
        at = at.unsqueeze(0)
    if requires_grad:
        raise ArgumentError(
            explain(
                "sparse_coo_tensor: gradients of a sparse tensor are those of its values",
                where=user_line(),
                try_="values.requires_grad_(), and requires_grad left out",
            )
        )
    if at.ndim != 2 or held.ndim < 1 or at.shape[1] != held.shape[0]:
        raise _misfit(at, held, size)
    at = at.detach().to(int64).clone()
    numbers: np.ndarray[Any, Any] = at.numpy()
    shape = _shape(numbers, held, size)
    if len(shape) != at.shape[0] + held.ndim - 1 or shape[at.shape[0] :] != tuple(held.shape[1:]):
        raise _misfit(at, held, size)
    limits = np.array(shape[: at.shape[0]]).reshape(-1, 1)
    if numbers.size and (numbers.min() < 0 or (numbers >= limits).any()):
        raise ArgumentError(
            explain(
                "sparse_coo_tensor: an index is out of range",
                where=user_line(),
                expected=f"from 0 to below {shape[: at.shape[0]]}",
                got=f"{numbers.min(1).tolist()} to {numbers.max(1).tolist()}",
            )
        )
    return Coo(at, held, shape, bool(is_coalesced)).tensor()


def _shape(numbers: np.ndarray[Any, Any], values: Tensor, size: Any) -> tuple[int, ...]:
    if size is not None:
        return tuple(int(n) for n in size)
    most = numbers.max(1, initial=-1) + 1
    return (*(int(n) for n in most), *values.shape[1:])


def _misfit(indices: Tensor, values: Tensor, size: Any) -> ShapeError:
    return ShapeError(
        explain(
            "sparse_coo_tensor: shapes do not fit",
            where=user_line(),
            expected="indices (n, count), values (count, ...), a size (n numbers, ...)",
            got=f"indices {tuple(indices.shape)}, values {tuple(values.shape)}, size {size}",
        )
    )


def mm(mat1: Tensor, mat2: Tensor, reduce: str = "sum") -> Tensor:
    """The product of a sparse and a dense matrix.

    >>> import zincir
    >>> mm(zincir.eye(2).to_sparse(), zincir.ones(2, 1)).tolist()
    [[1.0], [1.0]]
    """
    if reduce != "sum":
        raise ArgumentError(
            explain("sparse.mm: reduce", where=user_line(), expected="'sum'", got=repr(reduce))
        )
    return mat1.mm(mat2)


def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Beta * mat + alpha * (mat1 @ mat2), where `mat1` is sparse.

    >>> import zincir
    >>> addmm(zincir.ones(1, 1), zincir.ones(1, 1).to_sparse(), zincir.ones(1, 1)).item()
    2.0
    """
    return mat.addmm(mat1, mat2, beta=beta, alpha=alpha)


def sum(input: Tensor, dim: Any = None, dtype: DType | None = None) -> Tensor:
    """The sum of a sparse tensor: of all, a number; along sparse dimensions, a sparse tensor.

    >>> import zincir
    >>> sum(zincir.tensor([[1.0, 2.0], [0.0, 3.0]]).to_sparse(), 1).to_dense()
    tensor([3., 3.])
    """
    coo = input._sparse("sparse.sum")
    values = coo.values if dtype is None else coo.values.to(dtype)
    if dim is None:
        return values.sum()
    named = {dim % input.ndim} if isinstance(dim, int) else {d % input.ndim for d in dim}
    sparse = coo.indices.shape[0]
    along = sorted(d - sparse + 1 for d in named if d >= sparse)
    kept = [d for d in range(sparse) if d not in named]
    if along:
        values = values.sum(tuple(along))
    if not kept:
        return values.sum(0)
    shape = tuple(n for d, n in enumerate(input.shape) if d not in named)
    total: Tensor = Coo(coo.indices[kept], values, shape, False).gathered()
    return total


def softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """Softmax along a dimension of a sparse matrix, over what it holds: the rest stays 0.

    >>> import zincir
    >>> softmax(zincir.tensor([[1.0, 1.0], [0.0, 3.0]]).to_sparse(), 1).to_dense().tolist()
    [[0.5, 0.5], [0.0, 1.0]]

    Raises:
        ShapeError: it is no matrix.
    """
    coo = input.coalesce()._sparse("sparse.softmax")
    if coo.indices.shape[0] != 2 or coo.values.ndim != 1:
        raise ShapeError(
            explain("sparse.softmax: no matrix", where=user_line(), got=str(tuple(input.shape)))
        )
    values = coo.values if dtype is None else coo.values.to(dtype)
    line = coo.indices[1 - dim % 2]
    empty = values.new_zeros(input.shape[1 - dim % 2])
    most = empty.scatter_reduce(0, line, values.detach(), "amax", include_self=False)
    raised = (values - most.index_select(0, line)).exp()
    total = empty.index_add(0, line, raised).index_select(0, line)
    made: Tensor = coo.with_values(raised / total)
    return made
