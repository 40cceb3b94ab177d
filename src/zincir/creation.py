"""Tensors made from data, from shapes, and from arithmetic series."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from zincir.errors import ArgumentError, DTypeError, explain
from zincir.ops.dims import is_several, place
from zincir.storage import adopt
from zincir.tensor import Tensor, as_dtype, from_array
from zincir.types import DType, Scalar, Shape, float32, float64, from_numpy_dtype, int64

_FLOAT = float32
"""The type of floating numbers that come without one."""


def get_default_dtype() -> DType:
    """The type of floating numbers that come without one."""
    return _FLOAT


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A new tensor with a copy of `data`: a number, nested lists, or an array.

    >>> tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    t = from_array(_as_array(data, dtype))
    return t.requires_grad_() if requires_grad else t


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, sharing memory when it is one or an array already."""
    if isinstance(data, Tensor):
        return data.to(dtype)
    if type(data) is np.ndarray:
        return from_numpy(cast(Any, data)).to(dtype)
    return tensor(data, dtype=dtype)


asarray = as_tensor


def _as_array(data: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """A fresh array of a supported type."""
    kind = None if dtype is None else as_dtype(dtype)
    if isinstance(data, Tensor):
        data = data._value("tensor(...)")
    typed = isinstance(data, np.ndarray | np.generic)
    try:
        array = np.array(_numbers(data))
    except ValueError as error:
        raise ArgumentError(
            explain(
                "tensor: the lists do not form a block of numbers",
                where=place(),
                expected="nested lists of equal lengths",
                got=str(error).splitlines()[0],
            )
        ) from None
    if array.dtype.kind not in "fiub":
        raise DTypeError(
            explain(
                "tensor: cannot make numbers of this",
                where=place(),
                got=f"{type(data).__name__} of {array.dtype}",
                expected="numbers, lists of numbers or arrays",
            )
        )
    if kind is None and not typed:
        kind = _default_type(array)
    if kind is None:
        kind = as_dtype(array.dtype)
    return np.asarray(array.astype(kind.numpy, copy=False))


def _default_type(array: np.ndarray[Any, Any]) -> DType | None:
    if array.dtype.kind == "f" or not array.size:
        return _FLOAT
    return int64 if array.dtype.kind in "iu" else None


def _numbers(data: Any) -> Any:
    """Lists in which tensors have been replaced by their values."""
    if is_several(data):
        return [_numbers(x) for x in data]
    return data._value("tensor(...)") if isinstance(data, Tensor) else data


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor over the memory of a NumPy array, which both then share."""
    if not isinstance(ndarray, np.ndarray):
        raise DTypeError(
            explain(
                f"from_numpy: expected a NumPy array, got {type(ndarray).__name__}",
                where=place(),
                try_="zincir.tensor(...)",
            )
        )
    as_dtype(ndarray.dtype)
    if not ndarray.flags.aligned or not ndarray.dtype.isnative or _fractional(ndarray):
        return from_array(np.array(ndarray, ndarray.dtype.newbyteorder("=")))
    t = from_array(ndarray)
    adopt(t, ndarray)
    return t


def _fractional(array: np.ndarray[Any, Any]) -> bool:
    """Whether a stride is no whole number of elements (a field of a record)."""
    return any(s % array.itemsize for s in array.strides)


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor over the memory of another library's tensor."""
    if isinstance(ext_tensor, Tensor):
        return ext_tensor.detach()
    return from_numpy(np.from_dlpack(ext_tensor))


def _shape(sizes: tuple[Any, ...]) -> Shape:
    if len(sizes) == 1 and is_several(sizes[0]):
        sizes = tuple(sizes[0])
    shape = tuple(int(n) for n in sizes)
    if any(n < 0 for n in shape):
        raise ArgumentError(
            explain("a size is negative", where=place(), expected="sizes >= 0", got=str(shape))
        )
    return shape


def full(
    size: Any,
    fill_value: Scalar,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor filled with one number."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    if dtype is None:
        kind = _default_type(np.asarray(value)) or from_numpy_dtype(np.asarray(value).dtype)
    else:
        kind = as_dtype(dtype)
    sizes = size if is_several(size) else (size,)
    return from_array(np.full(_shape(tuple(sizes)), value, kind.numpy), requires_grad)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor filled with zeros."""
    kind = _FLOAT if dtype is None else as_dtype(dtype)
    return from_array(np.zeros(_shape(size), kind.numpy), requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor filled with ones."""
    kind = _FLOAT if dtype is None else as_dtype(dtype)
    return from_array(np.ones(_shape(size), kind.numpy), requires_grad)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor to be filled; its values are zeros, and nothing should rely on that."""
    return zeros(*size, dtype=dtype, requires_grad=requires_grad)


def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros in the shape and type of another tensor."""
    return zeros(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def ones_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones in the shape and type of another tensor."""
    return ones(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor to be filled, in the shape and type of another."""
    return zeros_like(input, dtype=dtype, requires_grad=requires_grad)


def full_like(
    input: Tensor,
    fill_value: Scalar,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """One number, in the shape and type of another tensor."""
    return full(input.shape, fill_value, dtype=dtype or input.dtype, requires_grad=requires_grad)


def _number(x: Any) -> Any:
    return x.item() if isinstance(x, Tensor) or hasattr(x, "item") else x


def arange(
    start: Scalar,
    end: Scalar | None = None,
    step: Scalar = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from `start` up to, and without, `end`.

    >>> arange(3)
    tensor([0, 1, 2])
    """
    first, last, by = _number(start), _number(end), _number(step)
    if last is None:
        first, last = 0, first
    if by == 0 or (last - first) * by < 0:
        raise ArgumentError(
            explain(
                "arange: the steps do not lead from start to end",
                where=place(),
                got=f"start={first}, end={last}, step={by}",
            )
        )
    floats = any(isinstance(v, float) for v in (first, last, by))
    kind = as_dtype(dtype) if dtype is not None else _FLOAT if floats else int64
    count = int(np.ceil((last - first) / by))
    series = first + np.arange(count) * by
    return from_array(np.asarray(series).astype(kind.numpy), requires_grad)


def linspace(
    start: Scalar,
    end: Scalar,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers at equal distances, from `start` to `end`, both included."""
    kind = _FLOAT if dtype is None else as_dtype(dtype)
    series = np.linspace(_number(start), _number(end), steps, dtype=float64.numpy)
    return from_array(series.astype(kind.numpy), requires_grad)


def logspace(
    start: Scalar, end: Scalar, steps: int, base: float = 10.0, *, dtype: Any = None
) -> Tensor:
    """Powers of `base` with exponents at equal distances."""
    kind = _FLOAT if dtype is None else as_dtype(dtype)
    exponents = linspace(start, end, steps, dtype=float64)
    return (base**exponents).to(kind)


def eye(
    n: int, m: int | None = None, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A matrix with ones on its diagonal."""
    kind = _FLOAT if dtype is None else as_dtype(dtype)
    return from_array(np.eye(n, m, dtype=kind.numpy), requires_grad)
