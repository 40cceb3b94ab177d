"""What users say about types, devices and storage: understood, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zincir.device import check_device, no_gpu
from zincir.errors import ArgumentError, DeviceError, DTypeError, explain
from zincir.graph.node import user_line
from zincir.types import (
    DType,
    bfloat16,
    bool_,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    from_numpy_dtype,
    int8,
    int16,
    int32,
    int64,
    uint8,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def as_dtype(kind: Any) -> DType:
    """A dtype of ours from ours, NumPy's or Python's."""
    if isinstance(kind, DType):
        return kind
    python = {float: float64, int: int64, bool: bool_, complex: complex128}.get(kind)
    if python is not None:
        return python
    try:
        if kind is None:  # NumPy's float64, which nobody meant
            raise TypeError
        found = from_numpy_dtype(kind)
        if found is bfloat16:  # NumPy's bytes without a meaning, in which they are stored here
            raise TypeError
        return found
    except DTypeError:
        raise
    except TypeError:
        raise DTypeError(explain(f"{kind!r} is not a data type", where=user_line())) from None


_ORDERS = ("preserve_format", "contiguous_format", "channels_last", "channels_last_3d")
"""The last two say how elements had better lie, which is decided by the compiler here."""


def check_storage(
    device: Any = None, layout: Any = None, pin_memory: bool = False, memory_format: Any = None
) -> None:
    """What PyTorch's functions take besides, where only one answer is possible here.

    Raises:
        ArgumentError: it is another answer.
    """
    check_device(device)
    for name, value, only in (
        ("layout", layout, ("strided",)),
        ("memory_format", memory_format, _ORDERS),
    ):
        if value is not None and str(value).rsplit(".", 1)[-1] not in only:
            raise ArgumentError(
                explain(
                    f"{name}={value!r} is not supported",
                    where=user_line(),
                    expected="elements that lie row by row",
                    try_=f"leave {name} out",
                )
            )
    if pin_memory:
        raise ArgumentError(
            explain(
                "pin_memory: there is no device to pin memory for",
                where=user_line(),
                try_="leave pin_memory out",
            )
        )


_TO = {
    "device": ("device", "dtype", "non_blocking", "copy"),
    "dtype": ("dtype", "non_blocking", "copy"),
    "other": ("other", "non_blocking", "copy"),
}
"""The three ways to call `to`, by what stands first."""


def conversion(args: tuple[Any, ...], options: Mapping[str, Any]) -> tuple[DType | None, bool]:
    """The type that `Tensor.to(*args, **options)` asks for, and whether for a copy.

    Raises:
        TypeError: arguments that `to` does not take.
        ArgumentError: a device that there is not.
    """
    first = args[0] if args else None
    is_dtype = isinstance(first, DType | type | np.dtype)
    way = "other" if hasattr(first, "_node") else "dtype" if is_dtype else "device"
    names = _TO[way]
    given = dict(zip(names, args, strict=False))
    allowed = {*names, "memory_format"} - {"other"}
    if len(args) > len(names) or set(given) & set(options) or set(options) - allowed:
        got = ", ".join([*(type(a).__name__ for a in args), *(f"{k}=..." for k in options)])
        raise TypeError(
            explain(
                "to() received an invalid combination of arguments",
                where=user_line(),
                expected="to(dtype), to(device, dtype) or to(other), non_blocking, copy",
                got=got,
            )
        )
    given |= options
    check_storage(given.get("device"), memory_format=given.get("memory_format"))
    kind = given["other"].dtype if "other" in given else given.get("dtype")
    return None if kind is None else as_dtype(kind), bool(given.get("copy", False))


_NAMES = {
    float16: "HalfTensor",
    bfloat16: "BFloat16Tensor",
    complex64: "ComplexFloatTensor",
    complex128: "ComplexDoubleTensor",
    bool_: "BoolTensor",
    uint8: "ByteTensor",
    int8: "CharTensor",
    int16: "ShortTensor",
    int32: "IntTensor",
    int64: "LongTensor",
    float32: "FloatTensor",
    float64: "DoubleTensor",
}


def type_name(dtype: DType) -> str:
    """PyTorch's old name for a tensor of some type, as `Tensor.type()` gives it."""
    return f"torch.{_NAMES[dtype]}"


def named_type(kind: Any) -> DType:
    """The dtype behind a name as `type_name` gives it, or behind any other."""
    if getattr(kind, "gpu", False) or (isinstance(kind, str) and kind.startswith("torch.cuda.")):
        raise DeviceError(no_gpu(f"type({getattr(kind, '__name__', kind)}): there is no GPU"))
    of = getattr(kind, "dtype", None)
    if isinstance(of, DType):  # of a typed tensor
        return of
    if isinstance(kind, str):
        for dtype, name in _NAMES.items():
            if kind.rsplit(".", 1)[-1] == name:
                return dtype
    return as_dtype(kind)
