"""Numbers of two bytes as NumPy arrays.

NumPy has no bfloat16: its arrays have elements of two bytes without a meaning, with which NumPy
moves everything and computes nothing. So whoever forgets to convert them gets an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.types import DType, Shape, bfloat16, float32

_HALF, _QUIET = np.uint32(16), np.uint32(1 << 22)


def upper(x: Any) -> Any:
    """Bits of the float32 next to `x` whose lower half is 0; halves go to even, NaN stays NaN."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    # Half of the last place that stays, less one if that place is even.
    up = bits + np.uint32(0x7FFF) + (bits >> _HALF & np.uint32(1))
    return np.where(np.isnan(x), bits | _QUIET, up) & np.uint32(0xFFFF0000)


def plain(array: Any) -> Any:
    """An array that NumPy computes with: of bfloat16, the same numbers in float32."""
    if array.dtype != bfloat16.memory:
        return array
    bits = np.ascontiguousarray(array).view(np.uint16).astype(np.uint32) << _HALF
    return bits.view(np.float32).reshape(array.shape)


def converted(array: Any, dtype: DType) -> Any:
    """`array` in another type, as `astype` has it, and never a view of it.

    Halves are rounded from float32, so that other types are rounded twice on the way, as PyTorch
    does it.
    """
    array = plain(np.asarray(array))
    with np.errstate(all="ignore"):
        if not dtype.half or array.dtype == dtype.memory:
            return array.astype(dtype.memory)
        single = np.ascontiguousarray(array.astype(float32.memory, copy=False))
        if dtype is not bfloat16:
            return single.astype(dtype.memory).reshape(array.shape)
        return (upper(single) >> _HALF).astype(np.uint16).view(dtype.memory).reshape(array.shape)


def array_in(value: Any, dtype: DType) -> Any:
    """`value` as an array of a type."""
    return converted(value, dtype) if dtype.half else np.asarray(value, dtype.memory)


def filled(shape: Shape, value: Any, dtype: DType) -> Any:
    """An array of one number."""
    return np.full(shape, array_in(value, dtype) if dtype.half else value, dtype.memory)


def put(array: Any, value: Any) -> None:
    """`array[...] = value`, in the type of `array`."""
    if array.dtype == bfloat16.memory:
        value = converted(value, bfloat16)
    array[...] = value


def rounded(value: float, dtype: DType) -> float:
    """A number as a type of halves holds it."""
    return float(plain(converted(np.float32(value), dtype)))


def bits_of(value: float, dtype: DType) -> int:
    """The two bytes of a number, as a whole number."""
    return int(converted(np.float32(value), dtype).view(np.uint16))
