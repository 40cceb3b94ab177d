"""One way through the data of a loader: who fetches which batch, and when."""

from __future__ import annotations

import itertools
import queue
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from zincir.errors import LoaderTimeout, explain
from zincir.generator import fresh_seed
from zincir.pending import settle
from zincir.utils.data import position
from zincir.utils.data.fetch import Fetcher, fetcher_for, picks_rows
from zincir.utils.data.worker import Streams, Worker, same_of_process
from zincir.utils.data.worker_thread import Answer, WorkerThread

T = TypeVar("T")


class _Here:
    """What does things in the caller's thread, once the answer is wanted."""

    def __init__(self) -> None:
        self._asked: deque[Callable[[], Any]] = deque()

    def ask(self, function: Callable[[], Any]) -> None:
        self._asked.append(function)

    def answer(self, seconds: float | None = None) -> Answer:
        try:
            return self._asked.popleft()(), None
        except BaseException as error:  # the same as from a thread
            return None, error

    def do(self, function: Callable[[], Any]) -> Any:
        return function()

    def forget(self) -> None:
        self._asked.clear()

    def close(self) -> None:
        """There is nothing to end."""


@dataclass
class _Lane:
    """A worker, and where it works."""

    worker: Worker
    place: WorkerThread | _Here
    fetcher: Fetcher
    ended: bool = False
    """Whether its part of an iterable data set has come to its end."""


@dataclass(frozen=True)
class _Fetched:
    """A batch, or what was raised in its place; and the worker's streams before and after."""

    data: Any
    error: Exception | None
    before: Streams
    after: Streams


@dataclass(frozen=True)
class _Coming:
    """A batch that a worker was asked for."""

    lane: _Lane
    drawn: position.Drawn


