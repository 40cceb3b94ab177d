"""What a replay binds to memory at each call: tensors, gradients, results, and where they lie."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zincir.evaluate import evaluate
from zincir.graph.node import MODE, Node, grad_mode, here
from zincir.half import put
from zincir.inplace import is_leaf, wrote_memory
from zincir.operations.indexing import scatter
from zincir.operations.movement import expand
from zincir.operations.source import const, given_up, leaf
from zincir.runtime.buffer import Buffer, address_of, allocate, arranged
from zincir.storage import seen
from zincir.tensor import Tensor
from zincir.types import DType, Shape, from_numpy_dtype

NO_NODE = -1
"""A serial number that no node has."""


@dataclass(slots=True)
class Live:
    """Numbers that are asked for at each call."""

    slot: int
    """The program's input that they are, or -1 if it does not read them."""
    buffer: Buffer
    getter: Callable[[], Any]
    last: tuple[float, ...] | None = None
    """What is in the buffer: a tuple that the getter gives again says the same again."""

    def read(self) -> None:
        """Put the numbers of this call into the buffer."""
        now = self.getter()
        if now is not self.last:
            put(self.buffer.array, now)
            self.last = now if now.__class__ is tuple else None


@dataclass(slots=True)
class Captured:
    """A tensor that the function looks at and does not get as an argument."""

    tensor: Tensor
    form: tuple[Shape, DType, bool]
    """Its shape and type, and whether it collects gradients."""
    node: int
    """The serial number of what it held when its slot was last bound. The node itself is not kept:
    who changes the tensor would take the old value for one that is wanted, and copy it."""
    slot: int
    order: Shape | None
    layout: tuple[int, ...] | None
    """How its values lie in memory."""

    def holds(self) -> bool:
        """Whether it is still of the same kind."""
        t = self.tensor
        shape, dtype, needs_grad = self.form
        if t.requires_grad is not needs_grad or t._held.dtype is not dtype:
            return False
        if self.layout is not None:
            buffer = readable(t)
            return (buffer.layout, buffer.order) == (self.layout, self.order)
        return t._held.shape == shape


@dataclass(slots=True)
class Changed:
    """A tensor that the function changes in place."""

    tensor: Tensor | None
    """The tensor itself, or None for one that differs from call to call:"""
    argument: int
    """the number of an argument, or"""
    gradient: Tensor | int | None
    """the tensor (or the number of the argument) whose gradient it is."""
    input: int
    """Its slot among the program's inputs, or -1 if its old value is not read."""
    output: int
    copied: Buffer | None
    """Where the new value is computed, if that cannot be in place."""
    order: Shape | None
    """The order in which its values lie in memory."""
    trained: bool
    """Whether it is a leaf of gradients."""
    form: tuple[Shape, DType]
    replaced: bool
    """Whether it is given other memory (`.data = ...`): nobody else may have the old one."""
    node: int = NO_NODE
    value: Buffer | None = None
    """What the tensor held at the last replay (see `Captured`), and where its values lay."""

    def holds(self) -> bool:
        """Whether it is of the same kind, and still a leaf of gradients, or without them."""
        t = self.tensor
        if t is None:
            return True
        held = t._held
        if self.replaced and t._storage is not None:
            return False
        if held.serial == self.node:
            return True
        if self.form != (held.shape, held.dtype):
            return False
        return held.needs_grad is self.trained and is_leaf(t)

    def found(self, inputs: Sequence[Any]) -> Any:
        """The tensor (or array) of this call."""
        if self.tensor is not None:
            return self.tensor
        if self.gradient is None:
            return inputs[self.argument]
        of = self.gradient if isinstance(self.gradient, Tensor) else inputs[self.gradient]
        return of._grad


