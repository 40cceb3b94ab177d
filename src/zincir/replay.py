"""Replays of a recorded function: where inputs come from, and where results go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zincir.arguments import built
from zincir.bindings import (
    NO_NODE,
    Captured,
    Changed,
    Gradient,
    GradientRead,
    Left,
    Live,
    Result,
    address,
    copied_buffer,
    made_of,
    placed,
    readable,
    renewed,
    wrote,
)
from zincir.compiler.program_cache import CachedProgram
from zincir.creation import from_numpy
from zincir.evaluate import ENGINE, raise_out_of_range
from zincir.graph.node import Node, grad_mode
from zincir.inplace import rebind
from zincir.names import Names
from zincir.operations.source import leaf
from zincir.pending import settle, waiting
from zincir.recording import EPOCH
from zincir.runtime import team
from zincir.runtime.buffer import Buffer, allocate, arranged
from zincir.storage import owned_again, whole_of
from zincir.tensor import Tensor, from_buffer
from zincir.tensor_base import BEFORE
from zincir.watched import Watched


class Replay:
    """A program with everything needed to run it in place of the function."""

    def __init__(self) -> None:
        self.ready: CachedProgram
        self.threads = team.get_num_threads()
        self.form: Any
        self.checked = False
        """Whether a second recording was the same."""
        self.text: Any
        """What the recording is compared by."""
        self.arguments: list[tuple[int, int]] = []
        """(number of the argument, its slot among the inputs)."""
        self.live: list[Live] = []
        self.captured: list[Captured] = []
        self.graphs: list[tuple[Tensor, Node]] = []
        """Tensors from outside with the graphs behind them that gradients are passed through."""
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
        self.names: Names
        self.epoch = EPOCH.count
        self.gone = -1
        """The count of changes at which what is watched was not as recorded."""
        self.results: list[Result] = []
        self.left: list[Left] = []
        """Tensors that the function keeps elsewhere."""
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
            if self.gone == count:
                return False
            if not self.watched.holds():
                self.gone = count
                return False
            self.epoch = count
        elif not self.watched.contents_hold():
            return False
        for getter, recorded in self.conditions:
            now = getter()
            if now is not recorded and now != recorded:
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
            if (t._storage is not None or t._held.serial != c.node) and not c.holds():
                return False
        for c in self.changed:
            t = c.tensor
            if t is not None and (c.replaced or t._held.serial != c.node) and not c.holds():
                return False
        for t, node in self.graphs:
            if t._held is not node or (t._storage is not None and t._seen != t._storage.version):
                return False
        return all([left.holds() for left in self.left])

    def aliased(self, inputs: Sequence[Any]) -> bool:
        """Whether an argument shares memory with something that is written to besides it."""
        for x in inputs:
            if isinstance(x, Tensor):
                if id(x if x._base is None else whole_of(x)) in self.written:
                    return True
                storage = x._storage
                if storage is None:
                    continue
                if storage.several and self._writes(storage):
                    return True
                if storage.array is not None and self._writes_memory_of(x):
                    return True
        return self.writes_arguments and _overlap(inputs, self)

    def _writes(self, storage: Any) -> bool:
        return any([id(t) in self.written for t in storage.alive()])

    def _writes_memory_of(self, x: Tensor) -> bool:
        return any([c.tensor is not None and shares(x, c.tensor) for c in self.changed])

    def run(self, inputs: Sequence[Any], numbers: list[float]) -> Any:
        """Do what the function does, to these arguments."""
        with ENGINE:
            if numbers:
                self.box[:] = numbers
            if waiting():
                settle()
            pointers = self.pointers
            keep: list[Any] = []
            for number, slot in self.arguments:
                pointers[slot] = address(inputs[number], keep)
            self._bind_captured(pointers, keep)
            for r in self.read:
                if r.slot >= 0 and r.tensor._grad is not None:
                    pointers[r.slot] = placed(readable(r.tensor._grad), r.order, keep)
            for number in self.live:
                number.read()
                if number.slot >= 0:
                    pointers[number.slot] = number.buffer.pointer
            self._point_to_changed(inputs, pointers, keep)
            self._point_to_gradients(inputs, pointers, keep)
            made = self._make_results(pointers)
            before = [_gradient(r, inputs) if r.before else None for r in self.results]
            problem = self.ready.program.run(pointers)
            self._finish(inputs, done=problem is None)
            if problem is not None:
                raise_out_of_range(self.ready, *problem)
            out = self._results(inputs, made, before)
            for left in self.left:
                left.renew()
            return built(self.form, out)

    def _bind_captured(self, pointers: list[int], keep: list[Any]) -> None:
        for c in self.captured:
            t = c.tensor
            node = t._held
            keep.append(node)  # another thread may give the tensor another value meanwhile
            if t._storage is None and node.serial == c.node:
                continue
            buffer = readable(t)
            keep.append(buffer)
            kept = c.layout is not None
            pointer = buffer.pointer if kept else placed(buffer, c.order, keep)
            pointers[c.slot] = pointer
            # A copy in another order is gone after this call.
            lasting = pointer == buffer.pointer and node.value is buffer
            c.node = node.serial if lasting else NO_NODE

    def _make_results(self, pointers: list[int]) -> list[Buffer | None]:
        made: list[Buffer | None] = []
        for r in self.results:
            if r.node is None:
                made.append(None)
                continue
            buffer = allocate(r.node.shape, r.node.dtype)
            pointers[self.first_output + r.slot] = buffer.pointer
            made.append(buffer)
        for left in self.left:
            left.value = buffer = allocate(*left.form)
            pointers[self.first_output + left.slot] = buffer.pointer
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
            if t._storage is None or owned_again(t):
                node = t._held
                value = node.value if node.value is not None else readable(t)
                same = node.serial == c.node and value is c.value
                if same and not (node.used or value.shared or value.lookers):
                    continue
                node = None
                if c.order != value.order or value.layout is not None:
                    renewed(t, arranged(value, c.order))
                elif t._held.used or not value.private:
                    renewed(t, None)
                c.node = t._held.serial
                c.value = buffer = t._held.value
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
        pointer = address(x, keep) if c.value is None else c.value.pointer
        if c.input >= 0 and c.copied is None:
            pointers[c.input] = pointer
        pointers[self.first_output + c.output] = pointer

    def _shared_memory(self, c: Changed, t: Tensor, keep: list[Any]) -> Buffer:
        """Where to compute the new value of a tensor in a storage."""
        c.node = NO_NODE
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
            renewed(t, arranged(value, c.order))
        elif t._held.used or not value.private:
            renewed(t, None)
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
                pointers[g.before] = placed(readable(t._grad), g.orders[0], keep)
                held = None
            if g.output < 0:
                continue
            if g.few is not None:
                rows, index = g.few.begin()
                pointers[outputs + g.output] = rows.pointer
                pointers[outputs + g.few.index] = index.pointer
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
        for c in self.changed if done else ():
            t = c.tensor
            if t is not None and t._storage is None and c.copied is None:
                t._writes += 1
            else:
                self._finish_changed(c, c.found(inputs))
        for g in self.gradients:
            if g.stays:
                continue
            t = g.tensor if g.tensor is not None else inputs[g.argument]
            if done:
                t._grad = g.held if g.few is None else g.few.gradient()
            elif g.had is None:
                t._grad = None
        for number, flag in self.flags if done else ():
            if isinstance(inputs[number], Tensor):
                inputs[number].requires_grad_(flag)

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
            node.value = copied_buffer(value) if value is c.copied else value
            with grad_mode(False):
                rebind(t, node)
            return
        if storage is not None and storage.array is not None and storage.exposed():
            if storage.array.ctypes.data != value.pointer:
                np.copyto(storage.array, value.array)
        elif c.copied is not None:
            t._held.value.array[...] = c.copied.array
        wrote(t)

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
                t = made_of(buffer, r.node, r.differentiated)
                t = t if r.step is None else t._view(r.step)
            else:
                t = out[r.other] if r.other >= 0 else r.tensor
                if r.gradient is not None:
                    t = old if r.before else _gradient(r, inputs)
                    assert t is not None
                    t._shown = True
                elif t is None:
                    given: Any = inputs[r.argument]
                    looked = r.detached or r.step is not None
                    t = from_numpy(given) if looked and not isinstance(given, Tensor) else given
                if r.detached and r.viewed:
                    t = t.detach()
                if r.step is not None:
                    with grad_mode(r.connected):
                        t = t._view(r.step)
                    if r.overtaken:
                        t._since = BEFORE
                if r.detached and not r.viewed:
                    t = t.detach()
            out.append(t)
        return out


def _gradient(r: Result, inputs: Sequence[Any]) -> Tensor | None:
    of = r.gradient if isinstance(r.gradient, Tensor) else inputs[r.gradient or 0]
    return of._grad


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
    storages = [t._storage for t in (x, y) if isinstance(t, Tensor)]
    if x is y or (len(storages) == 2 and storages[0] is storages[1] is not None):
        return True
    arrays = [t for t in (x, y) if not isinstance(t, Tensor)]
    arrays += [s.array for s in storages if s is not None and s.array is not None]
    return len(arrays) == 2 and bool(np.may_share_memory(*arrays))
