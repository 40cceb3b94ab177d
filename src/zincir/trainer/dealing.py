"""Which samples a process gets, batch by batch: it follows from the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from zincir.generator import Generator
from zincir.random import randperm

Array: TypeAlias = np.ndarray[Any, Any]


class Part(NamedTuple):
    """Which of several processes this is."""

    rank: int
    size: int


WHOLE = Part(0, 1)


@dataclass(frozen=True)
class Dealing:
    """Batches of `batch` samples for each process; together they hold each sample once."""

    samples: int
    batch: int
    seed: int | None
    """None for the order in which samples are."""
    part: Part = WHOLE
    drop_last: bool = False

    def __len__(self) -> int:
        whole = self.batch * self.part.size
        return (self.samples + (0 if self.drop_last else whole - 1)) // whole

    def deal(self, epoch: int, done: int = 0) -> Iterator[tuple[Array, int]]:
        """The numbers of the samples of each batch, and how many of them count.

        That is none if there are fewer left than processes: then a process that has got none has
        one that belongs to another.
        """
        order, (rank, size) = self.order(epoch)[done:], self.part
        whole = self.batch * size
        for start in range(0, len(order), whole):
            together = order[start : start + whole]
            if self.drop_last and len(together) < whole:
                return
            own = together[rank::size]
            yield (own, len(own)) if len(own) else (together[:1], 0)

    def order(self, epoch: int) -> Array:
        """The numbers of all samples in the order of an epoch."""
        if self.seed is None:
            return np.arange(self.samples)
        return shuffled(self.samples, self.seed, epoch)

    def is_all(self, numbers: Any) -> bool:
        """Whether these numbers are all, as they are."""
        return self.seed is None and self.part.size == 1 and len(numbers) == self.samples


def shuffled(samples: int, seed: int, epoch: int) -> Array:
    """The numbers of all samples, in the order that belongs to a seed and an epoch."""
    key = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0]
    generator = Generator().manual_seed(int(key))
    return randperm(samples, generator=generator).numpy()
