"""Batches of a data set, epoch after epoch."""

from __future__ import annotations

import math
import multiprocessing
import multiprocessing.context
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

from zincir.errors import ArgumentError, DTypeError, TraceError, explain
from zincir.generator import Generator
from zincir.graph.node import user_line
from zincir.recording import CURRENT
from zincir.utils.data import position
from zincir.utils.data.collate import default_collate, default_convert
from zincir.utils.data.dataset import IterableDataset
from zincir.utils.data.loader_iterator import LoaderIterator
from zincir.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler

T_co = TypeVar("T_co", covariant=True)

_FIXED = frozenset(
    ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
)


class _Endless:
    """The order of an iterable data set, which has no numbers."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[T_co]):
    """Batches of a data set: each `for` goes through it once.

    Workers are threads, of which each fetches every `num_workers`-th batch before it is asked for;
    the order is the same for any number of them. Each has random streams of its own (seeded from
    `generator` and its number) and a copy of the data set with state of its own (arrays, tensors
    and what is long are shared), is prepared by `worker_init_fn`, and is told who it is by
    `get_worker_info`. An error comes as it was raised, with the lines that raised it, and with a
    note that names the sample.

    Python's `random` and `numpy.random` have one stream in a process. If the first batch of a pass
    is seen to draw from them, workers take turns while the caller waits, so that each has these
    streams for itself; the default generator and generators that the data set holds have no such
    limit. Rows of a `TensorDataset` are picked in the caller's thread, which is faster.

    Args:
        dataset: what has `__getitem__` and `__len__`, or an `IterableDataset`.
        batch_size: of batches; None for single samples.
        shuffle: whether in random order, another one for each epoch.
        sampler: the order of samples, in place of `shuffle`.
        batch_sampler: lists of numbers, in place of all these and `drop_last`.
        num_workers: threads; 0 fetches in the caller's.
        collate_fn: makes a batch of a list of samples: `default_collate`, or `default_convert` for
            single samples.
        pin_memory, pin_memory_device: there is no device to pin memory for.
        drop_last: whether to leave out a last batch that is shorter.
        timeout: seconds that a batch of a worker is waited for; 0 for as long as it takes.
        multiprocessing_context: a way to start processes, which is checked; none is started.
        prefetch_factor: batches that each worker is ahead; 2 if left out.
        in_order: batches come in order anyway.
        worker_init_fn: is called with the number of each worker.
        generator: what shuffling and the workers' seeds are drawn from.
        persistent_workers: whether workers live on from epoch to epoch.

    Raises:
        ArgumentError: arguments that exclude one another, or are out of range.
        TraceError: a function that is being recorded goes through it.

    Example:
        >>> loader = DataLoader(range(5), batch_size=2)
        >>> [batch.tolist() for batch in loader], len(loader)
        ([[0, 1], [2, 3], [4]], 3)
    """

    _initialized = False
    _position: position.Position | None = None
    """How far the latest way through the data has got."""
    _resume: dict[str, Any] | None = None
    """The state that the next way goes on from."""

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = _context(multiprocessing_context, num_workers)
        self.in_order = in_order
        self.generator = generator
        self.persistent_workers = persistent_workers
        iterable = isinstance(dataset, IterableDataset)
        _check_order(iterable, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        if sampler is not None:
            self.sampler: Any = sampler
        elif iterable:
            self.sampler = _Endless()
        elif shuffle:
            self.sampler = RandomSampler(dataset, generator=generator)
        else:
            self.sampler = SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.batch_sampler: Any = batch_sampler
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn
        self._iterator: LoaderIterator | None = None
        self.told: int | None = None
        """The length of an iterable data set, as `len` was told."""
        self._initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in _FIXED:
            raise ArgumentError(
                explain(
                    f"{name} attribute should not be set after {type(self).__name__} "
                    "is initialized",
                    where=user_line(),
                    try_="a new DataLoader",
                )
            )
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        if CURRENT.recording is not None:
            raise TraceError(
                explain(
                    "a function wrapped by zincir.compile cannot go through a DataLoader",
                    where=user_line(),
                    try_="wrap what is done with one batch, and call it in the loop",
                )
            )
        if self._resume is not None:
            state, self._resume = self._resume, None
            resumed = LoaderIterator.resumed(self, state)
            if resumed is not None:
                self._iterator = resumed if self.persistent_workers else None
                return resumed
        if not (self.persistent_workers and self.num_workers):
            return LoaderIterator(self)
        if self._iterator is None:
            self._iterator = LoaderIterator(self)
        else:
            self._iterator.begin()
        return self._iterator

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        self.told = length = len(cast(Any, self).dataset)
        if self.batch_size is None:
            return length
        if self.drop_last:
            return length // self.batch_size
        return math.ceil(length / self.batch_size)

    @property
    def is_iterable(self) -> bool:
        """Whether samples come one after another, without numbers."""
        return isinstance(self.dataset, IterableDataset)

    def state_dict(self) -> dict[str, Any]:
        """Where the latest way through the data is: numbers, texts, lists and dictionaries.

        A loader that is given this state goes on with the next batch, in the same order; at the end
        of an epoch, with the next one. What workers draw goes on as well. An order that is drawn
        from a generator is drawn again; a sampler with `state_dict` and `load_state_dict` of its
        own is asked for its state. Samples of an iterable data set are fetched and left out.

        Example:
            >>> loader = DataLoader(range(5), batch_size=2)
            >>> batches = iter(loader)
            >>> _, state = next(batches), loader.state_dict()
            >>> again = DataLoader(range(5), batch_size=2)
            >>> again.load_state_dict(state)
            >>> [batch.tolist() for batch in again]
            [[2, 3], [4]]
        """
        return dict(self._resume) if self._resume else position.saved(self, self._position)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Let the next `for` go on where `state_dict` was called.

        Raises:
            StateError: it is the state of something else, or of a loader with other batches.
        """
        self._resume = position.check(self, state_dict)
        self._iterator = None
        position.restore_generators(position.generators_of(self), self._resume)

    @property
    def _auto_collation(self) -> bool:
        """Whether samples are fetched one by one and put together. Subclasses may say no."""
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        """What is asked for at each step: lists of numbers, or numbers."""
        return self.batch_sampler if self._auto_collation else self.sampler


