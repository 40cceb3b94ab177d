"""Probes: numbers that a step adds up on its way, in tensors that it changes in place.

Nothing of it is an output: a recorded step updates them as it does the running statistics of a
BatchNorm. Whoever wants to know reads them between two steps, and takes the difference.
"""

from __future__ import annotations

import functools
import math
from typing import Any, TypeAlias

import numpy as np

from zincir.autograd import no_grad
from zincir.bindings import readable
from zincir.creation import full, zeros
from zincir.doctor.anatomy import Place, other_axes
from zincir.doctor.course import Activity
from zincir.evaluate import evaluate
from zincir.functional import stack
from zincir.graph.node import Node
from zincir.operations.source import detach
from zincir.recording import CURRENT, paused
from zincir.tensor import Tensor, wrap
from zincir.types import float64

Array: TypeAlias = np.ndarray[Any, Any]

TANH = 0.97
"""Beyond this a tanh is saturated: its slope is below 0.06 (Karpathy, makemore part 3)."""
SIGMOID = 0.985
"""The same share of the largest slope, for a sigmoid; and 1 - 0.985 at the other end."""


class Tally:
    """Numbers that are added up in place."""

    def __init__(self, *shape: int) -> None:
        with paused():
            self.total = zeros(shape, dtype=float64)
            evaluate([self.total._node])
        if CURRENT.recording is not None:  # as if it had been there before
            CURRENT.recording.there.add(id(self.total))
            CURRENT.recording.keep.append(self.total)

    def add(self, rows: list[Any]) -> None:
        """Add to each row a number, or one for each column: part of the step that runs."""
        shape = self.total.shape[1:]
        same = [
            row.to(float64) if isinstance(row, Tensor) else full(shape, row, dtype=float64)
            for row in rows
        ]
        self.total.add_(stack(same))

    def is_finite(self) -> bool:
        """Whether the last number of the sums is; between two steps only."""
        buffer = self.total._held.value
        if buffer is None:
            buffer = readable(self.total)
        last = buffer.array.item(-1)
        return last - last == 0

    def take(self) -> Array:
        """The same, and begin anew: where it lies, as recordings write there."""
        array = readable(self.total).array
        found = np.array(array)
        array[...] = 0
        return found


def shown(node: Node) -> Tensor:
    """A tensor with the value of a node, without gradients."""
    return wrap(detach(node))


class PlaceProbe:
    """What an activation does."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.forward = Tally(6, place.units)
        self.backward = Tally(2, place.units)

    def watch(self, node: Node) -> None:
        """Measure one run of the activation, and the gradient that arrives at it."""
        place = self.place
        axes = other_axes(place, node.shape)
        count = float(node_size(node) // max(1, place.units))
        rows = float(node.shape[1 if place.part else 0])  # a loop keeps its rounds in front
        with no_grad():
            h = shown(node)
            ends = _saturated(place.kind, h)
            self.forward.add(
                [
                    count,
                    (h > 0).to(float64).sum(axes),
                    0.0 if ends is None else ends.to(float64).sum(axes),
                    h.sum(axes),
                    (h * h).sum(axes),
                    rows,
                ]
            )
        if node.hooks is None:
            node.hooks = {}
        node.hooks[object()] = functools.partial(self._arrived, axes, count)

    def _arrived(self, axes: tuple[int, ...], count: float, g: Tensor) -> None:
        with no_grad():
            g = g.detach()
            self.backward.add([count, (g * g).sum(axes)])

    def activity(self) -> Activity | None:
        """What was measured since the last time; None if nothing was."""
        return activity_of(self.forward.take(), self.backward.take())


def activity_of(forward: Array, backward: Array) -> Activity | None:
    """What sums by unit say: how many values, of them active and saturated, the sums of values and
    squares, and how many samples; of gradients how many, and the sum of squares. None if there are
    no values.
    """
    counts = forward[0]
    everything = float(counts.sum())
    if not everything:
        return None
    mean = float(forward[3].sum()) / everything
    std = math.sqrt(max(0.0, float(forward[4].sum()) / everything - mean * mean))
    variances = forward[4] / counts - np.square(forward[3] / counts)
    spread = math.sqrt(max(0.0, float(variances.mean())))
    gradient = np.sqrt(backward[1] / np.maximum(backward[0], 1.0))
    active, ends = forward[1] / counts, forward[2] / counts
    return Activity(int(counts[0]), active, ends, mean, std, spread, gradient, int(forward[5, 0]))


def node_size(node: Node) -> int:
    """How many values a node has."""
    return int(np.prod(node.shape))


def _saturated(kind: str, h: Tensor) -> Tensor | None:
    if kind == "tanh":
        return h.abs() > TANH
    if kind == "sigmoid":
        return (h - 0.5).abs() > SIGMOID - 0.5
    return None


class ParameterProbe:
    """What a parameter, its gradient and its updates are like: means of squares."""

    def __init__(self) -> None:
        self.gradients = Tally(2)
        self.updates = Tally(4)
        self._before: tuple[Tensor, Tensor] | None = None

    def arrived(self, p: Tensor) -> None:
        """A backward pass has added to its gradient."""
        with no_grad():
            g = shown(p._grad._node)
            self.gradients.add([1.0, (g * g).mean()])

    def before_step(self, p: Tensor) -> None:
        """The optimizer is about to change it."""
        with no_grad():
            g = shown(p._grad._node)
            old = shown(p._node) * 1  # detach() would make it share memory
            self._before = old, (g * g).mean()

    def after_step(self, p: Tensor) -> None:
        """The optimizer has changed it."""
        before, self._before = self._before, None
        if before is None:
            return
        with no_grad():
            old, used = before
            now = shown(p._node) * 1
            change = now - old
            self.updates.add([1.0, (old * old).mean(), (change * change).mean(), used])
