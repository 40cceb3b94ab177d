"""Replays of a recorded function: where inputs come from, and where results go."""

from __future__ import annotations

import ctypes
import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from zincir.arguments import built
from zincir.compiler.prepare import Ready
from zincir.creation import from_numpy
from zincir.evaluate import ENGINE, evaluate, raise_out_of_range
from zincir.graph.node import MODE, Node, here
from zincir.inplace import is_leaf, rebind, wrote_memory
from zincir.ops.source import given_up, leaf
from zincir.recording import EPOCH
from zincir.runtime import team
from zincir.runtime.buffer import Buffer, allocate, arranged
from zincir.storage import seen, whole_of
from zincir.tensor import Tensor, from_buffer, settle, waiting
from zincir.types import DType, Shape, from_numpy_dtype
from zincir.watched import Watched


@dataclass(slots=True)
class Captured:
    """A tensor that the function looks at and does not get as an argument."""

    tensor: Tensor
    node: Node
    """What it held when its place was last bound."""
    place: int
    order: Shape | None
    layout: tuple[int, ...] | None
    """How its values lie in memory."""

    def holds(self) -> bool:
        """Whether it is still of the same kind."""
        t, known = self.tensor, self.node
        if t.requires_grad is not known.needs_grad or t._held.dtype is not known.dtype:
            return False
        if self.layout is not None:
            buffer = readable(t)
            return (buffer.layout, buffer.order) == (self.layout, self.order)
        return t._held.shape == known.shape


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
    """Its place among the program's inputs, or -1 if its old value is not read."""
    output: int
    copied: Buffer | None
    """Where the new value is computed, if that cannot be in place."""
    order: Shape | None
    """The order in which its values lie in memory."""
    trained: bool
    """Whether it is a leaf of gradients."""
    form: tuple[Shape, DType]
    node: Node | None = None
    value: Buffer | None = None
    """What the tensor held at the last replay, and where its values lay."""

    def holds(self) -> bool:
        """Whether it is of the same kind, and still a leaf of gradients, or without them."""
        t = self.tensor
        if t is None or t._held is self.node:
            return True
        held = t._held
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
    """The place of its gradient among the inputs; -1 if it is not read."""
    had: bool | None
    """Whether there was one; None if that makes no difference."""
    output: int
    """The place of the new gradient among the outputs; -1 if there is none or it is the old one."""
    stays: bool
    """Whether the gradient there was is there afterwards, with other values."""
    orders: tuple[Shape | None, Shape | None]
    """The order in memory of the gradient that is read, and of the new one."""
    same: Tensor | None
    """The gradient that there must be, if it looks at the memory of something else."""
    held: Tensor | None = None
    value: Buffer | None = None
    """The tensor that was made for the new one, and where the program writes it."""


@dataclass(slots=True)
class GradientRead:
    """A tensor whose `.grad` the function looks at."""

    tensor: Tensor
    form: tuple[Shape, DType] | None
    """Its shape and type; None if there was no gradient."""
    order: Shape | None
    """The order in which the program reads it from memory."""
    place: int
    """Its place among the program's inputs, or -1."""
    same: Tensor | None = None
    """The gradient that there must be, if it looks at the memory of something else."""

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

    place: int = -1
    """Its place among the program's outputs, or -1: then it is, or looks at,"""
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
    """without its gradients"""
    step: Any = None
    """through this view."""
    node: Node | None = None
    """For one that the program computes: a node like it."""
    differentiated: bool = False
    """Whether it takes part in gradients that have been given up."""


