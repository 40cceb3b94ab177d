"""Hyper-parameters: the settings of a group as numbers of the graph, read anew at every step.

A program holds none of them as a constant (decision 7), so a schedule compiles nothing, and what a
replayed step uses is never stale. They are float64, and so is all that is computed from them alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from zincir import recording
from zincir.graph.node import Node
from zincir.graph.primitive import OPERATORS
from zincir.operations.arithmetic import cast
from zincir.operations.elementwise import log
from zincir.operations.movement import reshape, slice_
from zincir.optim.kept import Kept
from zincir.optim.settings import Group, Settings
from zincir.tensor import Tensor
from zincir.types import DType, float64


class Hyper(SimpleNamespace):
    """What an update knows besides its tensors: `hyper.lr`, `hyper.betas`, `hyper.nesterov` ...

    A number that is set to 0 is 0.0 itself, so that `if hyper.momentum:` asks for it; any other is
    a `HyperParameter`, and so are learning rates in any case. Pairs are tuples, with their
    logarithms beside them (`hyper.log_betas`); choices are what the group holds.
    """


class HyperParameter(Node):
    """A float64 number that takes the type of the tensor it meets.

    `(1 - beta) * g` is 1 - beta in double precision, rounded once to the type of g, times g. What
    is made of numbers alone is made once for all parameters of a group.
    """

    __slots__ = ("_exact", "_made")

    def __init__(self, exact: Node) -> None:
        # It looks like a node, so that Python asks it first in `g * beta` too. Operations are made
        # of the node behind it: a node that knew what was made of it would hold itself alive.
        spec = exact.shape, exact.dtype
        super().__init__(exact.op, exact.inputs, exact.attrs, spec, False, exact.origin)
        self._exact = exact
        self._made: dict[Any, Any] = {}

    def rounded(self, dtype: DType) -> Node:
        """The number in the type of a tensor; beside integers it stays as it is."""
        if dtype.category != 2:
            return self._exact
        found = self._made.get(dtype)
        if found is None:
            found = self._made[dtype] = cast(self._exact, dtype)
        return found

    def __add__(self, other: Any) -> Any:
        return self._with("add", other)

    def __radd__(self, other: Any) -> Any:
        return self._behind("add", other)

    def __sub__(self, other: Any) -> Any:
        return self._with("sub", other)

    def __rsub__(self, other: Any) -> Any:
        return self._behind("sub", other)

    def __mul__(self, other: Any) -> Any:
        return self._with("mul", other)

    def __rmul__(self, other: Any) -> Any:
        return self._behind("mul", other)

    def __truediv__(self, other: Any) -> Any:
        return self._with("div", other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._behind("div", other)

    def __neg__(self) -> Any:
        return self._once(("neg",), self._exact)

    def _with(self, operator: str, other: Any) -> Any:
        if isinstance(other, HyperParameter):
            other = other._exact
        elif isinstance(other, Node):
            return OPERATORS[operator](self.rounded(other.dtype), other)
        return self._once((operator, "with", other), self._exact, other)

    def _behind(self, operator: str, other: Any) -> Any:
        if isinstance(other, Node):
            return OPERATORS[operator](other, self.rounded(other.dtype))
        return self._once((operator, "behind", other), other, self._exact)

    def _once(self, key: tuple[Any, ...], *operands: Any) -> HyperParameter:
        if key not in self._made:
            self._made[key] = HyperParameter(OPERATORS[key[0]](*operands))
        return self._made[key]


def hyper_parameters(now: Callable[[], Group], settings: Settings) -> Hyper:
    """The settings of a group as an update sees them.

    Args:
        now: the group. A replay asks for it, as another one may have taken its place.
    """
    read = Kept(lambda: settings.of(now()), lambda: _numbers(now(), settings))
    recording.note_settings(read)
    group, count = now(), len(read())
    row = recording.live(read, (count,), float64)
    numbers = (HyperParameter(reshape(slice_(row, (i,), (1,), (1,)), ())) for i in range(count))
    hyper = Hyper(**{name: group[name] for name in settings.choices})
    for name in settings.numbers:
        value, number = group[name], next(numbers)
        there = isinstance(value, Tensor) or value
        setattr(hyper, name, _exact(value, number) if there else 0.0)
    for name in settings.rates:
        setattr(hyper, name, _exact(group[name], next(numbers)))
    for name in settings.pairs:
        one, two = group[name]
        setattr(hyper, name, (_exact(one, next(numbers)), _exact(two, next(numbers))))
        logs = _logarithm(one, next(numbers)), _logarithm(two, next(numbers))
        setattr(hyper, f"log_{name}", logs)
    return hyper


def _exact(value: Any, number: HyperParameter) -> HyperParameter:
    """A setting: the tensor that it is, or the number that was read for it."""
    if isinstance(value, Tensor):
        return HyperParameter(reshape(cast(value._node, float64), ()))
    return number


def _logarithm(value: Any, number: HyperParameter) -> HyperParameter:
    if isinstance(value, Tensor):
        return HyperParameter(log(reshape(cast(value._node, float64), ())))
    return number


def _numbers(group: Group, settings: Settings) -> tuple[float, ...]:
    """The numbers of a group. Logarithms too: a program's differ in the last digit at times.

    For tensors, which programs read themselves, there is a 0.
    """
    found = [_plain(group[name]) for name in (*settings.numbers, *settings.rates)]
    for name in settings.pairs:
        one, two = map(_plain, group[name])
        found += one, two, _log(one), _log(two)
    return tuple(found)


def _plain(value: Any) -> float:
    return 0.0 if isinstance(value, Tensor) else value


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


def form(group: Group, settings: Settings) -> list[Any]:
    """What decides which operations an update has: choices, which numbers are 0, and tensors."""
    found: list[Any] = [group[name] for name in settings.choices]
    for name in settings.numbers:
        value = group[name]
        found.append(id(value) if isinstance(value, Tensor) else not value)
    tensors = [group[name] for name in settings.rates]
    for name in settings.pairs:
        tensors += group[name]
    found += [id(value) if isinstance(value, Tensor) else None for value in tensors]
    return found
