"""Tensors made from data, from shapes, and from nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.errors import DTypeError, explain
from zincir.graph.node import describe, here
from zincir.tensor import Tensor, from_array
from zincir.types import DType, Scalar, float32, from_numpy_dtype, int64

_default = float32


def tensor(data: Any, *, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of `data`: a number, nested lists, or an array.

    >>> tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    array = as_array(data, dtype)
    t = from_array(array)
    return t.requires_grad_() if requires_grad else t


def as_array(data: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    """A fresh array of a supported type."""
    if isinstance(data, Tensor):
        data = data._value("tensor()")
    known = isinstance(data, (np.ndarray, np.generic))
    array = np.array(data)
    if dtype is None and not known:
        kind = array.dtype.kind
        dtype = _default if kind == "f" or not array.size else int64 if kind in "iu" else None
    if dtype is None:
        dtype = from_numpy_dtype(array.dtype)
    return array.astype(dtype.numpy, copy=False)


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor over the memory of a NumPy array."""
    if not isinstance(ndarray, np.ndarray):
        raise DTypeError(
            explain(
                f"from_numpy: needs a NumPy array, got {type(ndarray).__name__}",
                where=describe(here()),
                try_="zincir.tensor(...)",
            )
        )
    return from_array(ndarray)


def shape_of(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given as numbers or as one sequence."""
    if len(sizes) == 1 and not isinstance(sizes[0], int):
        sizes = tuple(sizes[0])
    return tuple(int(n) for n in sizes)


def full(
    size: Any, fill_value: Scalar, *, dtype: DType | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor filled with one number."""
    return tensor(np.full(shape_of((size,)), fill_value), dtype=dtype or type_of(fill_value),
        requires_grad=requires_grad)  # fmt: skip


def type_of(value: Scalar) -> DType:
    return _default if isinstance(value, float) else from_numpy_dtype(np.asarray(value).dtype)


def zeros(*size: Any, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor filled with zeros."""
    return full(shape_of(size), 0.0, dtype=dtype, requires_grad=requires_grad)


def ones(*size: Any, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor filled with ones."""
    return full(shape_of(size), 1.0, dtype=dtype, requires_grad=requires_grad)


def empty(*size: Any, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor whose values are not defined (they are zero)."""
    return zeros(*size, dtype=dtype, requires_grad=requires_grad)


def zeros_like(input: Tensor, *, dtype: DType | None = None) -> Tensor:
    """Zeros in the shape of another tensor."""
    return zeros(input.shape, dtype=dtype or input.dtype)


def ones_like(input: Tensor, *, dtype: DType | None = None) -> Tensor:
    """Ones in the shape of another tensor."""
    return ones(input.shape, dtype=dtype or input.dtype)


def arange(start: Scalar, end: Scalar | None = None, step: Scalar = 1, *, dtype: DType | None = None) -> Tensor:
    """Numbers from `start` up to, without, `end`."""
    if end is None:
        start, end = 0, start
    return tensor(np.arange(start, end, step).tolist() if dtype is None else np.arange(start, end, step), dtype=dtype)
