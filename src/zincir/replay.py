"""Replays of a recorded function: where inputs come from, and where results go."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from sys import getrefcount
from typing import Any

import numpy as np

from zincir.compiler.precision import Terms
from zincir.compiler.prepare import Ready, prepare
from zincir.compiler.snapshot import snapshot
from zincir.evaluate import numbers, raise_out_of_range
from zincir.graph.node import Node, here
from zincir.inplace import refresh_views
from zincir.ops.source import leaf
from zincir.recording import Recording
from zincir.runtime import team
from zincir.runtime.buffer import Buffer, allocate, arranged
from zincir.tensor import Tensor, _pending, from_buffer, settle
from zincir.types import DType, Shape


@dataclass(slots=True)
class Changed:
    """A tensor that the function changes in place: given, or the argument of a number."""

    tensor: Tensor | None
    argument: int
    input: int
    """Its place among the program's inputs, or -1 if its old value is not read."""
    output: int
    copied: Buffer | None
    """Where the new value is computed, if that cannot be in place."""
    order: Shape | None
    """The order in which its values lie in memory."""
    node: Node | None = None
    value: Buffer | None = None
    """What the tensor held at the last replay, and where its values lay."""


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
    """The place of the new gradient among the outputs; -1 for None."""
    orders: tuple[Shape | None, Shape | None]
    """The order in memory of the gradient that is read, and of the new one."""
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
    itself: Tensor | None
    """The gradient, if the function also changes it in place: then it must be this one."""

    def holds(self) -> bool:
        """Whether there is such a gradient."""
        grad = self.tensor._grad
        if grad is None or self.form is None:
            return grad is None and self.form is None
        same = self.itself is None or self.itself is grad
        return same and self.form == (grad.shape, grad.dtype)


