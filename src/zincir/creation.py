"""Tensors made from data, from shapes, and from arithmetic series."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from zincir.calling import takes_out
from zincir.errors import ArgumentError, DTypeError, explain
from zincir.graph.node import user_line
from zincir.half import converted, filled, plain
from zincir.operations.dims import is_several, whole_number
from zincir.operations.numbers import fit
from zincir.recording import CURRENT, note_read
from zincir.shared_value import adopt
from zincir.tensor import Tensor, from_array
from zincir.tensor_types import as_dtype, check_storage
from zincir.types import (
    DEFAULT,
    DType,
    Scalar,
    Shape,
    bool_,
    complex64,
    complex128,
    float32,
    from_numpy_dtype,
    int64,
    promote,
)


def get_default_dtype() -> DType:
    """The type of floating numbers that come without one."""
    return DEFAULT.floating


def set_default_dtype(d: Any) -> None:
    """Say which type floating numbers have that come without one: float32 unless this is called.

    It is the type of new tensors and parameters, of Python's floating numbers beside whole ones,
    and of quotients of these.

    >>> from zincir.types import float32, float64
    >>> set_default_dtype(float64)
    >>> tensor([0.5]).dtype, (tensor([1]) * 0.5).dtype
    (zincir.float64, zincir.float64)
    >>> set_default_dtype(float32)

    Raises:
        DTypeError: it is not a floating type.
    """
    kind = as_dtype(d)
    if kind.category != 2:
        raise DTypeError(
            explain("set_default_dtype: not a floating type", where=user_line(), got=repr(kind))
        )
    DEFAULT.floating = kind


def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A new tensor with a copy of `data`: a number, nested lists, or an array.

    >>> tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    check_storage(device, None, pin_memory)
    if CURRENT.recording is not None and isinstance(data, np.ndarray | Tensor):
        # What it holds may be another value at the next call.
        shared = as_tensor(data).detach().clone()
        shared = shared if dtype is None else shared.to(as_dtype(dtype))
        return shared.requires_grad_() if requires_grad else shared
    return made(_as_array(data, dtype), requires_grad)


def made(array: np.ndarray[Any, Any], requires_grad: bool) -> Tensor:
    """A leaf over the memory of `array`."""
    t = from_array(array)
    return t.requires_grad_() if requires_grad else t


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, sharing memory when it is one or an array already."""
    check_storage(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(as_dtype(dtype))
    if type(data) is np.ndarray:
        shared = from_numpy(cast(Any, data))
        return shared if dtype is None else shared.to(as_dtype(dtype))
    return tensor(data, dtype=dtype)


def asarray(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """`obj` as a tensor: sharing memory unless `copy`, and always if `copy` is False.

    An array without dimensions is a number to PyTorch here, and is copied.
    """
    if type(obj) is np.ndarray and obj.ndim == 0:
        obj = cast(Any, obj)[()]
    t = as_tensor(obj, dtype, device)
    shared = t is obj or (type(obj) is np.ndarray and t.dtype.memory == obj.dtype)
    if copy is False and not shared:
        raise ArgumentError(
            explain(
                "asarray: this cannot be shared without a copy", where=user_line(), try_="copy=None"
            )
        )
    t = t.clone() if copy and shared else t
    return t.detach().requires_grad_() if requires_grad else t


def _as_array(data: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """A fresh array of a supported type."""
    kind, given = None if dtype is None else as_dtype(dtype), data
    if isinstance(data, Tensor):
        data = data._value("tensor(...)")
    data = _as_lists(data)
    typed = isinstance(data, np.ndarray | np.generic)
    array: np.ndarray[Any, Any] = np.array(cast(Any, data)) if typed else _block(data)
    if array.dtype.kind not in "fiubc" and not isinstance(given, Tensor):
        raise DTypeError(
            explain(
                "tensor: cannot make numbers of this",
                where=user_line(),
                got=f"{type(data).__name__} of {array.dtype}",
                expected="numbers, lists of numbers or arrays",
            )
        )
    if typed:
        kind = from_numpy_dtype(array.dtype) if kind is None else kind
    else:
        kind = _common_type(data) if kind is None else kind
        _refuse_overflow(array, kind)
    return array if array.dtype == kind.memory else converted(array, kind)


def _as_lists(data: Any) -> Any:
    """Whatever has elements by number (a deque, a range, a table's column) as lists or an array."""
    if isinstance(data, _KNOWN) or (is_several(data) and set(map(type, data)) <= _PLAIN):
        return data
    if is_several(data):
        return [_as_lists(x) for x in data]
    if hasattr(data, "__array__"):
        return np.asarray(data)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not hasattr(data, "keys"):
        return [_as_lists(x) for x in data]
    return data


_KNOWN: tuple[type[Any], ...] = (Tensor, np.ndarray, np.generic, str, bytes, float, int)


def _block(data: Any) -> np.ndarray[Any, Any]:
    try:
        return np.array(_numbers(data))
    except ValueError as error:
        raise ArgumentError(
            explain(
                "tensor: the lists do not form a block of numbers",
                where=user_line(),
                expected="nested lists of equal lengths",
                got=str(error).splitlines()[0],
            )
        ) from None


def _common_type(data: Any) -> DType:
    """The type that holds all numbers of nested lists, each with the type it has alone."""
    found: DType | None = None
    for kind in _types(data):
        found = kind if found is None else promote(found, kind)
    return DEFAULT.floating if found is None else found


def _types(data: Any) -> set[DType]:
    if not is_several(data):
        return {_type_of(data)} if np.size(data) or isinstance(data, Tensor) else set()
    kinds: set[type] = set(map(type, data))
    if kinds <= _PLAIN:
        return {_type_of(kind()) for kind in kinds}
    return {kind for part in data for kind in _types(part)}


_PLAIN = {bool, int, float, complex}


def _type_of(x: Any) -> DType:
    if isinstance(x, Tensor):
        return x.dtype
    if isinstance(x, np.ndarray | np.generic):
        return as_dtype(cast(Any, x).dtype)
    if isinstance(x, complex):
        return complex64 if DEFAULT.floating is float32 else complex128
    return DEFAULT.floating if isinstance(x, float) else bool_ if isinstance(x, bool) else int64


def _refuse_overflow(array: np.ndarray[Any, Any], kind: DType) -> None:
    """Python's numbers must fit (those of arrays wrap round, as NumPy has it)."""
    if kind.category != 1 or not array.size or array.dtype.kind == "b":
        return
    for value in (array.min().item(), array.max().item()):
        fit(kind, value, "tensor")


def _default_type(array: np.ndarray[Any, Any]) -> DType | None:
    if array.dtype.kind == "f" or not array.size:
        return DEFAULT.floating
    return int64 if array.dtype.kind in "iu" else None


def _numbers(data: Any) -> Any:
    """Lists in which tensors have been replaced by their values."""
    if not is_several(data):
        return data
    if set(map(type, data)) <= _PLAIN:
        return data
    return [_number_of(x) if isinstance(x, Tensor) else _numbers(x) for x in data]


def _number_of(x: Tensor) -> Any:
    if x.numel() != 1:
        raise ArgumentError(
            explain(
                "tensor: only one element tensors can be converted to Python scalars",
                where=user_line(),
                got=str(x.shape),
                try_="zincir.stack(tensors)",
            )
        )
    return plain(x._value("tensor(...)")).reshape(())


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor over the memory of a NumPy array, which both then share."""
    if hasattr(ndarray, "_array"):  # an argument of a compiled function is a tensor already
        return cast(Any, ndarray).detach()
    if not isinstance(ndarray, np.ndarray):
        raise DTypeError(
            explain(
                f"from_numpy: expected a NumPy array, got {type(ndarray).__name__}",
                where=user_line(),
                try_="zincir.tensor(...)",
            )
        )
    as_dtype(ndarray.dtype)
    note_read(ndarray)
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
    shape = tuple(whole_number(n, "a size") for n in sizes)
    if any(n < 0 for n in shape):
        raise ArgumentError(
            explain("a size is negative", where=user_line(), expected="sizes >= 0", got=str(shape))
        )
    return shape


@takes_out
def full(
    size: Any,
    fill_value: Scalar,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor filled with one number."""
    check_storage(device, layout, pin_memory)
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    if dtype is None:
        kind = _default_type(np.asarray(value)) or from_numpy_dtype(np.asarray(value).dtype)
    else:
        kind = as_dtype(dtype)
    sizes = size if is_several(size) else (size,)
    value = fit(kind, value, "full")
    return made(filled(_shape(tuple(sizes)), value, kind), requires_grad)


def _filled(
    value: int,
    sizes: tuple[Any, ...],
    size: Any,
    dtype: Any,
    layout: Any,
    device: Any,
    requires_grad: bool,
    pin_memory: bool,
) -> Tensor:
    check_storage(device, layout, pin_memory)
    kind = DEFAULT.floating if dtype is None else as_dtype(dtype)
    shape = _shape(sizes if size is None else (size,))
    array = filled(shape, value, kind) if value else np.zeros(shape, kind.memory)
    return made(array, requires_grad)


@takes_out
def zeros(
    *sizes: Any, size: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor filled with zeros."""
    return _filled(0, sizes, size, dtype, layout, device, requires_grad, pin_memory)


@takes_out
def ones(
    *sizes: Any, size: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor filled with ones."""
    return _filled(1, sizes, size, dtype, layout, device, requires_grad, pin_memory)


@takes_out
def empty(*sizes: Any, size: Any = None, memory_format: Any = None, **options: Any) -> Tensor:
    """A tensor to be filled; its values are zeros, and nothing should rely on that."""
    check_storage(memory_format=memory_format)
    return zeros(*sizes, size=size, **options)


def _like(input: Tensor, dtype: Any, memory_format: Any) -> DType:
    check_storage(memory_format=memory_format)
    return input.dtype if dtype is None else as_dtype(dtype)


def zeros_like(
    input: Tensor, *, dtype: Any = None, memory_format: Any = None, **options: Any
) -> Tensor:
    """Zeros in the shape and type of another tensor."""
    return zeros(input.shape, dtype=_like(input, dtype, memory_format), **options)


def ones_like(
    input: Tensor, *, dtype: Any = None, memory_format: Any = None, **options: Any
) -> Tensor:
    """Ones in the shape and type of another tensor."""
    return ones(input.shape, dtype=_like(input, dtype, memory_format), **options)


def empty_like(
    input: Tensor, *, dtype: Any = None, memory_format: Any = None, **options: Any
) -> Tensor:
    """A tensor to be filled, in the shape and type of another."""
    return zeros(input.shape, dtype=_like(input, dtype, memory_format), **options)


def full_like(
    input: Tensor,
    fill_value: Scalar,
    *,
    dtype: Any = None,
    memory_format: Any = None,
    **options: Any,
) -> Tensor:
    """One number, in the shape and type of another tensor."""
    kind = _like(input, dtype, memory_format)
    return full(input.shape, fill_value, dtype=kind, **options)


@takes_out
def eye(
    n: int, m: int | None = None, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A matrix with ones on its diagonal."""
    check_storage(device, layout, pin_memory)
    kind = DEFAULT.floating if dtype is None else as_dtype(dtype)
    ones = np.eye(*_shape((n, n if m is None else m)), dtype=bool)
    return made(converted(ones, kind), requires_grad)
