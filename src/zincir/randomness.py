"""Random numbers of Python and NumPy: whether a function draws any while it is recorded.

Tensors have generators of their own, which replays advance.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import numpy as np

from zincir.watched import same

_PYTHON: Any = random.Random
_NUMPY: Any = (np.random.Generator, np.random.RandomState, np.random.BitGenerator)
_OF_PYTHON: Any = random.random.__self__  # pyright: ignore[reportFunctionMemberAccess]
_OF_NUMPY: Any = np.random.mtrand._rand  # pyright: ignore[reportPrivateUsage]
"""The generators behind `random.random()` and `numpy.random.rand()`."""


class Generators:
    """Generators, and the state that each was in.

    >>> mine, other, found = random.Random(0), random.Random(0), Generators()
    >>> found.add(mine)
    >>> found.add(other)
    >>> _ = mine.random()
    >>> [x is mine for x in found.changed()]
    [True]
    """

    __slots__ = ("_states",)

    def __init__(self) -> None:
        self._states: dict[int, tuple[Any, Any]] = {}

    def add(self, generator: Any) -> None:
        """Note one."""
        self._states[id(generator)] = generator, _state(generator)

    def find(self, values: Iterable[Any], through_numpy: bool) -> None:
        """Note those behind values that code names.

        Args:
            through_numpy: whether `numpy` is enough, as the code names `numpy.random` too.
        """
        for value in values:
            if value is random:
                self.add(_OF_PYTHON)
            elif value is np.random or (value is np and through_numpy):
                self.add(_OF_NUMPY)
            elif is_generator(getattr(value, "__self__", None)):
                self.add(value.__self__)

    def changed(self) -> list[Any]:
        """Those from which something has been drawn."""
        return [x for x, before in self._states.values() if not same(_state(x), before)]

    def any(self) -> bool:
        """Whether there are any."""
        return bool(self._states)

    def have(self, generators: Iterable[Any]) -> bool:
        """Whether any of these is among them."""
        return not self._states.keys().isdisjoint(map(id, generators))


def is_generator(x: Any) -> bool:
    """Whether something gives random numbers that are no tensors."""
    return isinstance(x, (_PYTHON, *_NUMPY))


def _state(generator: Any) -> Any:
    if isinstance(generator, random.SystemRandom):
        return object()  # another one each time
    if isinstance(generator, _PYTHON):
        return generator.getstate()
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    legacy = isinstance(generator, np.random.RandomState)
    return generator.get_state() if legacy else generator.state