_BaseDataLoaderIter = _SingleProcessDataLoaderIter = LoaderIterator


class _MultiProcessingDataLoaderIter(LoaderIterator):  # pyright: ignore[reportUnusedClass]
    """PyTorch's name for what starts processes: here there are threads, and nothing is of it."""


def _refuse(what: str, **fields: str) -> ArgumentError:
    return ArgumentError(explain(f"DataLoader: {what}", where=user_line(), **fields))


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    if num_workers < 0:
        raise _refuse("num_workers option should be non-negative", got=str(num_workers))
    if timeout < 0:
        raise _refuse("timeout option should be non-negative", got=str(timeout))
    if prefetch_factor is not None and num_workers == 0:
        raise _refuse(
            "prefetch_factor option could only be specified in multiprocessing",
            got="num_workers=0",
            try_="prefetch_factor=None",
        )
    if prefetch_factor is not None and prefetch_factor < 1:
        raise _refuse("prefetch_factor option should be positive", got=str(prefetch_factor))
    if persistent_workers and num_workers == 0:
        raise _refuse("persistent_workers option needs num_workers > 0")


def _check_order(
    iterable: bool,
    batch_size: int | None,
    shuffle: bool | None,
    sampler: Any,
    batch_sampler: Any,
    drop_last: bool,
) -> None:
    if iterable:
        given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
        for name, value in given.items():
            if value is not None:
                raise _refuse(
                    f"with IterableDataset, expected unspecified {name} option",
                    got=f"{name}={value}",
                )
    if sampler is not None and shuffle:
        raise _refuse("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise _refuse(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                "and drop_last"
            )
    elif batch_size is None and drop_last:
        raise _refuse(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )


def _context(given: Any, num_workers: int) -> Any:
    """A way to start processes, of which it is made sure that there is one of this name."""
    if given is None:
        return None
    if num_workers == 0:
        raise _refuse(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0)",
            got="num_workers=0",
        )
    if isinstance(given, str):
        methods = multiprocessing.get_all_start_methods()
        if given not in methods:
            raise _refuse(
                "multiprocessing_context option should specify a valid start method",
                expected=", ".join(methods),
                got=repr(given),
            )
        return multiprocessing.get_context(given)
    if not isinstance(given, multiprocessing.context.BaseContext):
        raise DTypeError(
            explain(
                "DataLoader: multiprocessing_context option should be a valid context object or "
                "a string specifying the start method",
                where=user_line(),
                got=repr(given),
            )
        )
    return given
