"""Large computations that are never the same twice: node by node in NumPy, without a program.

A loop whose length depends on data (an episode, a solver that chooses its steps, a tree) makes a
graph of another structure each time. A program for each would be compiled, run once and never be
found again, which takes many times as long as what it computes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zincir.compiler.snapshot import Snapshot
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.interpret import computed
from zincir.operations.convolution import convolution_p

_SMALLEST = 96
"""Computations of fewer nodes are compiled in some milliseconds."""
_ENOUGH = 8192
"""After so many nodes in new programs of one size, the next new ones have to be met again first."""
_FEWEST = 4
"""So many new programs of one size are always compiled when they are first met."""
_LARGE = 11
"""From 2 to this power on, all are of one size."""
_CONVOLUTIONS = 8
"""Each convolution needs a program of its own: with more of them, one for all is better."""
_AGAIN = 3
"""The time at which a computation is compiled that was none of the first."""
_MOST_MET = 4096

ByProgram = Callable[[Node, Sequence[Any]], Any]


class Familiarity:
    """Which computations are worth a program.

    It counts, for computations of about one size (to a power of two), how many new ones were met,
    less those that were met again. No clock is looked at: a script computes the same bits each time
    it runs.
    """

    def __init__(self) -> None:
        self._new: dict[int, int] = {}
        self._met: OrderedDict[int, int] = OrderedDict()

    def found(self, nodes: int) -> None:
        """Note that a computation of so many nodes has a program."""
        if nodes >= _SMALLEST:
            size = _size(nodes)
            self._new[size] = max(0, self._new.get(size, 0) - 1)

    def earns_program(self, key: tuple[Any, ...]) -> bool:
        """Whether a computation that has no program yet is to be compiled."""
        entries: tuple[tuple[Any, ...], ...] = key[0]
        nodes = len(entries)
        if nodes < _SMALLEST or _convolutions(entries) > _CONVOLUTIONS:
            return True
        size = _size(nodes)
        count = self._new.get(size, 0)
        if count < max(_FEWEST, _ENOUGH // nodes):
            self._new[size] = count + 1
            return True
        name = hash(key)
        times = self._met.pop(name, 0) + 1
        if times >= _AGAIN:
            return True
        self._met[name] = times
        if len(self._met) > _MOST_MET:
            self._met.popitem(last=False)
        return False


def _size(nodes: int) -> int:
    return min(nodes.bit_length(), _LARGE)


def _convolutions(entries: Sequence[tuple[Any, ...]]) -> int:
    return sum(entry[0] is convolution_p for entry in entries)


def values(taken: Snapshot, by_program: ByProgram) -> list[Any]:
    """The outputs of a computation as arrays, each node by its NumPy twin.

    Args:
        by_program: computes a convolution, whose twin is slow.
    """
    entries, outputs = taken.key
    wanted = {place for place, _ in outputs}
    last: dict[int, int] = {}
    for number, entry in enumerate(entries):
        if entry[0] != "leaf" and entry[0] != "number":
            last.update(dict.fromkeys(entry[2:], number))
    known: dict[int, Any] = {}
    with np.errstate(all="ignore"):
        for number, (entry, node) in enumerate(zip(entries, taken.sources, strict=True)):
            if node.value is not None:
                known[number] = node.value.array
                continue
            places = () if entry[0] == "number" else entry[2:]
            inputs = [known[place] for place in places]
            if node.op.kind is Kind.CONVOLUTION:
                known[number] = by_program(node, inputs)
            else:
                known[number] = computed(node, inputs)
            for place in set(places):
                if last[place] == number and place not in wanted:
                    del known[place]
    return [known[place] for place, _ in outputs]