class Replay:
    """A program with everything needed to run it in place of the function."""

    def __init__(self) -> None:
        self.ready: Ready
        self.threads = team.get_num_threads()
        self.form: Any
        self.arguments: list[tuple[int, int]] = []
        """(number of the argument, its place among the inputs)."""
        self.live: list[tuple[int, Buffer, Callable[[], Any]]] = []
        self.constants: list[Node] = []
        self.changed: list[Changed] = []
        self.own: list[Tensor] = []
        """Those of `changed` that are always the same tensors, changed where they are."""
        self.others: list[Changed] = []
        self.gradients: list[Gradient] = []
        self.read: list[GradientRead] = []
        self.conditions: list[tuple[Callable[[], Any], Any]] = []
        self.results: list[Node | Tensor] = []
        """Tensors as they are, and nodes like those of which new tensors are leaves."""
        self.places: list[int] = []
        """Where the program writes each result; -1 for a tensor that is there."""
        self.pointers: list[int] = []
        """Of the inputs, then the outputs."""
        self.first_output = 0
        self.cells: np.ndarray[Any, Any]

    def holds(self, inputs: Sequence[Any]) -> bool:
        """Whether what was recorded is still what the function would do."""
        for getter, recorded in self.conditions:
            if getter() != recorded:
                return False
        for r in self.read:
            if not r.holds():
                return False
        for g in self.gradients:
            if g.had is not None:
                t = g.tensor if g.tensor is not None else inputs[g.argument]
                if (t._grad is not None) is not g.had:
                    return False
        for node in self.constants:
            if node.superseded is not None:
                return False
        return self.threads == team.get_num_threads()

    def run(self, inputs: Sequence[Any], first: bool = False) -> Any:
        """Do what the function does, to these arguments."""
        if _pending:
            settle()
        pointers = self.pointers
        keep = self._point_to_arguments(inputs, pointers)
        for r in self.read:
            if r.place >= 0 and r.tensor._grad is not None:
                pointers[r.place] = _placed(r.tensor._grad._node.value, r.order, keep)
        for place, buffer, getter in self.live:
            if not first:
                buffer.array[...] = getter()
            if place >= 0:
                pointers[place] = buffer.pointer
        first_output = self.first_output
        self._point_to_changed(inputs, pointers, first_output)
        self._point_to_gradients(inputs, pointers, first_output, keep)
        made: list[Buffer | None] = []
        for result, place in zip(self.results, self.places, strict=True):
            if isinstance(result, Tensor):
                made.append(None)
                continue
            buffer = allocate(result.shape, result.dtype)
            pointers[first_output + place] = buffer.pointer
            made.append(buffer)
        problem = self.ready.program.run(pointers)
        del keep
        self._finish(inputs, done=problem is None)
        if problem is not None:
            raise_out_of_range(self.ready, *problem)
        return _built(
            self.form, [self._result(r, b) for r, b in zip(self.results, made, strict=True)]
        )

    def _point_to_arguments(self, inputs: Sequence[Any], pointers: list[int]) -> list[Any]:
        keep: list[Any] = []
        for number, place in self.arguments:
            x = inputs[number]
            pointers[place] = _address(x, keep)
        return keep

    def _point_to_changed(self, inputs: Sequence[Any], pointers: list[int], outputs: int) -> None:
        for c in self.changed:
            t = c.tensor
            if t is None:
                t = inputs[c.argument]
                if not isinstance(t, Tensor):
                    if c.copied is None:
                        pointers[outputs + c.output] = pointers[c.input]
                    continue
            node = t._node
            # References: the tensor's, the one here, the name, the argument. Any other is a graph
            # that needs the old value: it gets to know that it is gone.
            if node is c.node and node.value is c.value and getrefcount(node) <= 4:
                continue
            if node.value.order != c.order:
                node.value = arranged(node.value, c.order)
            c.node = None
            if getrefcount(node) > 3:
                node = _renewed(t, node)
            c.node, c.value = node, node.value
            pointer = node.value.pointer
            if c.input >= 0:
                pointers[c.input] = pointer
            pointers[outputs + c.output] = pointer if c.copied is None else c.copied.pointer

    def _point_to_gradients(
        self, inputs: Sequence[Any], pointers: list[int], outputs: int, keep: list[Any]
    ) -> None:
        for g in self.gradients:
            t = g.tensor if g.tensor is not None else inputs[g.argument]
            held = g.held
            if g.before >= 0:
                assert t._grad is not None
                pointers[g.before] = _placed(t._grad._node.value, g.orders[0], keep)
                held = None
            if g.output < 0:
                continue
            # References: the record's, the name, the argument, and perhaps the tensor's.
            moved = held is not None and held._node.value is not g.value
            if held is None or moved or getrefcount(held) > 3 + (t._grad is held):
                node = t._node
                g.value = allocate(node.shape, node.dtype, g.orders[1])
                held = g.held = from_buffer(g.value)
                pointers[outputs + g.output] = g.value.pointer
            elif getrefcount(held._node) > 2:
                _renewed(held, held._node)

    def _finish(self, inputs: Sequence[Any], *, done: bool) -> None:
        """Let tensors show what the program has computed, or that it has stopped."""
        for g in self.gradients:
            t = g.tensor if g.tensor is not None else inputs[g.argument]
            if done:
                t._grad = g.held
            elif g.had is None:
                t._grad = None
        if not done:
            return
        for t in self.own:
            _changed(t)
        for c in self.others:
            t = c.tensor if c.tensor is not None else inputs[c.argument]
            # A view has no value yet if the tensor that it looks at was changed before it.
            if c.copied is not None and not (isinstance(t, Tensor) and t._node.value is None):
                target = t._node.value.array if isinstance(t, Tensor) else t
                target[...] = c.copied.array
            if isinstance(t, Tensor):
                _changed(t)

    def _result(self, result: Node | Tensor, buffer: Buffer | None) -> Tensor:
        if isinstance(result, Tensor):
            return result
        assert buffer is not None
        return from_buffer(buffer, result.origin)


def _changed(t: Tensor) -> None:
    t._version += 1
    if t._children is not None:
        refresh_views(t)


def _renewed(t: Tensor, node: Node) -> Node:
    """A new leaf over the same memory, which is about to change."""
    new = leaf(node.shape, node.dtype, node.needs_grad)
    new.value = node.value
    if node.owner is not None:
        new.owner = weakref.ref(t)
    node.superseded = here()
    node.value = None
    t._node = new
    return new


def _address(x: Tensor | np.ndarray[Any, Any], keep: list[Any]) -> int:
    """Where the values of `x` lie, row by row; a copy that this needs is put into `keep`."""
    if isinstance(x, Tensor):
        return _placed(x._node.value, None, keep)
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


def _built(form: Any, results: list[Tensor]) -> Any:
    kind, what = form
    if kind is Tensor:
        number: int = what
        return results[number]
    if kind is None:
        return what
    if kind is dict:
        return {k: _built(v, results) for k, v in what.items()}
    return kind([_built(v, results) for v in what])


def record_replay(
    recording: Recording,
    stand_ins: Sequence[Tensor],
    outputs: Sequence[Tensor],
    form: Any,
    undo: Callable[[], None],
    terms: Terms | None = None,
) -> Replay:
    """Compile what was recorded; tensors are left as they were before the recording."""
    return _Recorder(recording, stand_ins, terms).replay(outputs, form, undo)


