"""A worker's own copy of a data set."""

from __future__ import annotations

import copy
import random
from types import MethodType
from typing import Any, cast

import numpy as np

from zincir.generator import Generator
from zincir.utils.data.dataset import Dataset

LONG = 1000
"""Entries from which on a list or a dictionary is data, and shared."""
_STREAMS = (Generator, np.random.Generator, np.random.RandomState, random.Random)
_DATASET: Any = Dataset  # a name that checks without narrowing


def own_copy(dataset: Any) -> Any:
    """A copy with state of its own: what it sets or draws, nobody else sees.

    Copied are objects, their random generators, and the lists, dictionaries and sets that they
    hold; the same is done inside of these. Shared are arrays and tensors, lists and dictionaries of
    more than `LONG` entries, objects without attributes, those that cannot be copied, and those
    that clean up when they end (`__del__`), which must be done once.
    """
    return _Copies().of(dataset)


class _Copies:
    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Any]] = {}
        """By identity: what was copied, which must live on, and its copy."""

    def of(self, x: Any) -> Any:
        """The copy of `x`, or `x` if it is shared."""
        known = self._known.get(id(x))
        if known is not None:
            return known[1]
        kind = cast(Any, type(x))
        if kind in (list, dict, set, tuple):
            return x if len(x) > LONG else self._container(x)
        if isinstance(x, MethodType):
            return MethodType(x.__func__, self.of(x.__self__))
        if isinstance(x, _STREAMS):
            return self._keep(x, copy.deepcopy(x))
        return self._object(x) if _has_state_of_its_own(x) else x

    def _keep(self, x: Any, new: Any) -> Any:
        self._known[id(x)] = x, new
        return new

    def _container(self, x: Any) -> Any:
        if isinstance(x, tuple):
            row = cast("tuple[Any, ...]", x)
            parts = [self.of(entry) for entry in row]
            same = all(a is b for a, b in zip(parts, row, strict=True))
            return row if same else self._keep(row, tuple(parts))
        if isinstance(x, set):
            return self._keep(x, set(cast("set[Any]", x)))
        if isinstance(x, list):
            new: Any = self._keep(x, [])
            new.extend(self.of(entry) for entry in cast("list[Any]", x))
            return new
        new = self._keep(x, {})
        new.update((key, self.of(value)) for key, value in x.items())
        return new

    def _object(self, x: Any) -> Any:
        try:
            new = copy.copy(x)
            attributes: dict[str, Any] = new.__dict__
        except Exception:  # whatever the object says: it is shared then
            return x
        if new is x:
            return x
        self._keep(x, new)
        for name, value in list(attributes.items()):
            attributes[name] = self.of(value)
        return new


def _has_state_of_its_own(x: Any) -> bool:
    """Whether `x` is an object with attributes that its methods may change."""
    kind = cast(Any, type(x))
    if isinstance(x, type) or not hasattr(x, "__dict__") or hasattr(kind, "__del__"):
        return False
    if kind.__module__ in ("builtins", "functools", "types"):
        return False
    return kind.__module__.partition(".")[0] != _LIBRARY or isinstance(x, _DATASET)


_LIBRARY = __name__.partition(".")[0]
