"""Values that are not known yet: the tensors that wait for theirs, and what computes them."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import Any

from zincir import anomaly
from zincir.evaluate import ENGINE
from zincir.graph.node import Node
from zincir.ops.source import leaf_p
from zincir.recording import CURRENT, refuse_one_of_many
from zincir.tensor_base import TensorBase

TOO_MANY = 10_000
"""Operations without a look after which values are computed: graphs must not grow for ever."""


class _Waiting(threading.local):
    """Tensors whose values are not known yet: those that this thread has made."""

    def __init__(self) -> None:
        self.tensors: list[weakref.ref[Any]] = []


WAITING = _Waiting()


def wait_for(tensor: TensorBase) -> None:
    """Note that the value of a tensor is not known yet."""
    WAITING.tensors.append(weakref.ref(tensor))


def waiting() -> bool:
    """Whether there are tensors whose values may not be known yet."""
    return bool(WAITING.tensors)


def alive_pending() -> list[Any]:
    """The tensors that may wait for their values."""
    found = (reference() for reference in WAITING.tensors)
    return [t for t in found if t is not None]


def settle() -> None:
    """Compute all live tensors whose values are not known yet, in one program."""
    evaluate_with(())


def evaluate_with(nodes: Sequence[Node]) -> None:
    """Compute `nodes` together with all live tensors that wait for their values."""
    refuse_one_of_many(nodes)
    tensors = WAITING.tensors
    wanted = dict.fromkeys(nodes)
    later: list[weakref.ref[Any]] = []
    for reference in tensors:
        tensor = reference()
        if tensor is not None:
            node = tensor._held
            if CURRENT.stands(node):
                later.append(reference)
            elif node.value is None and not (node.op is leaf_p and not node.inputs):
                wanted[node] = None
    tensors[:] = later
    if wanted:
        with ENGINE:
            anomaly.evaluate(list(wanted))


def crowded() -> None:
    """Keep the list of waiting tensors, and the graphs behind them, from growing for ever."""
    if CURRENT.recording is None:
        settle()
