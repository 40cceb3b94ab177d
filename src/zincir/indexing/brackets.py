"""What stands between the brackets of x[...], taken apart: a view first, and then one gather.

Slices, whole numbers, None and the ellipsis make a view; what is left are index tensors.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.errors import ArgumentError, DTypeError, IndexOutOfRange, explain
from zincir.graph.node import Node, user_line
from zincir.operations.arithmetic import cast
from zincir.operations.source import leaf
from zincir.runtime.buffer import Buffer
from zincir.types import Shape, bool_, int64, uint8
from zincir.views import Index, Reshape, Slice, ViewOp, ViewOps


class Mask:
    """A boolean tensor between the brackets."""

    __slots__ = ("node", "value")

    def __init__(self, node: Node, value: Any) -> None:
        self.node = node
        self.value = value
        """Called to look at it."""

    def indices(self) -> list[Node]:
        """The places where it holds, one index tensor for each of its axes."""
        return [known(np.ascontiguousarray(i)) for i in np.nonzero(self.value())]


def known(array: np.ndarray[Any, Any]) -> Node:
    """An int64 leaf with a copy of `array`."""
    node = leaf(array.shape, int64)
    node.value = Buffer(array.astype(np.int64))
    return node


def basic(shape: Shape, index: Any) -> ViewOp | None:
    """The view x[index] for whole numbers and slices, the most common of all; None for others."""
    items = index if index.__class__ is tuple else (index,)
    if len(items) > len(shape):
        return None
    starts, sizes, steps = [0] * len(shape), list(shape), [1] * len(shape)
    kept = list(range(len(items), len(shape)))
    axes: list[int] = []
    for axis, item in enumerate(items):
        n = shape[axis]
        if type(item) is int:
            if not -n <= item < n:
                raise _out_of_range(item, axis, n)
            starts[axis], sizes[axis] = item % n, 1
        elif type(item) is slice and _plain_ends(item):
            start, stop, step = item.indices(n)
            if step <= 0:
                return None
            length = max(0, -(-(stop - start) // step))
            starts[axis], sizes[axis], steps[axis] = start if length else 0, length, step
            axes.append(axis)
        else:
            return None
    return Index(Slice(tuple(starts), tuple(steps), tuple(sizes)), (*axes, *kept), items)


def _plain_ends(item: Any) -> bool:
    ends = (item.start, item.stop, item.step)
    return all([end is None or type(end) is int for end in ends])


def items_of(index: Any, mask: Any) -> tuple[Any, ...]:
    """What stands between the brackets, in a few forms: None, slice, ellipsis, int, node, Mask.

    Args:
        mask: makes a Mask of a tensor.
    """
    items = index if _is_tuple(index) else (index,)
    return tuple(_item(item, mask) for item in items)


def _item(item: Any, mask: Any) -> Any:
    if item is None or item is Ellipsis:
        return item
    if type(item) is slice:
        whole: Any = item
        ends = (whole.start, whole.stop, whole.step)
        return slice(*[None if v is None else operator.index(v) for v in ends])
    if type(item) is int or _is_numpy_integer(item):
        return int(item)
    node = getattr(item, "_node", None)
    return _array_item(np.asarray(item), mask) if node is None else _node_item(item, node, mask)


def _is_tuple(index: Any) -> bool:
    return isinstance(index, tuple)


def _is_numpy_integer(item: Any) -> bool:
    return isinstance(item, np.integer)


def _node_item(item: Any, node: Node, mask: Any) -> Any:
    if node.dtype is bool_:
        return mask(item)
    if node.dtype is uint8:  # bytes are masks, as they were before there were bools
        return mask(item.bool())
    if not node.dtype.names_rows and (node.shape or node.dtype.category != 1):
        raise _bad_type(f"a {node.dtype.name} tensor")
    return cast(node, int64)


def _array_item(array: np.ndarray[Any, Any], mask: Any) -> Any:
    if array.size == 0 and array.dtype.kind == "f":
        array = array.astype(np.int64)
    if array.dtype.kind == "b" or array.dtype == np.uint8:
        return mask(array.astype(np.bool_))
    if array.dtype.kind not in "iu" or (array.ndim and array.itemsize < 4):
        raise _bad_type(str(array.dtype))
    return known(array)


def _bad_type(got: str) -> DTypeError:
    return DTypeError(
        explain(
            "tensors used as indices must be integers or booleans",
            where=user_line(),
            expected="int64, int32, uint8 or bool",
            got=got,
            try_="index.long(), or a comparison for a mask",
        )
    )


def _out_of_range(i: int, axis: int, n: int) -> IndexOutOfRange:
    return IndexOutOfRange(
        explain(
            f"index {i} is out of bounds for dimension {axis} with size {n}",
            where=user_line(),
            expected=f"{-n} <= index < {n}",
            got=str(i),
        )
    )


class Plan:
    """An index taken apart: a view first, and then at most one gather.

    `arrays` holds, for each axis of the view, an index node or None.
    """

    __slots__ = ("arrays", "shape", "sizes", "starts", "steps", "view_shape")

    def __init__(self, shape: Shape, items: Sequence[Any]) -> None:
        self.shape = shape
        self.starts: list[int] = []
        self.steps: list[int] = []
        self.sizes: list[int] = []
        self.view_shape: list[int] = []
        self.arrays: list[Node | None] = []
        for item in _filled(shape, items):
            self._add(item, len(self.sizes))

    def _add(self, item: Any, axis: int) -> None:
        if item is None:
            self.view_shape.append(1)
            self.arrays.append(None)
        elif type(item) is slice:
            self._slice(self.shape[axis], item)
        elif isinstance(item, int):
            self._number(self.shape[axis], item, axis)
        elif isinstance(item, Mask):
            self._mask(item, axis)
        else:
            self._along(0, 1, self.shape[axis], item)

    def _along(self, start: int, step: int, n: int, array: Node | None) -> None:
        self.starts.append(start)
        self.steps.append(step)
        self.sizes.append(n)
        self.view_shape.append(n)
        self.arrays.append(array)

    def _slice(self, n: int, item: slice) -> None:
        start, stop, step = item.indices(n)
        if step <= 0:
            raise ArgumentError(
                explain(
                    "slice step must be positive",
                    where=user_line(),
                    got=str(step),
                    try_="x.flip(dim)",
                )
            )
        length = max(0, -(-(stop - start) // step))
        self._along(start if length else 0, step, length, None)

    def _number(self, n: int, i: int, axis: int) -> None:
        if not -n <= i < n:
            raise _out_of_range(i, axis, n)
        self.starts.append(i % n)
        self.steps.append(1)
        self.sizes.append(1)

    def _mask(self, mask: Mask, axis: int) -> None:
        shape = mask.node.shape
        if shape != self.shape[axis : axis + len(shape)]:
            raise IndexOutOfRange(
                explain(
                    "the shape of the mask does not match the indexed tensor",
                    where=user_line(),
                    expected=str(self.shape[axis : axis + len(shape)]),
                    got=f"{shape} at dimension {axis}",
                )
            )
        if not shape:  # x[True] adds an axis of size one or none
            self.view_shape.append(1)
            self.arrays.append(known(np.zeros(int(mask.value()), np.int64)))
        for n, node in zip(shape, mask.indices() if shape else (), strict=True):
            self._along(0, 1, n, node)

    @property
    def gathers(self) -> bool:
        return any(a is not None for a in self.arrays)

    def views(self) -> list[ViewOp]:
        """The view as steps, leaving out those that do nothing."""
        out: list[ViewOp] = []
        sizes = tuple(self.sizes)
        if sizes != self.shape or any(self.starts) or any(s != 1 for s in self.steps):
            out.append(Slice(tuple(self.starts), tuple(self.steps), sizes))
        if tuple(self.view_shape) != sizes:
            out.append(Reshape(tuple(self.view_shape)))
        return [ViewOps(tuple(out))] if len(out) > 1 else out


def _filled(shape: Shape, items: Sequence[Any]) -> Sequence[Any]:
    taken = sum(
        len(i.node.shape) if isinstance(i, Mask) else i is not None and i is not Ellipsis
        for i in items
    )
    if taken > len(shape):
        raise IndexOutOfRange(
            explain(
                f"too many indices for tensor of dimension {len(shape)}",
                where=user_line(),
                expected=f"at most {len(shape)}",
                got=str(taken),
            )
        )
    rest = (slice(None),) * (len(shape) - taken)
    at = [k for k, item in enumerate(items) if item is Ellipsis]
    if len(at) > 1:
        raise IndexOutOfRange(explain("an index can have one ellipsis ('...')", where=user_line()))
    if at:
        return (*items[: at[0]], *rest, *items[at[0] + 1 :])
    return (*items, *rest)