@dataclass(slots=True)
class Gradient:
    """A tensor whose `.grad` the function assigns."""

    tensor: Tensor | None
    argument: int
    before: int
    """The slot of its gradient among the inputs; -1 if it is not read."""
    had: bool | None
    """Whether there was one; None if that makes no difference."""
    output: int
    """The slot of the new gradient among the outputs; -1 if there is none or it is the old one."""
    stays: bool
    """Whether the gradient there was is there afterwards, with other values."""
    orders: tuple[Shape | None, Shape | None]
    """The order in memory of the gradient that is read, and of the new one."""
    same: Tensor | None
    """The gradient that there must be, if another one would not do."""
    few: FewRows | None = None
    """Set if the new one is few rows added to zeros: then these are what the program writes."""
    held: Tensor | None = None
    value: Buffer | None = None
    """The tensor that was made for the new one, and where the program writes it."""


@dataclass(slots=True)
class FewRows:
    """The gradient of a table of which few rows were looked up.

    It is added up when somebody looks at it, and for most tables nobody does.
    """

    forms: tuple[tuple[Shape, DType], tuple[Shape, DType]]
    """Shape and type of the rows, and of their numbers."""
    shape: Shape
    attrs: tuple[Any, ...]
    """Of the gradient."""
    index: int
    """The slot of the numbers of rows among the outputs."""
    parts: tuple[Buffer, Buffer] | None = None
    """Where the program writes the rows, and their numbers."""

    def begin(self) -> tuple[Buffer, Buffer]:
        """Memory for both."""
        rows, index = self.forms
        self.parts = allocate(*rows), allocate(*index)
        return self.parts

    def gradient(self) -> Tensor:
        """The tensor, of what the program has written."""
        assert self.parts is not None
        rows, index = [_known(buffer) for buffer in self.parts]
        self.parts = None
        t = object.__new__(Tensor)
        with grad_mode(False):
            zeros = expand(const(0, rows.dtype), self.shape)
            node = t._held = scatter(zeros, index, rows, *self.attrs)
        node.owner = weakref.ref(t)
        return t


def _known(buffer: Buffer) -> Node:
    node = leaf(buffer.array.shape, from_numpy_dtype(buffer.array.dtype))
    node.value = buffer
    return node


@dataclass(slots=True)
class GradientRead:
    """A tensor whose `.grad` the function looks at."""

    tensor: Tensor
    form: tuple[Shape, DType] | None
    """Its shape and type; None if there was no gradient."""
    order: Shape | None
    """The order in which the program reads it from memory."""
    slot: int
    """Its slot among the program's inputs, or -1."""
    same: Tensor | None = None
    """The gradient that there must be, if another one would not do."""

    def holds(self) -> bool:
        """Whether there is such a gradient."""
        grad = self.tensor._grad
        if self.same is not None:
            return grad is self.same
        if grad is None or self.form is None:
            return grad is None and self.form is None
        return self.form == (grad.shape, grad.dtype)


@dataclass(slots=True)
class Result:
    """Where a tensor that the function returns comes from."""

    slot: int = -1
    """Its slot among the program's outputs, or -1: then it is, or looks at,"""
    argument: int = -1
    """an argument,"""
    tensor: Tensor | None = None
    """a tensor that was there before, or"""
    other: int = -1
    """another of the results (by number), or"""
    gradient: Tensor | int | None = None
    """the gradient of a tensor, or of an argument (by number),"""
    before: bool = False
    """as it was before this call;"""
    detached: bool = False
    """without its gradients,"""
    step: Any = None
    """through this view,"""
    connected: bool = True
    """made with gradients or without,"""
    overtaken: bool = False
    """before its memory was written to;"""
    viewed: bool = True
    """whether what is detached is viewed, or the view is detached."""
    node: Node | None = None
    """For one that the program computes: a node like it."""
    differentiated: bool = False
    """Whether it takes part in gradients that have been given up."""


