"""Index tensors joined into one number for each element wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.errors import IndexOutOfRange, ShapeError, explain
from zincir.graph.at_once import known
from zincir.graph.node import Node, user_line
from zincir.operations.arithmetic import bitwise, cast, compare, where
from zincir.operations.indexing import out_of_range, scatter, take
from zincir.operations.movement import expand, permute, reshape
from zincir.operations.source import iota
from zincir.types import Shape, broadcast, contiguous_strides, int64, inverse_permutation, size


class Rows:
    """Axes of a tensor indexed by integer tensors, as rows of a matrix indexed by one."""

    __slots__ = ("_axes", "_back", "_kept", "_shape", "index", "result", "rows")

    def __init__(self, shape: Shape, arrays: Sequence[Node | None]) -> None:
        at = [i for i, a in enumerate(arrays) if a is not None]
        nodes = [a for a in arrays if a is not None]
        self._shape = shape
        rest = [i for i in range(len(shape)) if i not in at]
        self._axes = (*at, *rest)
        self._kept = tuple(shape[i] for i in rest)
        self.rows = size(tuple(shape[i] for i in at))
        self.index = joined(nodes, tuple(shape[i] for i in at))
        n = self.index.ndim
        first = at[0] if at[-1] - at[0] == len(at) - 1 else 0
        # where the index's axes go in the result: among those kept, or in front
        order = (*range(n, n + first), *range(n), *range(n + first, n + len(rest)))
        self._back = order
        full = (*self.index.shape, *self._kept)
        self.result = tuple(full[a] for a in order)

    def read(self, x: Node) -> Node:
        """The elements wanted."""
        return permute(take(self._matrix(x), self.index), self._back)

    def write(self, x: Node, value: Node, mode: str) -> Node:
        """`x` with those elements set, or added to."""
        inverse = inverse_permutation(self._back)
        source = permute(expand(value, self.result), inverse)
        new = scatter(self._matrix(x), self.index, source, mode)
        shape = tuple(self._shape[a] for a in self._axes)
        inverse = inverse_permutation(self._axes)
        return permute(reshape(new, shape), inverse)

    def _matrix(self, x: Node) -> Node:
        return reshape(permute(x, self._axes), (self.rows, *self._kept))


def joined(indices: Sequence[Node], sizes: Shape) -> Node:
    """Index tensors, one for each axis, as row numbers; negative ones count from the end.

    What is out of range along one axis becomes -1, never another element.
    """
    try:
        shape = broadcast(*[i.shape for i in indices])
    except ShapeError:
        raise IndexOutOfRange(
            explain(
                "shape mismatch: indexing tensors could not be broadcast together",
                where=user_line(),
                got=" and ".join(str(i.shape) for i in indices),
            )
        ) from None
    total: Any = None
    valid: Node | None = None
    for index, n, stride in zip(indices, sizes, contiguous_strides(sizes), strict=True):
        check_now(index, n)
        i: Any = where(compare("lt", index, 0), index + n, index)
        if len(indices) > 1:
            valid = _and(valid, _and(compare("ge", i, 0), compare("lt", i, n)))
        part = i * stride if stride != 1 else i
        total = part if total is None else total + part
    if valid is not None:
        total = where(valid, total, -1)
    return expand(total, shape)


def _and(a: Node | None, b: Node) -> Node:
    return b if a is None else bitwise("and", a, b)


def check_now(index: Node, n: int, *, negative: bool = True, what: str = "index") -> None:
    """Raise IndexOutOfRange for what points outside of 0..n-1; `negative` counts from the end.

    While something is recorded, the program checks: what is known now is known of this call.
    """
    array = known(index) if index.value is None else index.value.array
    if not n and size(index.shape):
        raise IndexOutOfRange(explain(f"{what}: picks {size(index.shape)} rows, of none"))
    if (
        array is not None
        and array.size
        and (array.max() >= n or array.min() < (-n if negative else 0))
    ):
        wrong = np.flatnonzero((array >= n) | (array < (-n if negative else 0)))
        position = int(wrong[0])
        value = int(array.reshape(-1)[position])
        raise IndexOutOfRange(out_of_range(what, n, position, value, user_line()))


def elements(shape: Shape, index: Node, axis: int) -> Node:
    """For gather and scatter: the flat position of each element that `index` names along `axis`."""
    check_now(index, shape[axis] if shape else 1, negative=False)
    if not shape:
        return cast(index, int64)
    strides = contiguous_strides(shape)
    index = cast(index, int64)
    valid = bitwise("and", compare("ge", index, 0), compare("lt", index, shape[axis]))
    at: Any = index * strides[axis] if strides[axis] != 1 else index
    for i, stride in enumerate(strides):
        if i != axis and index.shape[i] != 1:
            at = at + iota(index.shape, i, int64) * stride
    return where(valid, at, -1)
