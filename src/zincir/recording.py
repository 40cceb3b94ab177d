"""What a function does to the world around it, noted while it is recorded.

`zincir.compile` runs a function once with recording on. Whatever must happen again at each replay
passes through here: numbers that change from call to call (`live`), tensors that are changed in
place (`note_change`), gradients that are read or assigned, and what decides which operations there
are (`note_condition`, `note_module`). What a replay could not do again is refused (`refuse`): then
the function is run as it is written. Looking at a value while recording is an error
(`refuse_to_look`).
"""

from __future__ import annotations

import functools
import itertools
import threading
import weakref
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from zincir.errors import TraceError, explain
from zincir.graph.node import Node, Origin, describe, here, next_serial
from zincir.graph.walk import toposort
from zincir.half import array_in
from zincir.operations.source import leaf
from zincir.runtime.buffer import Buffer
from zincir.types import DType, Shape


@dataclass(slots=True)
class Change:
    """A tensor that is changed in place, and what it was before."""

    tensor: Any
    node: Node
    held: Node
    """What the tensor held: another node, if NumPy sees its memory."""
    writes: int
    there: bool
    """Whether the tensor was there before the recording."""


class Recording:
    """Everything noted during one recording."""

    def __init__(self, whose: str = "a function wrapped by zincir.compile") -> None:
        self.whose = whose
        """What runs, for messages."""
        self.began = next_serial()
        """Nodes with smaller numbers were there before."""
        self.live: list[tuple[Node, Callable[[], Any]]] = []
        """Leaves whose values come from a function that is called again before each replay."""
        self.settings: list[tuple[Callable[[], Any], Any]] = []
        """Settings that were read, which must not change after that, and what they were."""
        self.changed: dict[int, Change] = {}
        """Tensors changed in place, by id."""
        self.written: set[Any] = set()
        """Shared memory that was written to."""
        self.grads: dict[int, tuple[Any, Any, bool]] = {}
        """Tensors whose `.grad` was assigned (by id), with the gradients they had before, and
        whether what was assigned depends on them."""
        self.grads_read: dict[int, tuple[Any, Any]] = {}
        """Tensors whose `.grad` was looked at (by id), with the gradients they had before."""
        self.passed: dict[int, Any] = {}
        """Older tensors that backward passes met, or whose flag was asked for (by id)."""
        self.conditions: dict[int, tuple[Any, Callable[[], Any], Any]] = {}
        """By id of its owner: what decided which operations were recorded, and what it was."""
        self.modules: dict[int, Any] = {}
        """Modules that ran, by id."""
        self.flags: dict[int, tuple[Any, Node]] = {}
        """Tensors whose `requires_grad` was set, by id, with the nodes they held before."""
        self.given: dict[int, Node] = {}
        """By id of a tensor that stands for an argument: its node at the beginning."""
        self.windows: dict[int, Node] = {}
        """By id of a tensor whose memory NumPy sees: the leaf over that memory."""
        self.there: set[int] = set()
        """By id: older tensors that have got a new node, though they were not changed."""
        self.reassigned: dict[int, tuple[Any, dict[str, Any]]] = {}
        """Tensors that got other memory (`x.data = ...`), by id, and all that they were before."""
        self.assigned: list[tuple[int, weakref.ref[Any]]] = []
        """What was assigned to the `.data` of tensors (by id) as if nobody else had either."""
        self.back: list[Callable[[], None]] = []
        """What takes back, last first, what was done to other things than values and gradients."""
        self.generators: dict[int, tuple[Any, Any]] = {}
        """Generators that were drawn from (by id), and their states before."""
        self.keep: list[Any] = []
        """What must live as long as its id is used here."""
        self.late = False
        """Whether memory was read that is written to when the recording ends."""
        self.refused: tuple[str, Origin] | None = None
        """Why this cannot be replayed, and the line."""
        self.set: dict[tuple[int, str], tuple[Any, str, Any, Origin]] = {}
        """Attributes of modules that were set: whose, which, what each was, and where."""

    def was_there(self, tensor: Any) -> bool:
        """Whether a tensor is older than the recording."""
        change = self.changed.get(id(tensor))
        if change is not None:
            return change.there
        return tensor._held.serial < self.began or id(tensor) in self.there

    def made(self, tensor: Any) -> bool:
        """Whether the recording has made a tensor."""
        return not self.was_there(tensor)

    def is_constant(self, node: Node) -> bool:
        """Whether a node has a value that the function gives it, the same one at each call."""
        mine = node.serial > self.began and not node.inputs and node.value is not None
        return mine and all(node is not other for other, _ in self.live)

    def refuse_what_was_set(self) -> None:
        """Refuse attributes of modules that are not what they were: `eval()` and then `train()`
        leave nothing behind.
        """
        for owner, name, before, where in self.set.values():
            if self.refused is None and not _equal(owner.__dict__.get(name, self), before):
                self.refused = f"it sets {type(owner).__name__}.{name}", where

    def refuse(self, why: str) -> None:
        """What is recorded cannot be replayed: the function is to be run as it is written."""
        if self.refused is None:
            self.refused = why, here()

    def note_flag(self, tensor: Any, before: Node) -> None:
        """Note that `requires_grad` of a tensor that held `before` is being set."""
        if self.was_there(tensor) and id(tensor) not in self.reassigned:
            self.there.add(id(tensor))
            if id(tensor) in self.windows:
                before = tensor._held  # the window is for the time of the recording
            self.flags.setdefault(id(tensor), (tensor, before))

    def read_as(self, tensor: Any, node: Node) -> None:
        """If NumPy sees the memory of a tensor: it is read under another node from now on."""
        before = self.windows.get(id(tensor))
        if before is not None:
            self.windows[id(before)], self.windows[id(tensor)] = before, node