@dataclass(slots=True)
class Left:
    """A tensor that the function keeps elsewhere."""

    reference: weakref.ref[Tensor]
    form: tuple[Shape, DType]
    slot: int
    """Its slot among the program's outputs."""
    value: Buffer | None = None
    """Where the program writes it."""

    def holds(self) -> bool:
        """Whether it is still where it was put, and only there."""
        return self.reference() is not None and holders(self.reference) <= ALONE

    def renew(self) -> None:
        """Give it the value of this call."""
        t = self.reference()
        if t is not None:
            node = leaf(t.shape, t.dtype, t._held.needs_grad, origin=t._held.origin)
            node.value = self.value
            node.owner = weakref.ref(t)
            t._held = node


def holders(reference: weakref.ref[Any]) -> int:
    """How often an object is held: to be compared with `ALONE`."""
    return sys.getrefcount(reference())


class _Something:
    pass


_kept = [_Something()]
ALONE = holders(weakref.ref(_kept[0]))
"""What `holders` finds for an object that is held once, in this version of Python."""


def readable(t: Tensor) -> Buffer:
    """Where the value of a tensor lies at this moment."""
    storage = t._storage
    if storage is not None and storage.array is not None and storage.exposed():
        return Buffer(seen(t, storage))
    node = t._held if storage is None else t._node
    if node.value is None:  # a view, or it comes from another thread
        evaluate([node])
    assert node.value is not None
    return node.value


def wrote(t: Tensor) -> None:
    """Let everything that shares memory with `t` see what a program has written there."""
    storage = t._storage
    if storage is not None and storage.array is None and t._held.value is None:
        t._node  # noqa: B018
    wrote_memory(t)


def made_of(buffer: Buffer, like: Node, differentiated: bool) -> Tensor:
    """A result: a new tensor over `buffer`, which collects gradients if `like` does."""
    t = object.__new__(Tensor)
    if differentiated:
        node = given_up(like.shape, like.dtype, origin=like.origin)
    else:
        node = leaf(like.shape, like.dtype, like.needs_grad, origin=like.origin)
    t._held = node
    node.value = buffer
    node.owner = weakref.ref(t)
    return t


def renewed(t: Tensor, value: Buffer | None) -> None:
    """Give `t` a new leaf: over `value`, or over the same memory if nobody wants the old leaf.

    Whoever holds the old leaf, a graph that may still be differentiated, keeps the old memory.
    """
    old = t._held
    new = leaf(old.shape, old.dtype, old.needs_grad, origin=old.origin)
    new.owner = weakref.ref(t)
    new.home = old.home
    memory: Buffer = old.value
    new.value = memory  # another thread may look at the tensor meanwhile
    old.superseded = MODE.origin or here()
    t._held = new
    gone = weakref.ref(old)
    del old
    if value is None:
        wanted = gone() is not None or not memory.private
        value = copied_buffer(memory) if wanted else memory
    new.value = value


def copied_buffer(buffer: Buffer) -> Buffer:
    """The same values in memory of their own."""
    array = buffer.array
    new = allocate(array.shape, from_numpy_dtype(array.dtype), buffer.order)
    new.array[...] = array
    return new


def address(x: Tensor | np.ndarray[Any, Any], keep: list[Any]) -> int:
    """Where the values of `x` lie, row by row; a copy that this needs is put into `keep`."""
    if isinstance(x, Tensor):
        buffer = x._held.value if x._storage is None else None
        if buffer is not None and buffer.order is None and buffer.layout is None:
            return buffer.pointer
        buffer = readable(x)
        if x._storage is not None:
            keep.append(buffer)
        return placed(buffer, None, keep)
    if not x.flags.c_contiguous:
        x = np.ascontiguousarray(x)
        keep.append(x)
    return address_of(x)


def placed(buffer: Buffer, order: Shape | None, keep: list[Any]) -> int:
    """Where the values lie in this order; a copy that this needs is put into `keep`."""
    if buffer.order != order or buffer.layout is not None:
        buffer = arranged(buffer, order)
        keep.append(buffer)
    return buffer.pointer
