"""Where a round of a loop finds what it reads and writes."""

from __future__ import annotations

from typing import NamedTuple

from zincir.compiler.kernels.rounds import EVERY, IN_TURNS
from zincir.compiler.schedule.launch import Looped
from zincir.graph.node import Node
from zincir.types import size


class Moving(NamedTuple):
    """Bytes behind the beginning of a buffer: in the first round, and how that goes on."""

    buffer: Node
    start: int
    step: int = 0
    mask: int = EVERY


def read_at(loop: Looped, number: int) -> Moving:
    """Where an input of a round is."""
    rounds = loop.rounds
    x = rounds.body.parameters[number]
    k = number - rounds.constants
    if 0 <= k < rounds.carried:
        return _carried(loop, k, 0)
    view = loop.inputs[number if k < 0 else number - rounds.carried]
    if k < 0:
        return Moving(view.base, view.offset * x.dtype.itemsize)
    stride = view.strides[0]
    first, second = (view.offset + rounds.row(i) * stride for i in (0, 1))
    return Moving(view.base, first * x.dtype.itemsize, (second - first) * x.dtype.itemsize)


def written_at(loop: Looped, number: int) -> Moving:
    """Where an output of a round is."""
    rounds = loop.rounds
    if number < rounds.carried:
        return _carried(loop, number, 1)
    x = rounds.body.results[number]
    nbytes = size(x.shape) * x.dtype.itemsize
    first, second = (rounds.row(i) * nbytes for i in (0, 1))
    return Moving(loop.outputs[number], first, second - first)


def _carried(loop: Looped, k: int, later: int) -> Moving:
    rounds = loop.rounds
    x = rounds.body.results[k]
    nbytes = size(x.shape) * x.dtype.itemsize
    first, second = (rounds.place(k, later + i) * nbytes for i in (0, 1))
    mask = EVERY if rounds.kept[k] else IN_TURNS
    return Moving(loop.outputs[k], first, second - first, mask)
