"""Ways a view looks at the tensor it was made from, and how a write goes back through it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from zincir.errors import ArgumentError, explain
from zincir.graph.node import Node, describe, here
from zincir.operations import arithmetic, indexing, layout, movement, source
from zincir.runtime.buffer import Buffer
from zincir.types import DType, Shape, int64, inverse_permutation

Strides = tuple[int, ...]


class ViewOp(Protocol):
    """One view operation: how to read, how to write back, and what it does to the strides."""

    def read(self, parent: Node) -> Node:
        """The view's value from its parent's."""
        ...

    def write(self, parent: Node, value: Node) -> Node:
        """The parent's value after the view was given `value`."""
        ...

    def size(self, shape: Shape) -> Shape:
        """The view's shape, from its parent's."""
        ...

    def kind(self, dtype: DType) -> DType:
        """The view's element type, from its parent's."""
        ...

    def strides(self, shape: Shape, strides: Strides) -> Strides:
        """The view's strides in elements, from its parent's shape and strides."""
        ...

    def look(self, array: Any) -> Any:
        """The same view of a NumPy array, sharing its memory."""
        ...


class SameKind:
    """What most views are."""

    __slots__ = ()

    def kind(self, dtype: DType) -> DType:
        return dtype


@dataclass(slots=True)
class Reshape(SameKind):
    """The same elements under another shape."""

    shape: Shape

    def read(self, parent: Node) -> Node:
        return movement.reshape(parent, self.shape)

    def write(self, parent: Node, value: Node) -> Node:
        return movement.reshape(value, parent.shape)

    def size(self, shape: Shape) -> Shape:
        return self.shape

    def strides(self, shape: Shape, strides: Strides) -> Strides:
        found = reshaped_strides(shape, strides, self.shape)
        assert found is not None
        return found

    def look(self, array: Any) -> Any:
        return array.reshape(self.shape)


@dataclass(slots=True)
class Permute(SameKind):
    """Axes in another order."""

    axes: tuple[int, ...]

    def read(self, parent: Node) -> Node:
        return movement.permute(parent, self.axes)

    def write(self, parent: Node, value: Node) -> Node:
        return movement.permute(value, inverse_permutation(self.axes))

    def size(self, shape: Shape) -> Shape:
        return tuple(shape[a] for a in self.axes)

    def strides(self, shape: Shape, strides: Strides) -> Strides:
        return tuple(strides[a] for a in self.axes)

    def look(self, array: Any) -> Any:
        return array.transpose(self.axes)


@dataclass(slots=True)
class Slice(SameKind):
    """Every step-th element from a start, along each axis."""

    starts: tuple[int, ...]
    steps: tuple[int, ...]
    sizes: Shape

    def read(self, parent: Node) -> Node:
        return movement.slice_(parent, self.starts, self.steps, self.sizes)

    def write(self, parent: Node, value: Node) -> Node:
        if self.sizes == parent.shape:
            return value
        return movement.update(parent, value, self.starts, self.steps)

    def size(self, shape: Shape) -> Shape:
        return self.sizes

    def strides(self, shape: Shape, strides: Strides) -> Strides:
        return tuple(s * step for s, step in zip(strides, self.steps, strict=True))

    def look(self, array: Any) -> Any:
        axes = zip(self.starts, self.steps, self.sizes, strict=True)
        return array[tuple(slice(at, at + step * n, step) for at, step, n in axes)]


@dataclass(slots=True)
class Index(SameKind):
    """Whole numbers and slices between brackets: a slice of each axis, some of which go."""

    slice: Slice
    kept: tuple[int, ...]
    """The axes that stay."""
    key: tuple[Any, ...]
    """What stands between the brackets, for NumPy."""

    def read(self, parent: Node) -> Node:
        return movement.reshape(self.slice.read(parent), self.size(parent.shape))

    def write(self, parent: Node, value: Node) -> Node:
        return self.slice.write(parent, movement.reshape(value, self.slice.sizes))

    def size(self, shape: Shape) -> Shape:
        sizes = self.slice.sizes
        return tuple([sizes[axis] for axis in self.kept])

    def strides(self, shape: Shape, strides: Strides) -> Strides:
        found = self.slice.strides(shape, strides)
        return tuple([found[axis] for axis in self.kept])

    def look(self, array: Any) -> Any:
        found = array[self.key]
        # Of whole numbers alone, NumPy makes a number.
        return found if self.kept else np.ndarray.__getitem__(array, (*self.key, ...))


def is_one_number(value: Node) -> bool:
    """Whether all elements of a value are the same one."""
    inputs = value.inputs  # none if the value is known and what it was made of was given up
    return value.op is movement.expand_p and bool(inputs) and not inputs[0].shape


