"""Samples asked for, and made a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

from zincir.tensor import Tensor
from zincir.utils.data.collate import default_collate, default_collate_fn_map
from zincir.utils.data.dataset import IterableDataset, TensorDataset


class Fetcher(Protocol):
    """What knows how to get at samples."""

    def fetch(self, numbers: Any) -> Any:
        """What belongs to these numbers, or to one."""


class Numbered:
    """Samples by number."""

    def __init__(self, dataset: Any, batches: bool, collate: Callable[[Any], Any]) -> None:
        self._dataset, self._batches, self._collate = dataset, batches, collate

    def fetch(self, numbers: Any) -> Any:
        dataset = self._dataset
        if not self._batches:
            return self._collate(dataset[numbers])
        if getattr(dataset, "__getitems__", None):
            return self._collate(dataset.__getitems__(numbers))
        if numbers and self._is_rows() and all(type(i) is int for i in numbers):
            return [t[numbers] for t in dataset.tensors]
        return self._collate([dataset[i] for i in numbers])

    def _is_rows(self) -> bool:
        """Whether a batch is nothing but rows of tensors: picked at once, they are the same."""
        kind = cast(Any, type(self._dataset))
        return (
            getattr(kind, "__getitem__", None) is TensorDataset.__getitem__
            and self._collate is default_collate
            and all(type(t) is Tensor for t in self._dataset.tensors)
            and default_collate_fn_map[Tensor] is _TENSORS
        )


_TENSORS = default_collate_fn_map[Tensor]


class InTurn:
    """Samples one after another; `StopIteration` when there are no more."""

    def __init__(
        self, dataset: Any, batches: bool, collate: Callable[[Any], Any], drop_last: bool
    ) -> None:
        self._batches, self._collate, self._drop_last = batches, collate, drop_last
        self._samples: Iterator[Any] = iter(dataset)
        self._ended = False

    def fetch(self, numbers: Any) -> Any:
        if self._ended:
            raise StopIteration
        if not self._batches:
            return self._collate(next(self._samples))
        batch: list[Any] = []
        for _ in cast("list[None]", numbers):
            try:
                batch.append(next(self._samples))
            except StopIteration:
                self._ended = True
                break
        if not batch or (self._drop_last and len(batch) < len(numbers)):
            raise StopIteration
        return self._collate(batch)


def fetcher_for(loader: Any, dataset: Any) -> Fetcher:
    """What a loader gets at the samples of `dataset` with."""
    batches = loader.batch_sampler is not None
    if isinstance(dataset, IterableDataset):
        return InTurn(dataset, batches, loader.collate_fn, loader.drop_last)
    return Numbered(dataset, batches, loader.collate_fn)