class Replay:
    """A program with everything needed to run it in place of the function."""

    def __init__(self) -> None:
        self.ready: Ready
        self.threads = team.get_num_threads()
        self.form: Any
        self.checked = False
        """Whether a second recording was the same."""
        self.text: Any
        """What the recording is compared by."""
        self.arguments: list[tuple[int, int]] = []
        """(number of the argument, its place among the inputs)."""
        self.live: list[tuple[int, Buffer, Callable[[], Any]]] = []
        self.captured: list[Captured] = []
        self.fixed: list[Node] = []
        """Leaves that nobody can change: they are kept."""
        self.changed: list[Changed] = []
        self.written: set[int] = set()
        """By id: the tensors that are changed at every call."""
        self.writes_arguments = False
        self.flags: list[tuple[int, bool]] = []
        """(number of an argument, whether it collects gradients from then on)."""
        self.gradients: list[Gradient] = []
        self.read: list[GradientRead] = []
        self.conditions: list[tuple[Callable[[], Any], Any]] = []
        self.watched: Watched
        self.epoch = EPOCH.count
        self.results: list[Result] = []
        self.left: list[tuple[weakref.ref[Tensor], int]] = []
        """Tensors that the function keeps elsewhere, and their places among the outputs."""
        self.pointers: list[int] = []
        """Of the inputs, then the outputs."""
        self.first_output = 0
        self.cells: np.ndarray[Any, Any]
        self.box: list[float] = []
        """The numbers among the arguments of this call, where `live` reads them."""

    def holds(self, inputs: Sequence[Any]) -> bool:
        """Whether what was recorded is still what the function would do."""
        if self.epoch != EPOCH.count:
            count = EPOCH.count
            if not self.watched.holds():
                return False
            self.epoch = count
        for getter, recorded in self.conditions:
            if getter() != recorded:
                return False
        if not (self._gradients_hold(inputs) and self._tensors_hold()):
            return False
        return self.threads == team.get_num_threads()

    def _gradients_hold(self, inputs: Sequence[Any]) -> bool:
        for r in self.read:
            if not r.holds():
                return False
        for g in self.gradients:
            if g.had is not None:
                t = g.tensor if g.tensor is not None else inputs[g.argument]
                if (t._grad is not None) is not g.had:
                    return False
                if g.same is not None and t._grad is not g.same:
                    return False
        return True

    def _tensors_hold(self) -> bool:
        for c in self.captured:
            t = c.tensor
            if (t._storage is not None or t._held is not c.node) and not c.holds():
                return False
        for c in self.changed:
            if not c.holds():
                return False
        return not self.left or self._left_holds()

    def _left_holds(self) -> bool:
        """Whether tensors that the function keeps are still where it put them, and only there."""
        for reference, _ in self.left:
            if reference() is None or holders(reference) > ALONE:
                return False
        return True

    def aliased(self, inputs: Sequence[Any]) -> bool:
        """Whether an argument shares memory with something that is written to besides it."""
        for x in inputs:
            if isinstance(x, Tensor):
                whole = whole_of(x)
                if id(whole) in self.written:
                    return True
                storage = x._storage
                if storage is not None and storage.several and self._writes(storage):
                    return True
        return self.writes_arguments and _overlap(inputs, self)

    def _writes(self, storage: Any) -> bool:
        tensors = (c.tensor for c in self.changed if c.tensor is not None)
        return any(t._storage is storage for t in tensors)

    def run(self, inputs: Sequence[Any], numbers: list[float]) -> Any:
        """Do what the function does, to these arguments."""
        with ENGINE:
            self.box[:] = numbers
            if waiting():
                settle()
            pointers = self.pointers
            keep: list[Any] = []
            for number, place in self.arguments:
                pointers[place] = _address(inputs[number], keep)
            self._bind_captured(pointers, keep)
            for r in self.read:
                if r.place >= 0 and r.tensor._grad is not None:
                    pointers[r.place] = _placed(readable(r.tensor._grad), r.order, keep)
            for place, buffer, getter in self.live:
                buffer.array[...] = getter()
                if place >= 0:
                    pointers[place] = buffer.pointer
            self._point_to_changed(inputs, pointers, keep)
            self._point_to_gradients(inputs, pointers, keep)
            made = self._make_results(pointers)
            before = [_gradient(r, inputs) if r.before else None for r in self.results]
            problem = self.ready.program.run(pointers)
            self._finish(inputs, done=problem is None)
            if problem is not None:
                raise_out_of_range(self.ready, *problem)
            for (reference, _), buffer in zip(self.left, made[len(self.results) :], strict=True):
                _rebound(reference(), buffer)
            return built(self.form, self._results(inputs, made, before))

    def _bind_captured(self, pointers: list[int], keep: list[Any]) -> None:
        for c in self.captured:
            t = c.tensor
            if t._storage is None:
                node = t._held
                if node is c.node:
                    continue
                if node.value is None:  # another thread has changed it just now
                    evaluate([node])
                c.node = node
                buffer = cast(Buffer, node.value)
            else:
                buffer = readable(t)
                c.node = t._held
                keep.append(buffer)
            if c.layout is None:
                pointers[c.place] = _placed(buffer, c.order, keep)
            else:
                pointers[c.place] = buffer.pointer

    def _make_results(self, pointers: list[int]) -> list[Buffer | None]:
        made: list[Buffer | None] = []
        for r in self.results:
            if r.node is None:
                made.append(None)
                continue
            buffer = allocate(r.node.shape, r.node.dtype)
            pointers[self.first_output + r.place] = buffer.pointer
            made.append(buffer)
        for reference, place in self.left:
            t = reference()
            assert t is not None
            buffer = allocate(t.shape, t.dtype)
            pointers[self.first_output + place] = buffer.pointer
            made.append(buffer)
        return made

    def _point_to_changed(
        self, inputs: Sequence[Any], pointers: list[int], keep: list[Any]
    ) -> None:
        outputs = self.first_output
        for c in self.changed:
            t = c.tensor
            if t is None:
                t = c.found(inputs)
                if not isinstance(t, Tensor):
                    self._point_to_array(c, t, pointers, keep)
                    continue
            if t._storage is None:
                node = t._held
                value = node.value if node.value is not None else readable(t)
                if node is c.node and value is c.value and not node.used and value.private:
                    continue
                c.node = node = None
                if c.order != value.order or value.layout is not None:
                    _renewed(t, arranged(value, c.order))
                elif t._held.used or not value.private:
                    _renewed(t, None)
                c.node = t._held
                c.value = buffer = c.node.value
            else:
                buffer = self._shared_memory(c, t, keep)
            pointer = buffer.pointer
            if c.input >= 0:
                pointers[c.input] = pointer
            pointers[outputs + c.output] = pointer if c.copied is None else c.copied.pointer

    def _point_to_array(self, c: Changed, x: Any, pointers: list[int], keep: list[Any]) -> None:
        """Where to compute the new values of an array."""
        c.value = c.copied
        if c.value is None and not (x.flags.c_contiguous and x.flags.writeable):
            c.value = Buffer(np.array(x, order="C"))
        pointer = _address(x, keep) if c.value is None else c.value.pointer
        if c.input >= 0 and c.copied is None:
            pointers[c.input] = pointer
        pointers[self.first_output + c.output] = pointer

    def _shared_memory(self, c: Changed, t: Tensor, keep: list[Any]) -> Buffer:
        """Where to compute the new value of a tensor in a storage."""
        c.node = None
        storage = t._storage
        assert storage is not None
        if t._base is not None:  # a view: its whole is told when the value is there
            buffer = allocate(t.shape, t.dtype, c.order)
            buffer.array[...] = readable(t).array
            c.value = buffer
            return buffer
        if storage.array is not None and storage.exposed():
            c.value = buffer = Buffer(storage.array, order=c.order)
            if buffer.layout is not None or buffer.order != c.order:
                c.value = buffer = arranged(buffer, c.order)
                keep.append(buffer)
            return buffer
        value = readable(t)
        if c.order != value.order or value.layout is not None:
            _renewed(t, arranged(value, c.order))
        elif t._held.used or not value.private:
            _renewed(t, None)
        c.value = t._held.value
        return t._held.value

    def _point_to_gradients(
        self, inputs: Sequence[Any], pointers: list[int], keep: list[Any]
    ) -> None:
        outputs = self.first_output
        for g in self.gradients:
            t = g.tensor if g.tensor is not None else inputs[g.argument]
            held = g.held
            if g.before >= 0 and not g.stays:
                assert t._grad is not None
                pointers[g.before] = _placed(readable(t._grad), g.orders[0], keep)
                held = None
            if g.output < 0:
                continue
            if held is None or held._shown or held._storage is not None or held._held.used:
                node = t._held
                g.value = allocate(node.shape, node.dtype, g.orders[1])
                g.held = from_buffer(g.value)
                pointers[outputs + g.output] = g.value.pointer
            elif held._held.value is not g.value or g.value is None or not g.value.private:
                g.value = allocate(held.shape, held.dtype, g.orders[1])
                held._held.value = g.value
                pointers[outputs + g.output] = g.value.pointer

    def _finish(self, inputs: Sequence[Any], *, done: bool) -> None:
        """Let tensors show what the program has computed, or that it has stopped."""
        for g in self.gradients:
            if g.stays:
                continue
            t = g.tensor if g.tensor is not None else inputs[g.argument]
            if done:
                t._grad = g.held
            elif g.had is None:
                t._grad = None
        if not done:
            return
        for number, flag in self.flags:
            if isinstance(inputs[number], Tensor):
                inputs[number].requires_grad_(flag)
        for c in self.changed:
            t = c.tensor
            if t is not None and t._storage is None and c.copied is None:
                t._writes += 1
            else:
                self._finish_changed(c, c.found(inputs))

    def _finish_changed(self, c: Changed, t: Any) -> None:
        if not isinstance(t, Tensor):
            if c.value is not None:
                t[...] = c.value.array
            return
        storage = t._storage
        value = c.value if c.copied is None else c.copied
        assert value is not None
        if storage is not None and t._base is not None:
            node = leaf(t.shape, t.dtype)
            node.value = _copy(value) if value is c.copied else value
            before = MODE.grad
            MODE.grad = False
            try:
                rebind(t, node)
            finally:
                MODE.grad = before
            return
        if storage is not None and storage.array is not None and storage.exposed():
            if storage.array.ctypes.data != value.pointer:
                np.copyto(storage.array, value.array)
        elif c.copied is not None:
            t._held.value.array[...] = c.copied.array
        _wrote(t)

    def _results(
        self,
        inputs: Sequence[Any],
        made: Sequence[Buffer | None],
        before: Sequence[Tensor | None],
    ) -> list[Tensor]:
        out: list[Tensor] = []
        for r, buffer, old in zip(self.results, made, before, strict=False):
            if r.node is not None:
                assert buffer is not None
                t = from_buffer(buffer, r.node.origin)
                if r.differentiated:
                    t._held = given_up(t._held)
            else:
                t = out[r.other] if r.other >= 0 else r.tensor
                if r.gradient is not None:
                    t = old if r.before else _gradient(r, inputs)
                    assert t is not None
                    t._shown = True
                elif t is None:
                    t = inputs[r.argument]
                if r.detached or r.step is not None:
                    t = _looked_at(t)
                if r.detached:
                    t = t.detach()
                if r.step is not None:
                    t = t._view(r.step)
            out.append(t)
        return out


