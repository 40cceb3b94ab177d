"""Tensors as memory, a place in it and strides: taken apart, and put together again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zincir.copying import attributes_of
from zincir.errors import LoadError, explain
from zincir.shared_value import array_of, detached
from zincir.storage import path, whole_of
from zincir.tensor import Tensor, from_array
from zincir.types import DType, Shape, contiguous_strides, size

Array = npt.NDArray[Any]


@dataclass(slots=True)
class Memory:
    """What tensors that share memory have in common."""

    key: str
    elements: Array
    """All of it, in one row."""
    as_seen: Array
    """The same memory as the whole tensor shows it."""


@dataclass(slots=True)
class Place:
    """Which elements of some memory a tensor shows, counted in elements."""

    offset: int
    shape: Shape
    strides: tuple[int, ...]


class TakenApart:
    """The memory behind tensors that are being saved, each once."""

    def __init__(self) -> None:
        self.memories: dict[int, Memory] = {}
        self._alive: list[Any] = []

    def take(self, tensor: Tensor) -> tuple[Memory, Place]:
        """Where the elements of a tensor are."""
        whole = whole_of(tensor)
        owner = whole if whole._storage is None else whole._storage
        memory = self.memories.get(id(owner))
        if memory is None:
            self._alive.append(owner)
            array = array_of(whole, "save")
            elements, as_seen = _in_a_row(array, keep=getattr(owner, "array", None) is not None)
            memory = Memory(str(len(self.memories)), elements, as_seen)
            self.memories[id(owner)] = memory
        array = memory.as_seen
        for step in reversed(path(tensor)):
            array = step.look(array)
        shape: Shape = array.shape
        if not array.size:
            return memory, Place(0, shape, contiguous_strides(tuple(max(n, 1) for n in shape)))
        away = array.ctypes.data - memory.as_seen.ctypes.data
        strides = tuple(s // array.itemsize for s in array.strides)
        return memory, Place(away // array.itemsize, shape, strides)


def _in_a_row(array: Array, keep: bool) -> tuple[Array, Array]:
    """The elements of an array as one row, and that memory as the array shows it.

    Args:
        keep: whether its strides are to be seen; else it is written row by row.
    """
    order = np.argsort([-s for s in array.strides], kind="stable")
    if not (keep and array.transpose(order).flags.c_contiguous):
        array = np.ascontiguousarray(array).reshape(array.shape)
        return array.reshape(-1), array
    return array.transpose(order).reshape(-1), array


def attributes(tensor: Tensor) -> dict[str, Any]:
    """What a user has set of a tensor."""
    return {k: v for k, v in attributes_of(tensor).items() if k != "_order"}


class PutTogether:
    """Tensors over one piece of memory that was read; what shared it, shares it again."""

    def __init__(self, elements: Array, dtype: DType) -> None:
        self.elements, self.dtype = elements, dtype
        self._whole: Tensor | None = None

    def tensor(self, place: Place, requires_grad: bool) -> Tensor:
        """A leaf that shows this place.

        Raises:
            LoadError: the place is not within the memory.
        """
        count = size(place.shape)
        self._check(place, count)
        if count == 0:
            return from_array(np.zeros(place.shape, self.elements.dtype), requires_grad)
        axes = zip(place.shape, place.strides, contiguous_strides(place.shape), strict=True)
        row_by_row = all(s == t for n, s, t in axes if n != 1)
        if self._whole is None:
            if row_by_row and count == len(self.elements):
                own = from_array(self.elements.reshape(place.shape), requires_grad)
                self._whole = own
                return own
            self._whole = from_array(self.elements)
        rows = self._whole.detach().reshape(-1)
        if row_by_row:
            view = rows[place.offset : place.offset + count].reshape(place.shape)
        else:
            view = _strided(rows, place)
        if view is None:  # elements that overlap: a copy of its own
            array = np.ascontiguousarray(self._look(place))
            return from_array(array.reshape(place.shape), requires_grad)
        new: Tensor = detached(view._blank(), view)
        return new.requires_grad_() if requires_grad else new

    def _look(self, place: Place) -> Array:
        strides = [s * self.elements.itemsize for s in place.strides]
        return np.lib.stride_tricks.as_strided(
            self.elements[place.offset :], place.shape, strides, writeable=False
        )

    def _check(self, place: Place, count: int) -> None:
        numbers = (place.offset, *place.shape, *place.strides)
        sound = all(isinstance(n, int) and n >= 0 for n in numbers)
        sound = sound and len(place.shape) == len(place.strides)
        if sound and count:
            last = sum((n - 1) * s for n, s in zip(place.shape, place.strides, strict=True))
            sound = place.offset + last < len(self.elements)
        if not sound:
            raise LoadError(
                explain(
                    "load: a tensor lies outside of its memory: the file is corrupted",
                    expected=f"within {len(self.elements)} elements",
                    got=f"offset {place.offset}, shape {place.shape}, strides {place.strides}",
                )
            )


def _strided(rows: Tensor, place: Place) -> Tensor | None:
    """A view of a row with these strides, as slices of a block; None if it is not one.

    The strides are those of axes of the block: each is a multiple of the next one, and what an
    axis shows fits into the step of the one before it.
    """
    axes = [a for a, n in enumerate(place.shape) if n > 1 and place.strides[a] > 0]
    axes.sort(key=lambda a: -place.strides[a])
    if not axes:
        return rows[place.offset].reshape((1,) * len(place.shape)).expand(place.shape)
    steps = [place.strides[a] for a in axes]
    rest = place.offset % steps[0]
    start, end = place.offset - rest, place.offset - rest + place.shape[axes[0]] * steps[0]
    if end > len(rows):
        return None
    sizes, index = [place.shape[axes[0]]], [slice(None)]
    for above, step, axis in zip(steps, steps[1:], axes[1:], strict=False):
        first, rest = divmod(rest, step)
        if above % step or first + place.shape[axis] > above // step:
            return None
        sizes.append(above // step)
        index.append(slice(first, first + place.shape[axis]))
    block = rows[start:end].reshape((*sizes, steps[-1]))[(*index, rest)]
    # The axes in their places; those of size 1, and those that repeat, are new.
    block = block.permute([axes.index(a) for a in sorted(axes)])
    shape = [n if a in axes else 1 for a, n in enumerate(place.shape)]
    return block.reshape(shape).expand(place.shape)


def memory_of(data: Any, dtype: DType, count: int) -> Array:
    """Elements of memory that was read.

    Raises:
        LoadError: there are more or fewer bytes than elements.
    """
    if len(data) != count * dtype.itemsize:
        raise LoadError(
            explain(
                "load: the file is truncated or corrupted",
                expected=f"{count} elements of {dtype.name}",
                got=f"{len(data)} bytes",
            )
        )
    return np.frombuffer(bytearray(data), dtype.memory)
