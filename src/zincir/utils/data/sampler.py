"""In which order samples come: numbers, or lists of numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

from zincir.creation import as_tensor
from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.generator import Generator, fresh_seed
from zincir.graph.node import user_line
from zincir.random import multinomial, randint, randperm
from zincir.types import float64

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """What goes through the numbers of samples: a subclass has `__iter__`, and `__len__` if it can.

    Example:
        >>> class Backwards(Sampler[int]):
        ...     def __iter__(self):
        ...         return iter([2, 1, 0])
        >>> list(Backwards())
        [2, 1, 0]
    """

    def __init__(self, data_source: Any = None) -> None:
        pass

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} needs an __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ... to the end of the data.

    Example:
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """All numbers in random order, or with replacement.

    Without a generator, each pass has one of its own, whose seed comes from the default one.

    Args:
        data_source: what has a length.
        replacement: whether a number may come more than once.
        num_samples: how many numbers; as many as there are samples if left out. Without
            replacement, more of them than samples are several random orders one behind another.
        generator: what is drawn from.

    Raises:
        DTypeError: `replacement` is no bool.
        ArgumentError: `num_samples` is not positive.

    Example:
        >>> sorted(RandomSampler("abc"))
        [0, 1, 2]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise DTypeError(
                explain(
                    "RandomSampler: replacement should be a boolean value",
                    where=user_line(),
                    got=f"replacement={replacement}",
                )
            )
        _positive("RandomSampler: num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many numbers a pass gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n, count = len(self.data_source), self.num_samples
        generator = self.generator
        if generator is None:
            generator = Generator().manual_seed(fresh_seed())
        if self.replacement:
            for start in range(0, count, 32):
                yield from randint(n, (min(32, count - start),), generator=generator).tolist()
        else:
            for start in range(0, count, n):
                yield from randperm(n, generator=generator).tolist()[: count - start]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given numbers in random order.

    Example:
        >>> sorted(SubsetRandomSampler([7, 5, 3]))
        [3, 5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Numbers that come as often as their weights say.

    Args:
        weights: one for each sample, not negative; they need not add up to 1.
        num_samples: how many numbers.
        replacement: whether a number may come more than once.
        generator: what is drawn from.

    Raises:
        ArgumentError: `num_samples` is not positive, or `replacement` is no bool.
        ShapeError: the weights are no row.

    Example:
        >>> list(WeightedRandomSampler([0.0, 1.0], 3))
        [1, 1, 1]
    """

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        _positive("WeightedRandomSampler: num_samples", num_samples)
        _flag("WeightedRandomSampler: replacement", replacement)
        self.weights = as_tensor(weights, dtype=float64)
        if self.weights.ndim != 1:
            raise ShapeError(
                explain(
                    "WeightedRandomSampler: weights should be a 1d sequence",
                    where=user_line(),
                    got=f"shape {tuple(self.weights.shape)}",
                )
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Numbers of another sampler in lists of `batch_size`; the last one may be shorter, or left
    out.

    Raises:
        ArgumentError: `batch_size` is not positive, or `drop_last` is no bool.

    Example:
        >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        _positive("BatchSampler: batch_size", batch_size)
        _flag("BatchSampler: drop_last", drop_last)
        self.sampler: Any = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        numbers: Iterator[int] = iter(self.sampler)
        while batch := list(itertools.islice(numbers, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        over = 0 if self.drop_last else self.batch_size - 1
        return (len(self.sampler) + over) // self.batch_size


def _positive(what: str, value: Any) -> None:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return
    raise ArgumentError(
        explain(f"{what} should be a positive integer value", where=user_line(), got=repr(value))
    )


def _flag(what: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ArgumentError(
            explain(f"{what} should be a boolean value", where=user_line(), got=repr(value))
        )