class _Current(threading.local):
    recording: Recording | None = None
    standing: tuple[Node, ...] = ()
    """Leaves that have no value, since each stands for one example of many (`func.vmap`)."""

    def stands(self, node: Node) -> bool:
        """Whether a node is computed from one of them."""
        if not self.standing or node.value is not None:
            return False
        return any(n in self.standing for n in toposort([node], lambda n: n.value is None))


CURRENT = _Current()


class _Epoch:
    """How often something was set that recordings depend on and that they do not see each time."""

    count = 0


EPOCH = _Epoch()
_next = itertools.count(1).__next__


def changed_setting() -> None:
    """What recordings depend on has been set: they have to look whether it is still the same."""
    EPOCH.count = _next()


@contextmanager
def resumed(recording: Recording) -> Generator[None]:
    """Tensors are meanwhile as they are in the recording."""
    before, CURRENT.recording = CURRENT.recording, recording
    try:
        yield
    finally:
        CURRENT.recording = before


@contextmanager
def paused() -> Generator[None]:
    """What happens meanwhile is no part of a recording, and happens once.

    Nothing of it may depend on what is being recorded.
    """
    before, CURRENT.recording = CURRENT.recording, None
    try:
        yield
    finally:
        CURRENT.recording = before


def live(getter: Callable[[], Any], shape: Shape, dtype: DType) -> Node:
    """A leaf with the value `getter()`: an input of the program, never a constant of it.

    At each replay of a recorded function the getters are called again, in the same order.
    """
    node = leaf(shape, dtype)
    node.value = Buffer(array_in(getter(), dtype).reshape(shape))
    if CURRENT.recording is not None:
        CURRENT.recording.live.append((node, getter))
    return node


def note_settings(getter: Callable[[], Any]) -> None:
    """Note that `getter()` is being read, and will be at the beginning of each replay."""
    if CURRENT.recording is not None:
        CURRENT.recording.settings.append((getter, getter()))


def note_done(back: Callable[[], Any]) -> None:
    """Note something that was done, and how to take it back."""
    if CURRENT.recording is not None:
        CURRENT.recording.back.append(back)


def note_state(tensor: Any) -> None:
    """Note that a tensor is about to become another one under its name.

    One that the recording has made goes with it: there is nothing to take back.
    """
    recording = CURRENT.recording
    if recording is not None and recording.was_there(tensor):
        note_done(functools.partial(_restore, tensor, tensor.__class__, dict(tensor.__dict__)))


def _restore(owner: Any, kind: type[Any], fields: dict[str, Any]) -> None:
    owner.__class__ = kind
    owner.__dict__.clear()
    owner.__dict__.update(fields)


def note_change(tensor: Any) -> None:
    """Note that `tensor` is about to be changed in place."""
    recording = CURRENT.recording
    if recording is None or id(tensor) in recording.reassigned:
        return  # what it was before it got other memory is known
    if id(tensor) not in recording.changed:
        there = recording.was_there(tensor)
        node = tensor._node  # first: the tensor may take its value anew
        recording.changed[id(tensor)] = Change(tensor, node, tensor._held, tensor._version, there)


def note_grad(tensor: Any, before: Any, *, added: bool) -> None:
    """Note that the gradient of `tensor`, which was `before`, is being assigned or added to."""
    recording = CURRENT.recording
    if recording is not None:
        recording.grads.setdefault(id(tensor), (tensor, before, added))


def note_grad_read(tensor: Any) -> None:
    """Note that the gradient of `tensor` is being looked at."""
    recording = CURRENT.recording
    if recording is not None and id(tensor) not in recording.grads:
        recording.grads_read.setdefault(id(tensor), (tensor, tensor._grad))


def note_read(array: np.ndarray[Any, Any], own: Any = None) -> None:
    """Note that memory of NumPy's is read as it is before anything is written to it.

    Args:
        own: the storage through which it is read, which knows what was written to it.
    """
    recording = CURRENT.recording
    if recording is not None:
        others = (storage for storage in recording.written if storage is not own)
        written = [storage.array for storage in others if storage.array is not None]
        recording.late = recording.late or any(np.may_share_memory(array, w) for w in written)