def _looked_at(x: Any) -> Tensor:
    """A tensor to make a view of: over an array, if it is one."""
    return x if isinstance(x, Tensor) else from_numpy(x)


def _gradient(r: Result, inputs: Sequence[Any]) -> Tensor | None:
    of = r.gradient if isinstance(r.gradient, Tensor) else inputs[r.gradient or 0]
    return of._grad


def holders(reference: weakref.ref[Any]) -> int:
    """How often an object is held: to be compared with `ALONE`."""
    return sys.getrefcount(reference())


class _Something:
    pass


_kept = [_Something()]
ALONE = holders(weakref.ref(_kept[0]))
"""What `holders` finds for an object that is held once, in this version of Python."""


def _overlap(inputs: Sequence[Any], replay: Replay) -> bool:
    """Whether an argument that is written to shares memory with another argument, or a capture."""
    for c in replay.changed:
        if c.tensor is not None or c.gradient is not None:
            continue
        x = inputs[c.argument]
        others = [y for i, y in enumerate(inputs) if i != c.argument]
        if any(shares(x, y) for y in others):
            return True
        if isinstance(x, Tensor) and any(shares(x, k.tensor) for k in replay.captured):
            return True
    return False


def shares(x: Any, y: Any) -> bool:
    """Whether two tensors or arrays have memory in common."""
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        return x is y or (x._storage is not None and x._storage is y._storage)
    if isinstance(x, Tensor):
        x, y = y, x
    if isinstance(y, Tensor):
        y = None if y._storage is None else y._storage.array
    return y is not None and bool(np.may_share_memory(x, y))


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


