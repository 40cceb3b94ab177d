"""Workers of a `DataLoader`: each with random streams and a data set of its own."""

from __future__ import annotations

import random
import threading
from collections.abc import Generator as Steps
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from zincir.generator import Generator, default_stream
from zincir.utils.data.own_copy import own_copy


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
    """What fetches some of the batches, as if in a process of its own.

    It has random streams, which start from its seed, and a copy of the data set. The default
    generator's is its own in whatever thread it works. Those of Python and NumPy belong to the
    process: it has them while the caller waits for it.
    """

    def __init__(self, number: int, of: int, seed: int, dataset: Any) -> None:
        self.info = WorkerInfo(number, of, seed, own_copy(dataset))
        self._generator = Generator().set_state([seed, 0])
        seeds = [seed & 0xFFFFFFFF, seed >> 32]
        self._of_process: tuple[Any, Any] = (
            random.Random(seed).getstate(),
            np.random.RandomState(seeds).get_state(),
        )
        self.delivered = self.streams
        """Its streams after the last batch that the caller was given."""

    @property
    def streams(self) -> Streams:
        """The states of its streams."""
        return (*self._of_process, self._generator.get_state())

    @streams.setter
    def streams(self, states: Streams) -> None:
        self._of_process = states[:2]
        self._generator.set_state(states[2])
        self.delivered = states

    @contextmanager
    def ahead(self) -> Steps[None]:
        """What runs in this thread is done by this worker."""
        before, _CURRENT.worker = _CURRENT.worker, self.info
        try:
            with default_stream(self._generator):
                yield
        except Exception as error:
            if not isinstance(error, StopIteration):
                error.add_note(f"in DataLoader worker {self.info.id} of {self.info.num_workers}")
            raise
        finally:
            _CURRENT.worker = before

    @contextmanager
    def in_turn(self) -> Steps[None]:
        """The same while the caller waits: the streams of the process are this worker's."""
        before = random.getstate(), np.random.get_state()
        _restore(self._of_process)
        try:
            with self.ahead():
                yield
        finally:
            self._of_process = random.getstate(), np.random.get_state()
            _restore(before)


def _restore(states: tuple[Any, Any]) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])


def same_of_process(one: Streams, other: Streams) -> bool:
    """Whether nothing was drawn from Python's and NumPy's streams in between."""
    (kind, numbers, *rest), (other_kind, other_numbers, *other_rest) = one[1], other[1]
    return (
        one[0] == other[0]
        and (kind, rest) == (other_kind, other_rest)
        and bool((numbers == other_numbers).all())
    )