def note_flag_read(tensor: Any) -> None:
    """Note that it is looked at whether `tensor` requires a gradient."""
    recording = CURRENT.recording
    if recording is None or id(tensor) in recording.passed:
        return
    if recording.was_there(tensor):
        recording.passed[id(tensor)] = tensor


def note_passed(nodes: Iterable[Node]) -> None:
    """Note that a backward pass has met the tensors that hold these nodes."""
    recording = CURRENT.recording
    if recording is not None:
        found = (node.owner() for node in nodes if node.owner is not None)
        old = [t for t in found if t is not None and recording.was_there(t)]
        recording.passed.update((id(t), t) for t in old)


def note_draw(generator: Any) -> None:
    """Note that numbers are about to be drawn from a generator."""
    recording = CURRENT.recording
    if recording is not None and id(generator) not in recording.generators:
        recording.generators[id(generator)] = generator, generator.get_state()


def note_condition(owner: Any, getter: Callable[[], Any], *, instead: bool = False) -> None:
    """Note that what is recorded depends on `getter()`, one condition for each owner.

    Args:
        instead: take the place of the one there is, which is part of this one.
    """
    recording = CURRENT.recording
    if recording is not None and (instead or id(owner) not in recording.conditions):
        recording.conditions[id(owner)] = owner, getter, getter()


def by_value(x: Any) -> Any:
    """As a condition: containers taken apart, plain values, and other objects as themselves."""
    if isinstance(x, dict):
        return [(k, by_value(v)) for k, v in cast("dict[Any, Any]", x).items()]
    if isinstance(x, list | tuple):
        return [by_value(v) for v in cast("list[Any]", x)]
    return x if isinstance(x, float | int | str) else id(x)


def note_module(module: Any) -> None:
    """Note that `module` runs: what is recorded depends on its attributes."""
    recording = CURRENT.recording
    if recording is not None:
        recording.modules[id(module)] = module


def note_setting(owner: Any, name: str, value: Any) -> None:
    """Note that an attribute of a module is being set.

    A tensor that a function leaves in a module is seen when the recording ends; anything else that
    it sets anew differs from call to call.
    """
    changed_setting()
    recording = CURRENT.recording
    if recording is None:
        return
    held = cast("dict[str, Any]", owner.__dict__).items()
    inner = {k: dict(cast("dict[Any, Any]", v)) for k, v in held if isinstance(v, dict)}
    for k, fields in inner.items():
        note_done(functools.partial(refill, owner.__dict__[k], fields))
    note_done(functools.partial(_restore, owner, owner.__class__, dict(owner.__dict__)))
    if not hasattr(value, "_held"):
        before = owner.__dict__.get(name, recording)
        if not _equal(before, value):
            recording.set.setdefault((id(owner), name), (owner, name, before, here()))


def _equal(a: Any, b: Any) -> bool:
    """Whether two settings are one; two tensors or arrays never are."""
    if a is b or type(a) is not type(b):
        return a is b
    if isinstance(a, list | tuple):
        pair: Any = a, b
        return len(pair[0]) == len(pair[1]) and all(map(_equal, *pair))
    if isinstance(a, dict):
        one, other = cast("dict[Any, Any]", a), cast("dict[Any, Any]", b)
        return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    return not hasattr(a, "_held") and not isinstance(a, np.ndarray) and bool(a == b)


def refill(container: dict[Any, Any], content: dict[Any, Any]) -> None:
    """Give a dictionary the content that it had."""
    plain = cast(Any, dict)  # without what a subclass does besides
    plain.clear(container)
    plain.update(container, content)


def refuse_replay(why: str) -> None:
    """What happens here could not be done again by a replay, if a function is being recorded."""
    if CURRENT.recording is not None:
        CURRENT.recording.refuse(why)


def refuse_to_look(what: str, node: Node) -> None:
    """Raise if a function is being recorded: its values do not exist yet.

    Raises:
        TraceError: always, while recording.
    """
    if CURRENT.recording is not None:
        raise TraceError(
            explain(
                f"{what}: {CURRENT.recording.whose} cannot look at a value",
                where=describe(here()),
                expected="operations on tensors only, the same ones at every call",
                got=f"{node.op.name} {node.dtype.name}{list(node.shape)}, made at "
                f"{describe(node.origin)}",
                try_="return the tensor and look at it after the call; "
                "use zincir.where instead of a Python if",
            )
        )


def refuse_one_of_many(nodes: Iterable[Node]) -> None:
    """Raise if a value is wanted that belongs to one example of many: there is none.

    Raises:
        TraceError: one is computed from what stands for an example under `func.vmap`.
    """
    for node in nodes if CURRENT.standing else ():
        if CURRENT.stands(node):
            raise TraceError(
                explain(
                    "a function under func.vmap cannot look at a value",
                    where=describe(here()),
                    expected="operations on tensors only: it is called once, for all examples",
                    got=f"{node!r}, made at {describe(node.origin)}",
                    try_="zincir.where instead of a Python if",
                )
            )
