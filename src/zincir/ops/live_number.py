"""A Python number that differs from call to call of a recorded function.

It stands for an argument of the function. Arithmetic with numbers makes others like it; beside a
tensor it is an input of the program. Whoever looks at it (a comparison, `float(x)`, a shape) gets
the number of this call, and the recording is good for that number alone.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.graph.node import Node
from zincir.ops.numbers import to
from zincir.types import DType


class LiveNumber:
    """`now()` is the number of the present call.

    Args:
        kind: int or float, the type it has.
        now: reads the number.
        looked: called when somebody looks at it.
        input: a node of a type for it, read at each replay.
    """

    __slots__ = ("input", "kind", "looked", "now")

    def __init__(
        self,
        kind: type,
        now: Callable[[], Any],
        looked: Callable[[], None],
        input: Callable[[Callable[[], Any], DType], Node],
    ) -> None:
        self.kind = kind
        self.now = now
        self.looked = looked
        self.input = input

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.kind

    def node(self, dtype: DType) -> Node:
        """The number as a 0-dimensional node."""
        now = self.now
        return self.input(lambda: to(dtype, now()), dtype)

    def _seen(self) -> Any:
        self.looked()
        return self.now()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._seen(), name)

    def __repr__(self) -> str:
        return repr(self._seen())

    def __str__(self) -> str:
        return str(self._seen())

    def __format__(self, spec: str) -> str:
        return format(self._seen(), spec)

    def __hash__(self) -> int:
        return hash(self._seen())

    def __bool__(self) -> bool:
        return bool(self._seen())

    def __float__(self) -> float:
        return float(self._seen())

    def __int__(self) -> int:
        return int(self._seen())

    def __index__(self) -> int:
        return operator.index(self._seen())

    def __round__(self, digits: int | None = None) -> Any:
        return round(self._seen(), digits)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self._seen(), dtype)


def _plain(x: Any) -> bool:
    return type(x) in (int, float, bool, LiveNumber)


def _of(x: Any) -> Callable[[], Any]:
    return x.now if type(x) is LiveNumber else lambda: x


def _arithmetic(name: str) -> None:
    function: Callable[[Any, Any], Any] = getattr(operator, name)

    def made(self: LiveNumber, x: Any, y: Any) -> Any:
        a, b = _of(x), _of(y)
        kind = type(function(a(), b()))
        if kind not in (int, float):
            return function(a(), b())
        return LiveNumber(kind, lambda: function(a(), b()), self.looked, self.input)

    def forward(self: LiveNumber, other: Any) -> Any:
        return made(self, self, other) if _plain(other) else NotImplemented

    def backward(self: LiveNumber, other: Any) -> Any:
        return made(self, other, self) if _plain(other) else NotImplemented

    setattr(LiveNumber, f"__{name}__", forward)
    setattr(LiveNumber, f"__r{name}__", backward)


def _looking(name: str, function: Callable[..., Any] | None = None) -> None:
    """What is computed from the number of this call, with another type from case to case."""
    of: Callable[..., Any] = function or getattr(operator, name)

    def forward(self: LiveNumber, *others: Any) -> Any:
        return of(self._seen(), *[x._seen() if type(x) is LiveNumber else x for x in others])

    def backward(self: LiveNumber, other: Any) -> Any:
        return of(other, self._seen())

    plain = name.rstrip("_")
    setattr(LiveNumber, f"__{plain}__", forward)
    setattr(LiveNumber, f"__r{plain}__", backward)


def _comparison(name: str) -> None:
    function: Callable[[Any, Any], Any] = getattr(operator, name)

    def compared(self: LiveNumber, other: Any) -> Any:
        if not _plain(other):
            return NotImplemented
        mine = self._seen()
        return function(mine, other._seen() if type(other) is LiveNumber else other)

    setattr(LiveNumber, f"__{name}__", compared)


def _unary(name: str) -> None:
    function: Callable[[Any], Any] = getattr(operator, name)

    def made(self: LiveNumber) -> Any:
        now = self.now
        return LiveNumber(self.kind, lambda: function(now()), self.looked, self.input)

    setattr(LiveNumber, f"__{name}__", made)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod"):
    _arithmetic(_name)
for _name in ("pow", "and_", "or_", "xor", "lshift", "rshift", "invert"):
    _looking(_name)
for _function in (divmod, math.floor, math.ceil, math.trunc):
    _looking(_function.__name__, _function)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _comparison(_name)
for _name in ("neg", "pos", "abs"):
    _unary(_name)
