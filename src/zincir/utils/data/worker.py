"""Workers of a `DataLoader`: each with random streams and a data set of its own."""

from __future__ import annotations

import copy
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from zincir.generator import default_generator
from zincir.tensor import Tensor


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What `get_worker_info` tells a worker about itself."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    """Its own copy."""


Streams: TypeAlias = tuple[Any, Any, np.ndarray[Any, Any]]
"""The states of Python's, NumPy's and the default generator."""


class _Current(threading.local):
    worker: WorkerInfo | None = None


_CURRENT = _Current()


def get_worker_info() -> WorkerInfo | None:
    """Which worker of a `DataLoader` this code runs in; None if in none.

    Example:
        >>> get_worker_info() is None
        True
    """
    return _CURRENT.worker


class Worker:
    """What fetches some of the batches: in the caller's thread, and as if in a process of its own.

    While it works, Python's, NumPy's and the default random stream are its own, which start from
    its seed. Its data set is a shallow copy: what it sets on it, the others and the caller do not
    see.
    """

    def __init__(self, number: int, of: int, seed: int, dataset: Any) -> None:
        self.info = WorkerInfo(number, of, seed, _copied(dataset))
        self._outer: list[tuple[WorkerInfo | None, Streams]] = []
        seeds = [seed & 0xFFFFFFFF, seed >> 32]
        self.streams: Streams = (
            random.Random(seed).getstate(),
            np.random.RandomState(seeds).get_state(),
            np.array([seed, 0], np.int64),
        )

    def __enter__(self) -> None:
        """What runs from here on is done by this worker."""
        self._outer.append((_CURRENT.worker, _states()))
        _CURRENT.worker = self.info
        _restore(self.streams)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.streams = _states()
        _CURRENT.worker, before = self._outer.pop()
        _restore(before)
        if isinstance(error, Exception) and not isinstance(error, StopIteration):
            error.add_note(f"in DataLoader worker {self.info.id} of {self.info.num_workers}")

    def prepare(self, function: Callable[[int], Any] | None) -> None:
        """What users do first in each worker."""
        if function is not None:
            with self:
                function(self.info.id)


def _states() -> Streams:
    return random.getstate(), np.random.get_state(), default_generator.get_state()


def _restore(states: Streams) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])
    default_generator.set_state(states[2])


def _copied(dataset: Any) -> Any:
    """A shallow copy of an object; what has no attributes (a list, an array) is no other in
    copy.
    """
    if isinstance(dataset, Tensor) or not hasattr(dataset, "__dict__"):
        return dataset
    return copy.copy(dataset)