def repeated(got: str) -> ArgumentError:
    """The error for a write to memory where several elements are one."""
    return ArgumentError(
        explain(
            "in-place change of an expanded tensor: several of its elements are one in memory",
            where=describe(here()),
            got=got,
            try_="x.clone() before changing it",
        )
    )


@dataclass(slots=True)
class Expand(SameKind):
    """Axes of size 1 repeated. Cannot be written through: several elements are one."""

    shape: Shape

    def read(self, parent: Node) -> Node:
        return movement.expand(parent, self.shape)

    def write(self, parent: Node, value: Node) -> Node:
        if math.prod(self.shape) == math.prod(parent.shape):  # nothing is repeated
            return movement.reshape(value, parent.shape)
        if is_one_number(value):
            return movement.expand(value.inputs[0], parent.shape)
        raise repeated(f"{parent.shape} expanded to {self.shape}")

    def size(self, shape: Shape) -> Shape:
        return self.shape

    def strides(self, shape: Shape, strides: Strides) -> Strides:
        new = len(self.shape) - len(shape)
        return (0,) * new + tuple(
            0 if n == 1 and m != 1 else s
            for n, m, s in zip(shape, self.shape[new:], strides, strict=True)
        )

    def look(self, array: Any) -> Any:
        strides = self.strides(array.shape, array.strides)
        return np.lib.stride_tricks.as_strided(array, self.shape, strides)


@dataclass(slots=True)
class Diagonal(SameKind):
    """The diagonal of two axes, as the last one; `offset` above the main one."""

    offset: int
    axes: tuple[int, int]

    def read(self, parent: Node) -> Node:
        return layout.diagonal(parent, self.offset, *self.axes)

    def write(self, parent: Node, value: Node) -> Node:
        rows, columns = self.axes
        n, m = parent.shape[rows], parent.shape[columns]
        length, start = value.shape[-1], max(0, -self.offset)
        lead = (0,) * (value.ndim - 1)
        # One element for each row, repeated along it, and taken where the diagonal crosses.
        spread = movement.pad(value, (*lead, start), (*lead, n - length - start))
        spread = movement.reshape(spread, (*spread.shape, 1))
        spread = movement.expand(spread, (*spread.shape[:-1], m))
        kept = iter(range(value.ndim - 1))
        last = value.ndim - 1
        order = tuple(
            last if a == rows else last + 1 if a == columns else next(kept)
            for a in range(parent.ndim)
        )
        row = source.iota(parent.shape, rows, int64)
        column = source.iota(parent.shape, columns, int64)
        crossed = arithmetic.compare("eq", row + self.offset, column)
        return arithmetic.where(crossed, movement.permute(spread, order), parent)

    def size(self, shape: Shape) -> Shape:
        rows, columns = self.axes
        rest = tuple(n for a, n in enumerate(shape) if a not in self.axes)
        above = min(shape[rows], shape[columns] - self.offset)
        return (*rest, max(0, min(above, shape[columns], shape[rows] + self.offset)))

    def strides(self, shape: Shape, strides: Strides) -> Strides:
        rest = tuple(s for a, s in enumerate(strides) if a not in self.axes)
        return (*rest, strides[self.axes[0]] + strides[self.axes[1]])

    def look(self, array: Any) -> Any:
        size = self.size(array.shape)
        if 0 not in size:
            first = (max(0, -self.offset), max(0, self.offset))
            at = tuple(
                slice(first[self.axes.index(a)], None) if a in self.axes else slice(None)
                for a in range(array.ndim)
            )
            array = array[at]
        strides = self.strides(array.shape, array.strides)
        return np.lib.stride_tricks.as_strided(array, size, strides)


