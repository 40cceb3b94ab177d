"""What a function does to the world around it, noted while it is recorded.

`zincir.compile` runs a function once with recording on. Whatever must happen again at each replay
passes through here: numbers that change from call to call (`live`), tensors that are changed in
place (`note_change`), gradients that are read or assigned, and what decides which operations there
are (`note_condition`). Looking at a value while recording is an error (`refuse_to_look`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import numpy as np

from zincir.errors import TraceError, explain
from zincir.graph.node import Node, describe, here
from zincir.ops.source import leaf
from zincir.runtime.buffer import Buffer
from zincir.types import DType, Shape


class Recording:
    """Everything noted during one recording."""

    def __init__(self) -> None:
        self.live: list[tuple[Node, Callable[[], Any]]] = []
        """Leaves whose values come from a function that is called again before each replay."""
        self.changed: dict[int, tuple[Any, Node]] = {}
        """Tensors changed in place (by id), with the nodes they held before."""
        self.grads: dict[int, tuple[Any, Any, bool]] = {}
        """Tensors whose `.grad` was assigned (by id), with the gradients they had before, and
        whether what was assigned depends on them."""
        self.grads_read: dict[int, tuple[Any, Any]] = {}
        """Tensors whose `.grad` was looked at (by id), with the gradients they had before."""
        self.conditions: dict[int, tuple[Any, Callable[[], Any], Any]] = {}
        """By id of its owner: what decided which operations were recorded, and what it was."""

    def forget_temporaries(self) -> None:
        """Let go of tensors that the function made itself and then changed.

        Whatever was there before has a value; such tensors began without one.
        """
        self.changed = {k: v for k, v in self.changed.items() if v[1].value is not None}


class _Current(threading.local):
    recording: Recording | None = None


CURRENT = _Current()


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
    node.value = Buffer(np.asarray(getter(), dtype.numpy).reshape(shape))
    if CURRENT.recording is not None:
        CURRENT.recording.live.append((node, getter))
    return node


def note_change(tensor: Any, before: Node) -> None:
    """Note that `tensor`, which held `before`, is being changed in place."""
    recording = CURRENT.recording
    if recording is not None:
        recording.changed.setdefault(id(tensor), (tensor, before))


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


def note_condition(owner: Any, getter: Callable[[], Any]) -> None:
    """Note that what is recorded depends on `getter()`, one condition for each owner."""
    recording = CURRENT.recording
    if recording is not None and id(owner) not in recording.conditions:
        recording.conditions[id(owner)] = owner, getter, getter()


def refuse_to_look(what: str, node: Node) -> None:
    """Raise if a function is being recorded: its values do not exist yet.

    Raises:
        TraceError: always, while recording.
    """
    if CURRENT.recording is not None:
        raise TraceError(
            explain(
                f"{what}: a function wrapped by zincir.compile cannot look at a value",
                where=describe(here()),
                expected="operations on tensors only, the same ones at every call",
                got=f"{node.op.name} {node.dtype.name}{list(node.shape)}, made at "
                f"{describe(node.origin)}",
                try_="return the tensor and look at it after the call; "
                "use zincir.where instead of a Python if",
            )
        )
