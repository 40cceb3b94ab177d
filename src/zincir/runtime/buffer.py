"""Memory that holds values: aligned, recycled, and visible to NumPy without a copy."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from zincir.types import DType, Shape, size

ALIGNMENT = 64
_SMALLEST = 64
_LARGEST_POOLED = 1 << 28
_PER_SIZE = 64


class Buffer:
    """One value in memory. `array` is a NumPy view of it, possibly strided."""

    __slots__ = ("__weakref__", "_raw", "array", "pointer")

    def __init__(self, array: np.ndarray[Any, Any], raw: np.ndarray[Any, Any] | None = None) -> None:
        self.array = array
        self.pointer: int = array.ctypes.data if raw is None else raw.ctypes.data
        self._raw = raw

    def __del__(self) -> None:
        raw = self._raw
        if raw is None:
            return
        del self.array
        # Two references are ours (the slot and the name here), one is getrefcount's argument;
        # any other is a NumPy view that somebody still looks at.
        if sys.getrefcount(raw) <= 3:
            _give_back(raw)


_pool: dict[int, list[np.ndarray[Any, Any]]] = {}


def _give_back(raw: np.ndarray[Any, Any]) -> None:
    shelf = _pool.setdefault(raw.nbytes, [])
    if raw.nbytes <= _LARGEST_POOLED and len(shelf) < _PER_SIZE:
        shelf.append(raw)


def allocate_raw(nbytes: int) -> np.ndarray[Any, Any]:
    """At least `nbytes` uninitialised bytes, aligned to a cache line."""
    nbytes = max(_SMALLEST, -(-nbytes // ALIGNMENT) * ALIGNMENT)
    shelf = _pool.get(nbytes)
    if shelf:
        return shelf.pop()
    whole = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -whole.ctypes.data % ALIGNMENT
    return whole[start : start + nbytes]


def allocate(shape: Shape, dtype: DType) -> Buffer:
    """An uninitialised, contiguous buffer."""
    raw = allocate_raw(size(shape) * dtype.itemsize)
    return Buffer(np.ndarray(shape, dtype.numpy, raw.data), raw)
