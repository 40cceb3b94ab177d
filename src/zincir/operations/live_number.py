"""A Python number that differs from call to call of a recorded function.

It stands for an argument of the function. Arithmetic with numbers makes others like it; beside a
tensor it is an input of the program. Whoever looks at it (a comparison, `float(x)`, a shape) gets
the number of this call, and the recording is good for that number alone.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.graph.node import Node
from zincir.operations.numbers import to
from zincir.types import DType


class LiveNumber:
    """`now()` is the number of the present call.

    Args:
        kind: int or float, the type it has.
        now: reads the number.
        looked: called when somebody looks at it.
        input: a node of a type for it, read at each replay.
        family: where it is noted, with all that is computed from it.
    """

    __slots__ = ("family", "input", "kind", "looked", "now")

    def __init__(
        self,
        kind: type,
        now: Callable[[], Any],
        looked: Callable[[], None],
        input: Callable[[Callable[[], Any], DType], Node],
        family: list[LiveNumber],
    ) -> None:
        self.kind = kind
        self.now = now
        self.looked = looked
        self.input = input
        self.family = family
        family.append(self)

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

    def __invert__(self) -> int:
        return ~self._seen()

    def __trunc__(self) -> int:
        return math.trunc(self._seen())

    def __floor__(self) -> int:
        return math.floor(self._seen())

    def __ceil__(self) -> int:
        return math.ceil(self._seen())

    def __round__(self, digits: int | None = None) -> Any:
        return round(self._seen(), digits)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.kind, (self._seen(),)

    def __copy__(self) -> LiveNumber:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> LiveNumber:
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self._seen(), dtype)


def settled(family: list[LiveNumber]) -> None:
    """Let numbers that somebody has kept be those of this call for good."""
    for number in family:
        number.now = functools.partial(_itself, number.now())
    family.clear()


def _itself(x: Any) -> Any:
    return x


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
        looks = [n.looked for n in (x, y) if type(n) is LiveNumber]

        def looked() -> None:
            for look in looks:
                look()

        return LiveNumber(kind, lambda: function(a(), b()), looked, self.input, self.family)

    def forward(self: LiveNumber, other: Any) -> Any:
        return made(self, self, other) if _plain(other) else NotImplemented

    def backward(self: LiveNumber, other: Any) -> Any:
        return made(self, other, self) if _plain(other) else NotImplemented

    setattr(LiveNumber, f"__{name}__", forward)
    setattr(LiveNumber, f"__r{name}__", backward)


def _looking(name: str, function: Callable[[Any, Any], Any]) -> None:
    """An operation whose result is of another type for other numbers, or is no input."""

    def forward(self: LiveNumber, other: Any) -> Any:
        return function(self._seen(), _look(other)) if _plain(other) else NotImplemented

    def backward(self: LiveNumber, other: Any) -> Any:
        return function(_look(other), self._seen()) if _plain(other) else NotImplemented

    setattr(LiveNumber, f"__{name}__", forward)
    setattr(LiveNumber, f"__r{name}__", backward)


def _look(x: Any) -> Any:
    return x._seen() if type(x) is LiveNumber else x


def _comparison(name: str) -> None:
    function: Callable[[Any, Any], Any] = getattr(operator, name)

    def compared(self: LiveNumber, other: Any) -> Any:
        if not _plain(other):
            return NotImplemented
        return function(self._seen(), _look(other))

    setattr(LiveNumber, f"__{name}__", compared)


def _unary(name: str) -> None:
    function: Callable[[Any], Any] = getattr(operator, name)

    def made(self: LiveNumber) -> Any:
        now = self.now
        return LiveNumber(self.kind, lambda: function(now()), self.looked, self.input, self.family)

    setattr(LiveNumber, f"__{name}__", made)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod"):
    _arithmetic(_name)
for _name in ("and", "or", "xor", "lshift", "rshift", "pow"):
    _looking(_name, getattr(operator, f"__{_name}__"))
_looking("divmod", divmod)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _comparison(_name)
for _name in ("neg", "pos", "abs"):
    _unary(_name)
