"""Data sets: samples by number, or one after another; joined, cut and split."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, cast

from zincir.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError, explain
from zincir.generator import Generator
from zincir.graph.node import user_line
from zincir.random import randperm
from zincir.tensor import Tensor

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Samples by number: a subclass has `__getitem__`, and `__len__` if it knows how many there
    are.

    With `__getitems__`, which takes a list of numbers and returns a list of samples, a `DataLoader`
    asks for whole batches.

    Example:
        >>> class Squares(Dataset[int]):
        ...     def __len__(self) -> int:
        ...         return 3
        ...     def __getitem__(self, index: int) -> int:
        ...         return index * index
        >>> [Squares()[i] for i in range(3)]
        [0, 1, 4]
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} needs a __getitem__")

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Samples one after another: a subclass has `__iter__`.

    With workers, each of them goes through a copy of its own; `get_worker_info` tells `__iter__`
    which part is its own.

    Example:
        >>> class Lines(IterableDataset[str]):
        ...     def __iter__(self) -> Iterator[str]:
        ...         return iter(["a", "b"])
        >>> list(Lines() + Lines())
        ['a', 'b', 'a', 'b']
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} needs an __iter__")

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Rows of tensors: sample i is the i-th row of each.

    Raises:
        ShapeError: the tensors have different numbers of rows.

    Example:
        >>> data = TensorDataset(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([0.0, 1.0]))
        >>> data[1]
        (tensor([3., 4.]), tensor(1.))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        for t in tensors:
            if not isinstance(t, Tensor):
                raise DTypeError(
                    explain(
                        f"TensorDataset: {type(t).__name__} is no tensor",
                        where=user_line(),
                        try_="zincir.as_tensor(x)",
                    )
                )
        if any(t.size(0) != tensors[0].size(0) for t in tensors):
            raise ShapeError(
                explain(
                    "TensorDataset: Size mismatch between tensors",
                    where=user_line(),
                    expected="the same number of rows in each",
                    got=" and ".join(str(t.size(0)) for t in tensors),
                )
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)


class StackDataset(Dataset[Any]):
    """Several data sets side by side: sample i is a tuple, or a dictionary, of their samples i.

    Raises:
        ArgumentError: there is none, some are named and others not, or their lengths differ.

    Example:
        >>> StackDataset(image=["cat.png", "dog.png"], label=[0, 1])[1]
        {'image': 'dog.png', 'label': 1}
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        parts = [*args, *kwargs.values()]
        if not parts or (args and kwargs):
            raise ArgumentError(
                explain(
                    "StackDataset: needs data sets that are all named, or all not",
                    where=user_line(),
                    got=f"{len(args)} without and {len(kwargs)} with a name",
                )
            )
        lengths = [len(part) for part in parts]
        if len(set(lengths)) > 1:
            raise ArgumentError(
                explain(
                    "StackDataset: Size mismatch between datasets",
                    where=user_line(),
                    got=" and ".join(map(str, lengths)),
                )
            )
        self._length = lengths[0]
        self.datasets = args or kwargs

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: part[index] for name, part in self.datasets.items()}
        return tuple(part[index] for part in self.datasets)

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        if isinstance(self.datasets, dict):
            columns = [_batch(part, indices) for part in self.datasets.values()]
            names = tuple(self.datasets)
            return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        return list(zip(*(_batch(part, indices) for part in self.datasets), strict=True))

    def __len__(self) -> int:
        return self._length


def _batch(dataset: Any, indices: Sequence[int]) -> list[Any]:
    """The samples with these numbers."""
    if not callable(getattr(dataset, "__getitems__", None)):
        return [dataset[i] for i in indices]
    items = dataset.__getitems__(indices)
    if len(items) != len(indices):
        raise ArgumentError(
            explain(
                "StackDataset: Nested dataset's output size mismatch",
                where=user_line(),
                expected=f"{len(indices)} samples from {type(dataset).__name__}.__getitems__",
                got=str(len(items)),
            )
        )
    return items