class LoaderIterator:
    """One way through the data. Workers, if there are any, have every so many-th batch each.

    The first batch is fetched while the caller waits. If nothing was drawn from the streams of the
    process then, workers are ahead of the caller from there on.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        if loader.pin_memory:
            warnings.warn(
                "DataLoader: 'pin_memory' argument is set as true but no accelerator is found, "
                "then device pinned memory won't be used.",
                stacklevel=3,
            )
        self.position = loader._position = position.begun(loader)
        self._order = iter(loader._index_sampler)
        seed = fresh_seed(loader.generator)
        count = loader.num_workers
        self._workers = [Worker(i, count, seed + i, loader.dataset) for i in range(count)]
        self.position.workers = self._workers
        here = picks_rows(loader)
        self._places = [
            _Here() if here else WorkerThread(f"DataLoader worker {i}") for i in range(count)
        ]
        if loader.worker_init_fn is not None:
            for worker, place in zip(self._workers, self._places, strict=True):
                place.do(partial(_in_turn, worker, partial(loader.worker_init_fn, worker.info.id)))
        self._start()

    @classmethod
    def resumed(cls, loader: Any, state: dict[str, Any]) -> LoaderIterator | None:
        """The way that was saved, from there on; None if the next one begins as any other does."""
        lives_on = loader.persistent_workers and bool(state.get("workers"))
        if "start" not in state or (state["finished"] and not lives_on):
            return None
        replayed = position.Replayed(loader, state)
        with replayed:
            iterator = cls(loader)
            if state["again"]:
                replayed.rewind()
                iterator.begin()
            if not state["finished"]:
                iterator._skip(state)
        position.restore_workers(iterator._workers, state)
        if state["finished"]:
            iterator.begin()
        return iterator

    def _skip(self, state: dict[str, Any]) -> None:
        """Leave out the batches that there were before."""
        count: int = state["batches"]
        if self._loader.is_iterable:
            for _ in range(count):
                self._next(skipped=True)
        else:
            if position.restore_sampler(self._loader, state):
                self._order = iter(self._loader._index_sampler)
            else:
                for _ in itertools.islice(self._order, count):
                    pass
            self._turn = count
        start = state["start"]
        self.position.default = start["default"]
        self.position.generators = start["generators"]
        self.position.batches = count

    def begin(self) -> None:
        """Go through the data once more, with the same workers."""
        for lane in self._lanes:
            lane.place.forget()
            lane.worker.streams = lane.worker.delivered
        self.position = self._loader._position = position.begun(self._loader, again=True)
        self.position.workers = self._workers
        self._order = iter(self._loader._index_sampler)
        self._start()

    def _start(self) -> None:
        loader = self._loader
        self._coming: deque[_Coming] = deque()
        self._turn = 0
        """How many batches workers were asked for."""
        self._begun = self._ahead = self._drawn_all = False
        """Whether there was a batch, workers are ahead of the caller, there are no more numbers."""
        self._lanes: list[_Lane] = []
        self._fetcher = None if self._workers else fetcher_for(loader, loader.dataset)
        for worker, place in zip(self._workers, self._places, strict=True):
            make = partial(fetcher_for, loader, worker.info.dataset)
            self._lanes.append(_Lane(worker, place, place.do(partial(_in_turn, worker, make))))
            worker.delivered = worker.streams

    def __iter__(self) -> LoaderIterator:
        return self

    def __len__(self) -> int:
        return len(self._loader._index_sampler)

    def __next__(self) -> Any:
        try:
            data = self._next()
        except StopIteration:
            self.position.finished = True
            if not self._loader.persistent_workers:
                self._close()
            raise
        self.position.batches += 1
        told = self._loader.told
        if told is not None and self.position.batches > told:
            warnings.warn(
                f"DataLoader: the length of {self._loader.dataset} was reported to be {told}, but "
                f"{self.position.batches} samples have been fetched",
                stacklevel=2,
            )
        return data

    def _next(self, *, skipped: bool = False) -> Any:
        if self._fetcher is not None:
            return self._fetcher.fetch(next(self._order))
        while True:
            self._ask(self._most)
            if not self._coming:
                raise StopIteration
            first = self._coming[0]
            fetched = None if first.lane.ended else self._answer(first)
            self._coming.popleft()
            if fetched is None:
                continue
            first.lane.worker.delivered = fetched.after
            if isinstance(fetched.error, StopIteration) and self._loader.is_iterable:
                first.lane.ended = True
                continue
            self.position.drawn = first.drawn
            if not skipped:
                self._go_ahead(fetched)
            if fetched.error is None:
                return fetched.data
            try:
                raise fetched.error
            finally:
                del fetched  # or the error would refer to itself

    @property
    def _most(self) -> int:
        """How many batches may be on their way at once."""
        loader = self._loader
        return loader.prefetch_factor * loader.num_workers if self._ahead else 1

    def _ask(self, most: int) -> None:
        """Have workers fetch what comes next, until so many batches are on their way."""
        while len(self._coming) < most and not self._drawn_all:
            lane = self._next_lane()
            if lane is None:
                return
            try:
                numbers = next(self._order)
            except StopIteration:
                self._drawn_all = True
                return
            except Exception as error:  # it belongs in the place of this batch
                lane.place.ask(partial(_raised, lane.worker, error))
            else:
                here = isinstance(lane.place, _Here)
                context = Worker.ahead if here or self._ahead else Worker.in_turn
                end = _nothing if here else settle
                lane.place.ask(partial(_fetch, lane.worker, lane.fetcher, numbers, context, end))
            self._coming.append(_Coming(lane, position.drawn(self._loader)))

    def _next_lane(self) -> _Lane | None:
        """Whose turn it is; None if all have come to their end."""
        for _ in self._lanes:
            lane = self._lanes[self._turn % len(self._lanes)]
            self._turn += 1
            if not lane.ended:
                return lane
        return None

    def _answer(self, coming: _Coming) -> _Fetched:
        """What a worker fetched, as soon as it is there."""
        seconds = self._loader.timeout or None
        try:
            fetched, error = coming.lane.place.answer(seconds)
        except queue.Empty:
            raise LoaderTimeout(
                explain(
                    f"DataLoader timed out after {seconds} seconds",
                    got=f"worker {coming.lane.worker.info.id} is still fetching its batch",
                    try_="a longer timeout=",
                )
            ) from None
        if error is not None:
            raise error
        return fetched

    def _go_ahead(self, fetched: _Fetched) -> None:
        """After the first batch, see whether workers may be ahead; then let them."""
        if not self._begun:
            self._begun = True
            here = isinstance(self._lanes[0].place, _Here)
            self._ahead = not here and same_of_process(fetched.before, fetched.after)
        if self._ahead:
            self._ask(self._most)

    def _close(self) -> None:
        for place in self._places:
            place.close()


def _in_turn(worker: Worker, function: Callable[[], T]) -> T:
    with worker.in_turn():
        return function()


def _fetch(
    worker: Worker, fetcher: Fetcher, numbers: Any, context: Any, end: Callable[[], None]
) -> _Fetched:
    """What a worker is asked for."""
    before = worker.streams
    try:
        with context(worker):
            data = fetcher.fetch(numbers)
            end()
    except Exception as error:
        return _Fetched(None, error, before, worker.streams)
    return _Fetched(data, None, before, worker.streams)


def _raised(worker: Worker, error: Exception) -> _Fetched:
    """In the place of a batch that there are no numbers for."""
    return _Fetched(None, error, worker.streams, worker.streams)


def _nothing() -> None:
    """What is computed in the caller's thread waits until somebody looks."""
