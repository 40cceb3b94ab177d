"""Values that are not known yet: the tensors that wait for theirs, and what computes them."""

from __future__ import annotations

import bisect
import operator
import sys
import threading
import weakref
from collections.abc import Sequence
from typing import Any

from zincir import anomaly
from zincir.evaluate import ENGINE
from zincir.graph.at_once import COMPUTING
from zincir.graph.node import Node
from zincir.operations.source import leaf_p
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
            if CURRENT.recording is None:
                _let_go(list(wanted))


def _at_once(nodes: Sequence[Node]) -> bool:
    if CURRENT.recording is not None or any(map(CURRENT.stands, nodes)):
        return False
    if any(node.value is None for node in nodes):
        evaluate_with(nodes)
    return True


COMPUTING.compute = _at_once


def _let_go(known: list[Node]) -> None:
    """Cut the graph behind known values where a backward pass has given it up.

    Gradients may flow through the last steps to a loss again, as these save nothing; and behind
    them lay the whole graph, with the parameters as they were: who changed one of these copied it.
    Through what was given up nothing flows, and its value is wanted no more, unless somebody
    besides those steps refers to it.
    """
    seen: dict[Any, int] = {}
    todo: list[Any] = []
    for node in known:
        _see_inputs(node, seen, todo)
    while todo:
        node = todo.pop()  # all that uses it was there before, as that has larger numbers
        if node.value is None and node.needs_grad and _references(node) - seen[node] == _OWN:
            if node.freed:
                node.inputs = ()
            else:
                _see_inputs(node, seen, todo)


def _see_inputs(node: Node, seen: dict[Any, int], todo: list[Any]) -> None:
    for x in node.inputs:
        if x not in seen:
            seen[x] = 0
            bisect.insort(todo, x, key=_serial)
        seen[x] += 1


_serial = operator.attrgetter("serial")


def _references(thing: object) -> int:
    return sys.getrefcount(thing)


def _own_references() -> int:
    """How often `_let_go` itself refers to a node, in this version of Python."""
    seen: dict[Any, int] = {}
    seen[_Waiting()] = 0
    todo: list[Any] = [*seen]
    node = todo.pop()
    return _references(node) - seen[node]


_OWN = _own_references()


def crowded() -> None:
    """Keep the list of waiting tensors, and the graphs behind them, from growing for ever."""
    if CURRENT.recording is None:
        settle()