class ConcatDataset(Dataset[T_co]):
    """Several data sets one behind another, under numbers that go on.

    Raises:
        ArgumentError: there is none, or one of them cannot be asked for samples by number.

    Example:
        >>> joined = ConcatDataset([["a", "b"], ["c"]])
        >>> len(joined), joined[2], joined[-3]
        (3, 'c', 'a')
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError(
                explain(
                    "ConcatDataset: datasets should not be an empty iterable", where=user_line()
                )
            )
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise ArgumentError(
                explain(
                    "ConcatDataset does not support IterableDataset",
                    where=user_line(),
                    try_="ChainDataset, or `a + b`",
                )
            )
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """The number of samples up to the end of each."""
        return list(itertools.accumulate(len(part) for part in sequence))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: Any) -> T_co:
        if index < 0:
            if -index > len(self):
                raise ArgumentError(
                    explain(
                        "ConcatDataset: absolute value of index should not exceed dataset length",
                        where=user_line(),
                        expected=f"{-len(self)} to {len(self) - 1}",
                        got=str(index),
                    )
                )
            index = len(self) + index
        part = bisect.bisect_right(self.cumulative_sizes, index)
        if part == len(self.datasets):
            raise IndexOutOfRange(
                explain(
                    "ConcatDataset: there are fewer samples",
                    where=user_line(),
                    expected=f"{-len(self)} to {len(self) - 1}",
                    got=str(index),
                )
            )
        return self.datasets[part][index - (self.cumulative_sizes[part - 1] if part else 0)]


class ChainDataset(IterableDataset[T_co]):
    """Several iterable data sets one behind another."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[T_co]:
        for part in self.datasets:
            yield from _iterable(part)

    def __len__(self) -> int:
        return sum(len(_iterable(part)) for part in self.datasets)


def _iterable(part: Any) -> Any:
    if isinstance(part, IterableDataset):
        return cast(Any, part)
    raise ArgumentError(
        explain(
            "ChainDataset only supports IterableDataset",
            where=user_line(),
            got=type(part).__name__,
            try_="ConcatDataset for data sets with __getitem__",
        )
    )


class Subset(Dataset[T_co]):
    """Some samples of a data set, under numbers from 0.

    A subclass with a `__getitem__` of its own needs a `__getitems__` too, which batches are asked
    for.

    Example:
        >>> list(Subset("abcde", [4, 0, 1]))
        ['e', 'a', 'b']
    """

    dataset: Any
    indices: Sequence[int]

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        own, here = cast(Any, type(self)), cast(Any, Subset)
        if own.__getitem__ is not here.__getitem__ and own.__getitems__ is here.__getitems__:
            raise ArgumentError(
                explain(
                    f"{own.__name__} overrides __getitem__ but not __getitems__",
                    where=user_line(),
                    expected="both: a DataLoader asks for whole batches",
                    try_="def __getitems__(self, indices): return [self[i] for i in indices]",
                )
            )

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in cast("list[int]", index)]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list[T_co]:
        chosen = [self.indices[i] for i in indices]
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.dataset.__getitems__(chosen)
        return [self.dataset[i] for i in chosen]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset[Any]]:
    """Parts of a data set, drawn at random, that have no sample in common.

    Args:
        dataset: what has a length.
        lengths: how many samples each part has; or fractions that add up to 1, which are rounded
            down, and what is left over goes to the first parts, one each.
        generator: what is drawn from; the default one if there is none.

    Raises:
        ArgumentError: the lengths do not add up.

    Example:
        >>> [len(part) for part in random_split(range(10), [0.5, 0.25, 0.25])]
        [6, 2, 2]
    """
    total = len(dataset)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _counts(lengths, total)
    counts = [int(n) for n in lengths]
    if sum(lengths) != total:
        raise ArgumentError(
            explain(
                "Sum of input lengths does not equal the length of the input dataset!",
                where=user_line(),
                expected=str(total),
                got=f"{sum(lengths)} = {' + '.join(map(str, lengths))}",
            )
        )
    order = randperm(total, generator=generator).tolist()
    ends = itertools.accumulate(counts)
    return [Subset(dataset, order[end - n : end]) for end, n in zip(ends, counts, strict=True)]


def _counts(fractions: Sequence[float], total: int) -> list[int]:
    for i, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ArgumentError(
                explain(
                    f"random_split: Fraction at index {i} is not between 0 and 1",
                    where=user_line(),
                    got=str(fraction),
                )
            )
    counts = [math.floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(counts)):
        counts[i % len(counts)] += 1
    for i, n in enumerate(counts):
        if n == 0:
            warnings.warn(
                f"random_split: Length of split at index {i} is 0: it has no samples", stacklevel=3
            )
    return counts
