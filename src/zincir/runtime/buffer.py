"""A value in memory: visible to NumPy without a copy, its bytes recycled when it is gone."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from zincir import settings
from zincir.runtime.memory import Memory, allocate_memory, give_back
from zincir.types import DType, Shape, from_numpy_dtype, size

NAN_BYTE = 0xFF
"""Floating-point numbers of nothing but such bytes are NaN; integers are -1 or the largest."""


class Buffer:
    """One value in memory. `array` is a NumPy view of it, possibly strided."""

    __slots__ = (
        "__weakref__",
        "_memory",
        "_seen",
        "array",
        "layout",
        "lookers",
        "order",
        "pointer",
        "shared",
    )

    def __init__(
        self,
        array: np.ndarray[Any, Any],
        memory: Memory | None = None,
        pointer: int = 0,
        order: Shape | None = None,
    ) -> None:
        self.array = array
        self.pointer = pointer or address_of(array)
        if memory is None and order is not None and not _lies(array, order):
            order = None
        self.order = order
        """The axes as they lie in memory, the slowest first, if that is another order."""
        self.layout: tuple[int, ...] | None = None
        """Strides in elements, if the array is not contiguous in that order."""
        if memory is None and order is None and not array.flags.c_contiguous:
            self.layout = tuple(stride // array.itemsize for stride in array.strides)
        self._memory = memory
        self.shared = False
        """Whether other nodes may have this buffer as their value: then it stays as it is."""
        self.lookers = 0
        """How many other buffers look at this memory."""
        self._seen: Buffer | None = None

    @property
    def private(self) -> bool:
        """Whether nothing but one node reads this memory."""
        return not (self.shared or self.lookers)

    def __del__(self) -> None:
        seen: Buffer | None = getattr(self, "_seen", None)
        if seen is not None:
            seen.lookers -= 1
        memory: Memory | None = getattr(self, "_memory", None)  # Unset after a Ctrl-C in __init__.
        if memory is None:
            return
        del self.array
        give_back(memory)  # NumPy views hold on to the bytes themselves: then it does nothing.


def address_of(array: np.ndarray[Any, Any]) -> int:
    """Where an array begins in memory."""
    try:
        # A third of the time that `array.ctypes.data` takes.
        return ctypes.addressof(ctypes.c_char.from_buffer(array.data))
    except (TypeError, ValueError):  # read-only, empty, or not in one piece
        return array.ctypes.data


def looking(buffer: Buffer, array: np.ndarray[Any, Any]) -> Buffer:
    """A buffer of its own for `array`, a view of the memory of `buffer`."""
    return _looking(buffer, Buffer(array))


def again(buffer: Buffer) -> Buffer:
    """Another buffer for all of the memory of `buffer`."""
    return _looking(buffer, Buffer(buffer.array, order=buffer.order))


def _looking(buffer: Buffer, new: Buffer) -> Buffer:
    buffer.lookers += 1
    new._seen = buffer
    new.shared = True
    return new


def _lies(array: np.ndarray[Any, Any], order: Shape) -> bool:
    return len(order) == array.ndim and array.transpose(order).flags.c_contiguous


def allocate(shape: Shape, dtype: DType, order: Shape | None = None) -> Buffer:
    """An uninitialised buffer, contiguous row by row or in another order of axes."""
    memory = allocate_memory(size(shape) * dtype.itemsize)
    if settings.current().poison:
        memory.whole.fill(NAN_BYTE)
    if order is None:
        array = np.ndarray(shape, dtype.memory, memory.whole, memory.offset)
    else:
        inner = tuple([shape[axis] for axis in order])
        array = np.ndarray(inner, dtype.memory, memory.whole, memory.offset)
        array = array.transpose(np.argsort(order))
    return Buffer(array, memory, memory.pointer, order)


def arranged(buffer: Buffer, order: Shape | None) -> Buffer:
    """The same values in this order: the buffer itself, or a copy."""
    if buffer.order == order and buffer.layout is None:
        return buffer
    array = buffer.array
    new = allocate(array.shape, from_numpy_dtype(array.dtype), order)
    new.array[...] = array
    return new
