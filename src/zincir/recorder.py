"""Turns a recording into a replay: what the program reads and writes, and whose it is."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.arguments import compared
from zincir.bindings import Captured, Changed, FewRows, Gradient, GradientRead, Left, Live, Result
from zincir.compiler.options import Options, Terms
from zincir.compiler.program_cache import find_program
from zincir.compiler.snapshot import above, snapshot, structure
from zincir.evaluate import ENGINE, evaluate, numbers
from zincir.graph.node import Node, changed_at
from zincir.inplace import is_leaf
from zincir.operations.indexing import few_rows
from zincir.operations.source import leaf
from zincir.recording import Change, Recording, resumed
from zincir.replay import Replay
from zincir.runtime.buffer import Buffer, again, allocate, arranged
from zincir.shared_value import is_overtaken
from zincir.storage import path, whole_of
from zincir.tensor import Tensor
from zincir.tensor_base import base_of
from zincir.types import Shape
from zincir.views import ViewOp, after
from zincir.watched import Watched


def undo(recording: Recording) -> None:
    """Give tensors back the nodes and gradients they had before a recording."""
    for tensor, node in recording.flags.values():
        tensor._held = node
    for change in recording.changed.values():
        tensor, node, held = change.tensor, change.node, change.held
        turned = recording.flags.get(id(tensor))
        if turned is not None and turned[1].serial < node.serial:
            node = held = turned[1]  # that was done before
        if tensor._held.serial < node.serial:
            node = held = tensor._held  # it became another one before, which has been taken back
        node.superseded = None
        storage = tensor._storage
        tensor._held = node
        if storage is None:
            tensor._writes = change.writes
            continue
        storage.version += 1
        storage.writes = change.writes
        tensor._seen = storage.version
        if storage.several:
            storage.node = node
        if storage.array is not None:  # the node is one over the memory itself
            tensor._held = held
            held.owner = weakref.ref(tensor)
    for tensor, grad, _ in recording.grads.values():
        tensor._grad = grad
    for generator, state in recording.generators.values():
        generator.set_state(state)


def take_back(recording: Recording) -> None:
    """Undo a recording, with what it did to other things than values and gradients."""
    for back in reversed(recording.back):
        back()
    undo(recording)


class Recorder:
    """Turns a recording into a replay; tensors are left as they were before the recording."""

    def __init__(
        self,
        recording: Recording,
        stand_ins: Sequence[Tensor],
        modules: list[Any],
        terms: Terms | None,
    ) -> None:
        self.recording = recording
        self.modules = modules
        self.terms: Terms | None = terms
        self.stand_ins = stand_ins
        self.argument_of = {id(t): i for i, t in enumerate(stand_ins)}
        self.wanted: list[Node] = []
        self.orders: list[Shape | None] = []
        self.known: set[int] = set()
        self._overlapped: set[int] = set()
        self._few: dict[int, FewRows] = {}
        """By the number of their rows among the outputs: gradients that are few rows."""
        self.made = Replay()

    def want(self, node: Node, order: Shape | None = None) -> int:
        """The number that `node` has among the outputs, and the order in which it is stored."""
        self.wanted.append(node)
        self.orders.append(order)
        return len(self.wanted) - 1

    def replay(
        self,
        outputs: Sequence[Tensor],
        form: Any,
        left: Sequence[Tensor],
        first: Replay | None = None,
    ) -> Replay:
        """The replay of a function that returned `outputs`, and put the tensors `left` elsewhere.

        Args:
            first: that of an earlier recording, which is returned if it is the same.
        """
        self.returned = {id(t) for t in outputs}
        self.flagged = {k: t.requires_grad for k, (t, _) in self.recording.flags.items()}
        made, recording = self.made, self.recording
        made.form = form
        evaluate([node for node in self._changing() if node.value is None])
        with resumed(recording):
            changed, grads = self._gather(outputs, left)
        self._tell_apart()
        taken = snapshot(self.wanted, self.orders)
        slot_of = {id(node.value): i for i, node in enumerate(taken.leaves)}
        self._overlapped = self._read_twice(taken.leaves)
        donations = {
            at: slot_of[id(c.node.value)]
            for c, at in changed
            if id(c.node.value) in slot_of and self._may_be_written(c.node.value)
        }
        made.text = self._compared()
        undo(recording)
        made.graphs = self._outer_graphs()
        if first is not None and first.text == made.text:
            first.left = made.left
            return first
        with ENGINE:
            made.ready = find_program(taken, Options(made.threads, donations, self.terms))
        made.cells = numbers(taken.numbers)
        for c, at in changed:
            self._add_changed(c, at, slot_of)
        for t, before, now, added, at in grads:
            self._add_gradient(t, before, now, added, at, slot_of)
        for t, grad in recording.grads_read.values():
            self._add_read(t, grad, slot_of)
        self._add_inputs(taken.leaves, slot_of)
        cells = made.cells.ctypes.data
        made.pointers = [n.value.pointer for n in taken.leaves]
        made.pointers += range(cells, cells + 8 * len(taken.numbers), 8)
        made.first_output = len(made.pointers)
        made.pointers += [0] * len(self.wanted)
        made.conditions = [(getter, found) for _, getter, found in recording.conditions.values()]
        made.flags = [
            (i, self.flagged[id(t)]) for i, t in enumerate(self.stand_ins) if id(t) in self.flagged
        ]
        ran = {id(m): m for m in (*self.modules, *recording.modules.values())}
        made.watched = Watched(list(ran.values()), self._watched_tensors())
        return made

    def _gather(self, outputs: Sequence[Tensor], left: Sequence[Tensor]) -> Any:
        """What the program has to compute: for changed tensors and gradients, and where."""
        made, recording = self.made, self.recording
        made.results = _Results(self, outputs).all()
        for t in left:
            made.left.append(Left(weakref.ref(t), (t.shape, t.dtype), self.want(t._node)))
        changed = [
            (c, self.want(c.tensor._node, c.node.value.order)) for c in recording.changed.values()
        ]
        grads = [
            (t, before, t._grad, added, self._want_gradient(t, before))
            for t, before, added in recording.grads.values()
        ]
        return changed, grads

    def _changing(self) -> list[Node]:
        """What was there before in tensors that are changed, and in gradients."""
        recording = self.recording
        grads = [g for _, g, _ in recording.grads.values()]
        grads += [g for _, g in recording.grads_read.values()]
        nodes = [g._held for g in grads if g is not None and not _looks(g)]
        nodes = [node for node in nodes if node.serial < recording.began]
        return [*[c.node for c in recording.changed.values()], *nodes]

    def _tell_apart(self) -> None:
        """Give each input that may become another one a buffer of its own, as replays bind it.

        Several tensors may have the same memory as long as nobody writes to it, and memory may be
        read backwards, say: later it is that of one of them, and row by row.
        """
        first = self._changing()
        for node in first:
            if node.value is not None and node.value.layout is not None:
                node.value = arranged(node.value, node.value.order)
        owners: dict[int, Any] = {}
        began = self.recording.began
        old = [n for n in above(self.wanted) if n.serial < began and n.value is None and _held(n)]
        evaluate(old)
        for node in [*first, *above(self.wanted)]:
            if node.value is None:
                continue
            owner = None if node.owner is None else node.owner()
            if owners.setdefault(id(node.value), owner) is not owner:
                node.value = again(node.value)
                owners[id(node.value)] = owner

    def _read_twice(self, leaves: Sequence[Node]) -> set[int]:
        """The memory that NumPy sees (by id of the buffer) and that is another input too, in part.

        A view of it, say: the program must not write there before all of that has been read.
        """
        seen = [n.value for n in self.recording.windows.values() if n.value is not None]
        return {
            id(buffer)
            for buffer in seen
            if any(
                x.value is not buffer and np.may_share_memory(x.value.array, buffer.array)
                for x in leaves
            )
        }

    def _may_be_written(self, buffer: Buffer) -> bool:
        """Whether the program may put a new value where the old one is."""
        return buffer.layout is None and id(buffer) not in self._overlapped

    def _compared(self) -> Any:
        """What must be the same if the function is recorded again: structure, numbers, and data
        that it makes itself.
        """
        began = self.recording.began
        known = {id(node.value) for node, _ in self.recording.live}
        operations, places, leaves, numbers = structure(self.wanted)
        data = [
            node.value.array.tobytes()
            for node in leaves
            if node.serial > began and id(node.value) not in known and not self._older(node)
        ]
        # Arguments are others each time, and so are gradients: they are known by their places.
        place: dict[int, Any] = {x: number for number, x in enumerate(self.recording.given)}
        grads = [*self.recording.grads.values(), *self.recording.grads_read.values()]
        place |= {id(grad): ("grad", id(t)) for t, grad, *_ in grads}
        older = [id(node.owner()) for node in leaves if node.owner and self._older(node)]
        read = [place.get(tensor, tensor) for tensor in older]
        return operations, places, repr(numbers), data, read, compared(self.made.form)

    def _older(self, node: Node) -> bool:
        """Whether a node holds what a tensor was before: an input, and no constant."""
        t = None if node.owner is None else node.owner()
        return t is not None and (id(t) in self.recording.changed or self.recording.was_there(t))

    def _watched_tensors(self) -> list[Tensor]:
        made = self.made
        tensors = [c.tensor for c in made.captured]
        tensors += [c.tensor for c in made.changed if c.tensor is not None]
        tensors += [g.tensor for g in made.gradients if g.tensor is not None]
        tensors += [t for k, (t, _) in self.recording.flags.items() if k not in self.argument_of]
        passed = self.recording.passed.values()
        tensors += [t for t in passed if id(t) not in self.argument_of]
        tensors += [r.tensor for r in made.read]
        return list({id(t): t for t in tensors}.values())

    def _outer_graphs(self) -> list[tuple[Tensor, Node]]:
        """The older tensors that a backward pass met, if there is a graph behind them.

        What was recorded goes through that graph: it is good as long as they have no other one.
        """
        passed = self.recording.passed.values()
        outside = [t for t in passed if id(t) not in self.argument_of]
        return [(t, t._held) for t in outside if t._held.needs_grad and not t._is_gradient_leaf()]

    def _want_gradient(self, t: Tensor, before: Tensor | None) -> int:
        """The same for the gradient of `t`, stored as `t` is; -1 if it has none or it is the old.
        Of few rows added to zeros the number of these rows.

        The old one is among what was changed in place, if it was changed.
        """
        if t._grad is None or t._grad is before:
            return -1
        change = self.recording.changed.get(id(t))
        node = t._held if change is None else change.node
        new = t._grad._node
        found = None if new.needs_grad else few_rows(new)
        if found is None:
            return self.want(new, None if node.value is None else node.value.order)
        index, rows = found
        at = self.want(rows)
        forms = (rows.shape, rows.dtype), (index.shape, index.dtype)
        self._few[at] = FewRows(forms, new.shape, new.attrs, self.want(index))
        return at

    def _whose(self, t: Tensor) -> tuple[Tensor | None, int, Tensor | int | None]:
        """Whose gradient `t` was, if it was one: then it is that of this call."""
        argument = self.argument_of.get(id(t), -1)
        if argument >= 0:
            return None, argument, None
        owners = [(o, g) for o, g, _ in self.recording.grads.values()]
        owners += list(self.recording.grads_read.values())
        for owner, grad in owners:
            if grad is t:
                number = self.argument_of.get(id(owner), -1)
                return None, -1, owner if number < 0 else number
        return t, -1, None

    def _add_changed(self, c: Change, at: int, slot_of: dict[int, int]) -> None:
        t, before = c.tensor, c.node
        self.known.add(id(before.value))
        slot = slot_of.get(id(before.value), -1)
        donated = self.made.ready.donated
        order = before.value.order
        in_place = (at in donated or slot < 0) and self._may_be_written(before.value)
        tensor, argument, gradient = self._whose(t)
        copied = None if in_place else allocate(t.shape, t.dtype, order)
        made = self.made
        made.changed.append(
            Changed(
                tensor,
                argument,
                gradient,
                slot,
                at,
                copied,
                order,
                before.needs_grad,
                (before.shape, before.dtype),
                any(i == id(t) for i, _ in self.recording.assigned),
            )
        )
        if tensor is not None:
            made.written.add(id(tensor))
        made.writes_arguments = made.writes_arguments or argument >= 0

    def _add_gradient(
        self,
        t: Tensor,
        before: Tensor | None,
        after: Tensor | None,
        added: bool,
        at: int,
        slot_of: dict[int, int],
    ) -> None:
        slot, order, same = -1, None, None
        if before is not None:
            node = before._held
            if self._must_stay(before):
                same = before
            elif node.value is not None:
                slot = slot_of.get(id(node.value), -1)
                order = node.value.order
                self.known.add(id(node.value))
        stays = before is not None and after is before
        argument = self.argument_of.get(id(t), -1)
        tells = (added or stays) and self.recording.was_there(t)
        had = before is not None if tells else None
        orders = (order, self.orders[at] if at >= 0 else None)
        tensor = t if argument < 0 else None
        few = self._few.get(at)
        self.made.gradients.append(
            Gradient(tensor, argument, slot, had, at, stays, orders, same, few)
        )

    def _add_read(self, t: Tensor, grad: Tensor | None, slot_of: dict[int, int]) -> None:
        if grad is None:
            self.made.read.append(GradientRead(t, None, None, -1))
            return
        node = grad._held
        form = (node.shape, node.dtype)
        if self._must_stay(grad):
            self.made.read.append(GradientRead(t, form, None, -1, grad))
            return
        value, order = id(node.value), node.value.order
        changed = id(grad) in self.recording.changed
        self.known.add(value)
        slot = -1 if changed else slot_of.get(value, -1)
        self.made.read.append(GradientRead(t, form, order, slot))

    def _must_stay(self, grad: Tensor) -> bool:
        """Whether another gradient would not do: of this one more was seen or set than its value,
        or it looks at memory of something else.
        """
        recording = self.recording
        noted = recording.grads, recording.grads_read, recording.flags, recording.reassigned
        return _looks(grad) or any(id(grad) in notes for notes in noted)

    def _add_inputs(self, leaves: Sequence[Node], slot_of: dict[int, int]) -> None:
        """Where the values of all other inputs come from at each call."""
        made = self.made
        for i, t in enumerate(self.stand_ins):
            value = self.recording.given[id(t)].value
            slot = slot_of.get(id(value))
            if slot is not None:
                made.arguments.append((i, slot))
                self.known.add(id(value))
        for node, getter in self.recording.live:
            made.live.append(Live(slot_of.get(id(node.value), -1), node.value, getter))
            self.known.add(id(node.value))
        for slot, node in enumerate(leaves):
            if id(node.value) in self.known:
                continue
            holder = None if node.owner is None else node.owner()
            if holder is None or self._is_new(holder) or _superseded(node, holder):
                made.fixed.append(node)
                continue
            form = (node.shape, node.dtype, node.needs_grad)
            value = node.value
            made.captured.append(
                Captured(holder, form, node.serial, slot, value.order, value.layout)
            )

    def _is_new(self, t: Tensor) -> bool:
        """Whether the function has made `t` and returns it."""
        return id(t) in self.returned and not self.recording.was_there(t)


def _looks(t: Tensor) -> bool:
    """Whether a tensor looks at memory that is another one's, or NumPy's."""
    return t._base is not None or (t._storage is not None and t._storage.array is not None)


def _superseded(node: Node, holder: Tensor) -> bool:
    """Whether a tensor has another value than the one that it had in `node`."""
    if holder._held is node:
        return False
    return holder._storage is None or changed_at(node) is not None


def _held(node: Node) -> bool:
    return node.owner is not None and node.owner() is not None


def _way(t: Tensor) -> ViewOp | None:
    """The step from the whole to a view of it."""
    return functools.reduce(after, reversed(path(t)), None)


class _Results:
    """Where each tensor that a function returns comes from."""

    def __init__(self, recorder: Recorder, outputs: Sequence[Tensor]) -> None:
        self._recorder = recorder
        self._outputs = outputs
        self._number = {id(t): i for i, t in enumerate(outputs)}
        self._found: list[Result] = []

    def all(self) -> list[Result]:
        """One for each output."""
        for t in self._outputs:
            result = self._result(t)
            result.connected, result.viewed = t._step_grad, t._root is not None
            storage = t._storage
            result.overtaken = t._loose and storage is not None and is_overtaken(t, storage)
            self._found.append(result)
        return self._found

    def _result(self, t: Tensor) -> Result:
        there = self._there(t)
        if there is not None:
            return there
        storage = t._storage
        if storage is not None:
            whole = whole_of(t)
            found = self._there_before(storage)
            if found is not None:
                found.detached = True
                found.step = _way(t)
                return found
            other = self._number.get(id(whole), -1)
            if whole is not t and 0 <= other < len(self._found):
                return Result(other=other, step=_way(t))
        step = None
        if storage is not None and not t.is_contiguous():  # as it looks, so it lies in memory
            t, step = whole_of(t), _way(t)
        node = leaf(t.shape, t.dtype, origin=t._held.origin)
        slot = self._recorder.want(t._node)
        node.needs_grad = t.requires_grad and is_leaf(t)
        differentiated = t.requires_grad and not node.needs_grad
        return Result(slot, node=node, differentiated=differentiated, step=step)

    def _there(self, t: Tensor) -> Result | None:
        """For an argument or a tensor that was there before, or a view of one."""
        recorder = self._recorder
        if id(t) in recorder.argument_of:
            return Result(argument=recorder.argument_of[id(t)])
        whole = whole_of(t)
        if whole is not t and recorder.recording.was_there(t):
            return Result(tensor=t)
        base: Any = base_of(t)
        if base is not None and base is not whole:  # a view in the eyes of memory, not of gradients
            found = self._there(base)
            if found is not None and found.step is None:
                found.step = t._step
                return found
        step = _way(t)
        found = self._gradient(whole)
        if found is not None:
            found.step = step
            return found
        if id(whole) in recorder.argument_of:
            return Result(argument=recorder.argument_of[id(whole)], step=step)
        if recorder.recording.was_there(whole):
            return Result(tensor=whole, step=step)
        return None

    def _there_before(self, storage: Any) -> Result | None:
        """The argument, or the tensor that was there before, whose memory this is."""
        recorder = self._recorder
        for i, t in enumerate(recorder.stand_ins):
            if t._storage is storage:
                return Result(argument=i)
        for t in storage.alive():
            found = self._gradient(t)
            if found is not None or recorder.recording.was_there(t):
                return found or Result(tensor=t)
        return None

    def _gradient(self, t: Tensor) -> Result | None:
        """For the gradient of a tensor, or what was it before: that of each call."""
        recording = self._recorder.recording
        now = [(o, o._grad, False) for o, _, _ in recording.grads.values()]
        old = [(o, g, True) for o, g, _ in recording.grads.values()]
        old += [(o, g, True) for o, g in recording.grads_read.values()]
        for owner, grad, before in now + old:
            if grad is t:
                number = self._recorder.argument_of.get(id(owner), -1)
                return Result(gradient=owner if number < 0 else number, before=before)
        return None
