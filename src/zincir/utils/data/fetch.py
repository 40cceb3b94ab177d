"""Samples asked for, and made a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

import numpy as np

from zincir.errors import ZincirError
from zincir.graph.node import here
from zincir.runtime.buffer import Buffer
from zincir.tensor import Tensor, from_buffer
from zincir.utils.data.collate import default_collate, default_collate_fn_map
from zincir.utils.data.dataset import IterableDataset, Subset, TensorDataset
from zincir.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler


class Fetcher(Protocol):
    """What knows how to get at samples."""

    def fetch(self, numbers: Any) -> Any:
        """What belongs to these numbers, or to one."""


class Numbered:
    """Samples by number."""

    def __init__(
        self, dataset: Any, batches: bool, collate: Callable[[Any], Any], ints: bool
    ) -> None:
        self._dataset, self._batches, self._collate = dataset, batches, collate
        self._ints = ints
        """Whether the order is known to be of Python's whole numbers."""
        self._origin = here()

    def fetch(self, numbers: Any) -> Any:
        if not self._batches:
            (sample,) = self._samples([numbers], one=True)
            return self._collate(sample)
        rows = self._rows(numbers)
        if rows is not None:
            return rows
        samples = self._samples(numbers)
        try:
            return self._collate(samples)
        except Exception as error:
            error.add_note(f"DataLoader: in the batch of samples {numbers!r:.80}")
            raise

    def _samples(self, numbers: Any, *, one: bool = False) -> Any:
        dataset = self._dataset
        if one or not getattr(dataset, "__getitems__", None):
            found: list[Any] = []
            i = None
            try:
                for i in numbers:
                    found.append(dataset[i])
            except Exception as error:
                error.add_note(f"DataLoader: at sample {i!r:.80}")
                raise
            return found
        try:
            return dataset.__getitems__(numbers)
        except Exception as error:
            error.add_note(f"DataLoader: at one of the samples {numbers!r:.80}")
            raise

    def _rows(self, numbers: Any) -> list[Tensor] | None:
        """The batch, if it is nothing but rows of tensors: picked at once, they are the same.

        None if it is something else.
        """
        if self._collate is not default_collate:
            return None
        if not self._ints and set(map(type, numbers)) != _INTS:
            return None
        dataset = self._dataset
        while type(dataset) is Subset:
            numbers = _inside(dataset, numbers)
            if set(map(type, numbers)) != _INTS:
                return None
            dataset = dataset.dataset
        kind = cast(Any, type(dataset))
        own = getattr(kind, "__getitem__", None) is not TensorDataset.__getitem__
        if own or callable(getattr(kind, "__getitems__", None)):
            return None
        if default_collate_fn_map[Tensor] is not _TENSORS:
            return None
        tensors: tuple[Tensor, ...] = dataset.tensors
        if any(type(t) is not Tensor for t in tensors):
            return None
        try:
            places = np.array(numbers, np.int64)
            return [from_buffer(Buffer(t.numpy().take(places, 0)), self._origin) for t in tensors]
        except (ZincirError, LookupError, OverflowError):  # it has a gradient, or is not for NumPy
            return [t[numbers] for t in tensors]


def _inside(part: Any, numbers: Any) -> list[Any]:
    """Numbers in the data set that this is a part of; none if one of them is not there."""
    try:
        return [part.indices[i] for i in numbers]
    except (IndexError, TypeError):
        return []


_TENSORS = default_collate_fn_map[Tensor]
_INTS = {int}


class InTurn:
    """Samples one after another; `StopIteration` when there are no more."""

    def __init__(
        self, dataset: Any, batches: bool, collate: Callable[[Any], Any], drop_last: bool
    ) -> None:
        self._batches, self._collate, self._drop_last = batches, collate, drop_last
        self._samples: Iterator[Any] = iter(dataset)
        self._fetched = 0
        self._ended = False

    def fetch(self, numbers: Any) -> Any:
        if self._ended:
            raise StopIteration
        if not self._batches:
            return self._collate(self._sample())
        batch: list[Any] = []
        for _ in cast("list[None]", numbers):
            try:
                batch.append(self._sample())
            except StopIteration:
                self._ended = True
                break
        if not batch or (self._drop_last and len(batch) < len(numbers)):
            raise StopIteration
        return self._collate(batch)

    def _sample(self) -> Any:
        try:
            sample = next(self._samples)
        except StopIteration:
            raise
        except Exception as error:
            error.add_note(f"DataLoader: at sample {self._fetched} of the stream")
            raise
        self._fetched += 1
        return sample


def fetcher_for(loader: Any, dataset: Any) -> Fetcher:
    """What a loader gets at the samples of `dataset` with."""
    batches = loader._auto_collation
    if isinstance(dataset, IterableDataset):
        return InTurn(dataset, batches, loader.collate_fn, loader.drop_last)
    known = type(loader.batch_sampler) is BatchSampler and type(loader.sampler) in _COUNTING
    return Numbered(dataset, batches, loader.collate_fn, known)


def picks_rows(loader: Any) -> bool:
    """Whether batches are rows of tensors, which are picked faster than a thread is asked to."""
    dataset = loader.dataset
    while type(dataset) is Subset:
        dataset = dataset.dataset
    return type(dataset) is TensorDataset and loader.collate_fn is default_collate


_COUNTING = (SequentialSampler, RandomSampler)