@dataclass(slots=True)
class Windows(SameKind):
    """Windows of `size` along one axis, one every `step`, their own elements in a last axis."""

    axis: int
    length: int
    step: int

    def _options(self, ndim: int) -> tuple[Shape, Shape, Shape]:
        at = [a == self.axis for a in range(ndim)]
        sizes = tuple(self.length if here_ else 1 for here_ in at)
        return sizes, tuple(self.step if here_ else 1 for here_ in at), (1,) * ndim

    def read(self, parent: Node) -> Node:
        new = self.size(parent.shape)
        if 0 in new:
            return movement.attached(movement.expand(source.const(0, parent.dtype), new), parent)
        return movement.reshape(movement.windows(parent, *self._options(parent.ndim)), new)

    def write(self, parent: Node, value: Node) -> Node:
        if self.step < self.length and value.shape[self.axis] > 1:
            if not is_one_number(value):
                raise repeated(f"windows of {self.length} elements, one every {self.step}")
            number = movement.expand(value.inputs[0], parent.shape)
        else:
            number = None
        options = self._options(parent.ndim)
        apart = movement.windows(parent, *options).shape
        one = movement.expand(source.const(1, int64), apart)
        hits = movement.fold(one, parent.shape, *options)
        if number is None:
            number = movement.fold(movement.reshape(value, apart), parent.shape, *options)
        return arithmetic.where(arithmetic.compare("gt", hits, 0), number, parent)

    def size(self, shape: Shape) -> Shape:
        count = (shape[self.axis] - self.length) // self.step + 1
        return (*shape[: self.axis], count, *shape[self.axis + 1 :], self.length)

    def strides(self, shape: Shape, strides: Strides) -> Strides:
        step = strides[self.axis]
        return (*strides[: self.axis], step * self.step, *strides[self.axis + 1 :], step)

    def look(self, array: Any) -> Any:
        size, strides = self.size(array.shape), self.strides(array.shape, array.strides)
        return np.lib.stride_tricks.as_strided(array, size, strides)


@dataclass(slots=True)
class Strided(SameKind):
    """Any elements of a flat tensor, by strides from a start."""

    shape: Shape
    steps: Strides
    start: int

    def places(self) -> Any:
        """The number of each element in the flat tensor."""
        places = np.full(self.shape, self.start, np.int64)
        for axis, (n, step) in enumerate(zip(self.shape, self.steps, strict=True)):
            along = [1] * len(self.shape)
            along[axis] = n
            places += (np.arange(n, dtype=np.int64) * step).reshape(along)
        return places

    def _index(self) -> Node:
        node = source.leaf(self.shape, int64)
        node.value = Buffer(self.places())
        return node

    def read(self, parent: Node) -> Node:
        return indexing.take(parent, self._index())

    def write(self, parent: Node, value: Node) -> Node:
        places = self.places()
        if len(np.unique(places)) < places.size and not is_one_number(value):
            raise repeated(f"shape {self.shape} with strides {self.steps}")
        return indexing.scatter(parent, self._index(), value, "set")

    def size(self, shape: Shape) -> Shape:
        return self.shape

    def strides(self, shape: Shape, strides: Strides) -> Strides:
        return tuple(step * strides[0] for step in self.steps)

    def look(self, array: Any) -> Any:
        steps = self.strides(array.shape, array.strides)
        array = array[self.start :] if self.start < len(array) else array
        return np.lib.stride_tricks.as_strided(array, self.shape, steps)


@dataclass(slots=True)
class ViewOps:
    """Several one after the other."""

    steps: tuple[ViewOp, ...]

    def read(self, parent: Node) -> Node:
        for step in self.steps:
            parent = step.read(parent)
        return parent

    def write(self, parent: Node, value: Node) -> Node:
        parents = [parent]
        for step in self.steps[:-1]:
            parents.append(step.read(parents[-1]))
        for step, above in zip(reversed(self.steps), reversed(parents), strict=True):
            value = step.write(above, value)
        return value

    def size(self, shape: Shape) -> Shape:
        for step in self.steps:
            shape = step.size(shape)
        return shape

    def kind(self, dtype: DType) -> DType:
        for step in self.steps:
            dtype = step.kind(dtype)
        return dtype

    def strides(self, shape: Shape, strides: Strides) -> Strides:
        for step in self.steps:
            strides = step.strides(shape, strides)
            shape = step.size(shape)
        return strides

    def look(self, array: Any) -> Any:
        for step in self.steps:
            array = step.look(array)
        return array


def after(first: ViewOp | None, second: ViewOp) -> ViewOp:
    """Both steps as one."""
    if first is None:
        return second
    before = first.steps if isinstance(first, ViewOps) else (first,)
    return ViewOps((*before, *(second.steps if isinstance(second, ViewOps) else (second,))))


def reshaped_strides(shape: Shape, strides: Strides, new: Shape) -> Strides | None:
    """Strides that show the same memory under the shape `new`; None when a copy is needed.

    >>> reshaped_strides((2, 3), (3, 1), (6,))
    (1,)
    >>> reshaped_strides((3, 2), (1, 3), (6,)) is None
    True
    """
    old = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    if 0 in shape:
        return tuple(0 for _ in new)
    out: list[int] = []
    group = 1  # elements of the current run of old axes that new axes have not taken yet
    step = 1
    for n in reversed(new):
        if n == 1:
            out.append(step * group if not out else out[-1])
            continue
        if group == 1:
            if not old:
                return None
            group, step = old.pop()
            while old and old[-1][1] == step * group:
                group *= old.pop()[0]
        if group % n:
            return None
        out.append(step)
        step *= n
        group //= n
    return tuple(reversed(out))