class _Recorder:
    """Turns a recording into a replay."""

    def __init__(
        self, recording: Recording, stand_ins: Sequence[Tensor], terms: Terms | None
    ) -> None:
        self.recording = recording
        self.terms: Terms | None = terms
        self.stand_ins = stand_ins
        self.argument_of = {id(t): i for i, t in enumerate(stand_ins)}
        self.wanted: list[Node] = []
        self.orders: list[Shape | None] = []
        self.known: set[int] = set()
        self.made = Replay()

    def want(self, node: Node, order: Shape | None = None) -> int:
        """The number that `node` has among the outputs, and the order in which it is stored."""
        self.wanted.append(node)
        self.orders.append(order)
        return len(self.wanted) - 1

    def _want_gradient(self, t: Tensor) -> int:
        """The same for the gradient of `t`, stored as `t` is; -1 if it has none."""
        if t._grad is None:
            return -1
        _, before = self.recording.changed.get(id(t), (t, t._node))
        return self.want(t._grad._node, None if before.value is None else before.value.order)

    def replay(self, outputs: Sequence[Tensor], form: Any, undo: Callable[[], None]) -> Replay:
        made, recording = self.made, self.recording
        made.form = form
        for t in outputs:
            if id(t) in recording.changed and id(t) not in self.argument_of:
                made.results.append(t)
                made.places.append(-1)
            else:
                made.results.append(leaf(t.shape, t.dtype, origin=t._node.origin))
                made.places.append(self.want(t._node))
        changed = [
            (t, before, self.want(t._node, before.value.order))
            for t, before in recording.changed.values()
        ]
        grads = [
            (t, before, added, self._want_gradient(t))
            for t, before, added in recording.grads.values()
        ]
        taken = snapshot(self.wanted, self.orders)
        place_of = {id(node.value): i for i, node in enumerate(taken.leaves)}
        donations = {
            at: place_of[id(before.value)]
            for _, before, at in changed
            if id(before.value) in place_of and before.value.layout is None
        }
        undo()
        made.ready = prepare(taken, made.threads, donations, self.terms)
        made.cells = numbers(taken.numbers)
        for t, before, at in changed:
            self._add_changed(t, before, at, place_of)
        for c in made.changed:
            if c.tensor is None or c.copied is not None:
                made.others.append(c)
            else:
                made.own.append(c.tensor)
        for t, before, added, at in grads:
            self._add_gradient(t, before, added, at, place_of)
        for t, grad in recording.grads_read.values():
            self._add_read(t, grad, place_of)
        self._add_inputs(taken.leaves, place_of)
        first = made.cells.ctypes.data
        made.pointers = [n.value.pointer for n in taken.leaves]
        made.pointers += range(first, first + 8 * len(taken.numbers), 8)
        made.first_output = len(made.pointers)
        made.pointers += [0] * len(self.wanted)
        made.conditions = [(getter, found) for _, getter, found in recording.conditions.values()]
        return made

    def _add_changed(self, t: Tensor, before: Node, at: int, place_of: dict[int, int]) -> None:
        self.known.add(id(before.value))
        place = place_of.get(id(before.value), -1)
        donated = self.made.ready.donated
        order = before.value.order
        in_place = (at in donated or place < 0) and before.value.layout is None
        argument = self.argument_of.get(id(t), -1)
        copied = None if in_place else allocate(t.shape, t.dtype, order)
        self.made.changed.append(
            Changed(t if argument < 0 else None, argument, place, at, copied, order)
        )

    def _add_gradient(
        self, t: Tensor, before: Tensor | None, added: bool, at: int, place_of: dict[int, int]
    ) -> None:
        place, order = -1, None
        if before is not None:
            place = place_of.get(id(before._node.value), -1)
            order = before._node.value.order
            self.known.add(id(before._node.value))
        argument = self.argument_of.get(id(t), -1)
        had = before is not None if added else None
        self.made.gradients.append(
            Gradient(
                t if argument < 0 else None, argument, place, had, at, (order, self.orders[at])
            )
        )

    def _add_read(self, t: Tensor, grad: Tensor | None, place_of: dict[int, int]) -> None:
        if grad is None:
            self.made.read.append(GradientRead(t, None, None, -1, None))
            return
        value, order = id(grad._node.value), grad._node.value.order
        self.known.add(value)
        itself = grad if id(grad) in self.recording.changed else None
        form = grad.shape, grad.dtype
        self.made.read.append(GradientRead(t, form, order, place_of.get(value, -1), itself))

    def _add_inputs(self, leaves: Sequence[Node], place_of: dict[int, int]) -> None:
        """Where the values of all other inputs come from at each call."""
        for i, t in enumerate(self.stand_ins):
            place = place_of.get(id(t._node.value))
            if place is not None:
                self.made.arguments.append((i, place))
                self.known.add(id(t._node.value))
        for node, getter in self.recording.live:
            self.made.live.append((place_of.get(id(node.value), -1), node.value, getter))
            self.known.add(id(node.value))
        self.made.constants = [node for node in leaves if id(node.value) not in self.known]