def _wrote(t: Tensor) -> None:
    storage = t._storage
    if storage is not None and storage.array is None and t._held.value is None:
        t._node  # noqa: B018
    wrote_memory(t)


def _rebound(t: Tensor | None, buffer: Buffer | None) -> None:
    if t is not None and buffer is not None:
        node = leaf(t.shape, t.dtype, t._held.needs_grad, origin=t._held.origin)
        node.value = buffer
        node.owner = weakref.ref(t)
        t._held = node


def _renewed(t: Tensor, value: Buffer | None) -> None:
    """Give `t` a new leaf: over `value`, or over the same memory if nobody wants the old leaf.

    Whoever holds the old leaf, a graph that may still be differentiated, keeps the old memory.
    """
    old = t._held
    new = leaf(old.shape, old.dtype, old.needs_grad, origin=old.origin)
    new.owner = weakref.ref(t)
    new.home = old.home
    memory: Buffer = old.value
    new.value = memory  # another thread may look at the tensor meanwhile
    old.superseded = here()
    t._held = new
    gone = weakref.ref(old)
    del old
    if value is None:
        wanted = gone() is not None or not memory.private
        value = _copy(memory) if wanted else memory
    new.value = value


def _copy(buffer: Buffer) -> Buffer:
    array = buffer.array
    new = allocate(array.shape, from_numpy_dtype(array.dtype), buffer.order)
    new.array[...] = array
    return new


def _address(x: Tensor | np.ndarray[Any, Any], keep: list[Any]) -> int:
    """Where the values of `x` lie, row by row; a copy that this needs is put into `keep`."""
    if isinstance(x, Tensor):
        buffer = readable(x)
        if x._storage is not None:
            keep.append(buffer)
        return _placed(buffer, None, keep)
    if not x.flags.c_contiguous:
        x = np.ascontiguousarray(x)
        keep.append(x)
    try:
        # A third of the time that `x.ctypes.data` takes.
        return ctypes.addressof(ctypes.c_char.from_buffer(x.data))
    except (TypeError, ValueError):  # read-only, or empty
        return x.ctypes.data


def _placed(buffer: Buffer, order: Shape | None, keep: list[Any]) -> int:
    """Where the values lie in this order; a copy that this needs is put into `keep`."""
    if buffer.order != order or buffer.layout is not None:
        buffer = arranged(buffer, order)
        keep.append(buffer)
    return buffer.pointer
