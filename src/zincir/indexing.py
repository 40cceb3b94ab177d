"""From what stands between the brackets of x[...] to views and gathers."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from zincir.errors import ArgumentError, IndexOutOfRange, explain
from zincir.graph.node import Node
from zincir.ops.composed import place
from zincir.types import Shape
from zincir.views import Reshape, Slice, Step


class Basic:
    """The part of an index that is a view: slices, whole numbers, ellipsis and None.

    What remains is in `arrays`: for each axis of the view, an index node or None.
    """

    __slots__ = ("arrays", "sizes", "starts", "steps", "view_shape")

    def __init__(self, shape: Shape, items: tuple[Any, ...]) -> None:
        self.starts: list[int] = []
        self.steps: list[int] = []
        self.sizes: list[int] = []
        self.view_shape: list[int] = []
        self.arrays: list[Node | None] = []
        items = _filled(shape, items)
        axis = 0
        for item in items:
            if item is None:
                self.view_shape.append(1)
                self.arrays.append(None)
            elif isinstance(item, slice):
                self._slice(shape[axis], item)
                axis += 1
            elif isinstance(item, Node):
                self._whole(shape[axis])
                self.arrays[-1] = item
                axis += 1
            else:
                self._number(shape[axis], operator.index(item), axis)
                axis += 1

    def _whole(self, n: int) -> None:
        self.starts.append(0)
        self.steps.append(1)
        self.sizes.append(n)
        self.view_shape.append(n)
        self.arrays.append(None)

    def _slice(self, n: int, item: slice) -> None:
        start, stop, step = item.indices(n)
        if step <= 0:
            raise ArgumentError(
                explain("slice step must be positive", where=place(), got=str(item), try_="x.flip(dim)")
            )
        size = max(0, -(-(stop - start) // step))
        self.starts.append(start if size else 0)
        self.steps.append(step)
        self.sizes.append(size)
        self.view_shape.append(size)
        self.arrays.append(None)

    def _number(self, n: int, i: int, axis: int) -> None:
        if not -n <= i < n:
            raise IndexOutOfRange(
                explain(
                    f"index {i} is out of range for dimension {axis} with size {n}",
                    where=place(),
                    expected=f"{-n} <= index < {n}",
                    got=str(i),
                )
            )
        self.starts.append(i % n)
        self.steps.append(1)
        self.sizes.append(1)

    def views(self, shape: Shape) -> list[Step]:
        """The view as steps, leaving out those that do nothing."""
        out: list[Step] = []
        sizes = tuple(self.sizes)
        if sizes != shape or any(self.starts) or any(s != 1 for s in self.steps):
            out.append(Slice(tuple(self.starts), tuple(self.steps), sizes))
        if tuple(self.view_shape) != sizes:
            out.append(Reshape(tuple(self.view_shape)))
        return out


def _filled(shape: Shape, items: tuple[Any, ...]) -> tuple[Any, ...]:
    taken = sum(item is not None and item is not Ellipsis for item in items)
    if taken > len(shape):
        raise IndexOutOfRange(
            explain(
                f"too many indices for a tensor of dimension {len(shape)}",
                where=place(),
                expected=f"at most {len(shape)}",
                got=str(taken),
            )
        )
    rest = (slice(None),) * (len(shape) - taken)
    at = [k for k, item in enumerate(items) if item is Ellipsis]
    if len(at) > 1:
        raise IndexOutOfRange(explain("an index can have one ellipsis ('...')", where=place()))
    if at:
        return items[: at[0]] + rest + items[at[0] + 1 :]
    return items + rest


_ = np


def get(tensor, index):
    items = index if isinstance(index, tuple) else (index,)
    return tensor._view(*Basic(tensor.shape, items).views(tensor.shape))


def set(tensor, index, value):
    items = index if isinstance(index, tuple) else (index,)
    target = tensor._view(*Basic(tensor.shape, items).views(tensor.shape))
    target.copy_(value) if hasattr(value, "_node") else target.fill_(value)
