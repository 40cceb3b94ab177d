"""An order in which every class comes equally often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from zincir.data.splits import labels_of
from zincir.errors import ArgumentError, explain
from zincir.generator import Generator, fresh_seed
from zincir.graph.node import user_line
from zincir.random import randperm
from zincir.utils.data import Sampler


class BalancedSampler(Sampler[int]):
    """Numbers of samples in random order, each class as often as any other, to within one.

    Rare classes come several times, and of frequent ones a part; within a class, no sample comes a
    second time before all others came once.

    Args:
        targets: (N,) labels, or a data set.
        num_samples: how many numbers a pass gives; as many as there are samples if left out.
        generator: what is drawn from. Without one, each pass has one of its own, whose seed comes
            from the default one.

    Raises:
        ArgumentError: there are no samples, or `num_samples` is not positive.

    Example:
        >>> labels = [0, 0, 0, 0, 0, 0, 0, 1]
        >>> sorted(labels[i] for i in BalancedSampler(labels))
        [0, 0, 0, 0, 1, 1, 1, 1]
    """

    def __init__(
        self, targets: Any, num_samples: int | None = None, generator: Generator | None = None
    ) -> None:
        labels = labels_of(targets)
        self.num_samples = len(labels) if num_samples is None else num_samples
        if not len(labels) or self.num_samples < 1:
            raise ArgumentError(
                explain(
                    "BalancedSampler: there is nothing to choose from",
                    where=user_line(),
                    expected="labels, and num_samples from 1",
                    got=f"{len(labels)} labels, num_samples={self.num_samples}",
                )
            )
        self.generator = generator
        self._members = [np.flatnonzero(labels == kind) for kind in np.unique(labels)]

    def __iter__(self) -> Iterator[int]:
        generator = self.generator
        if generator is None:
            generator = Generator().manual_seed(fresh_seed())
        each, more = divmod(self.num_samples, len(self._members))
        luckier = set(randperm(len(self._members), generator=generator).tolist()[:more])
        chosen: list[np.ndarray[Any, Any]] = []
        for kind, members in enumerate(self._members):
            wanted = each + (kind in luckier)
            for start in range(0, wanted, len(members)):
                order = randperm(len(members), generator=generator).numpy()
                chosen.append(members[order][: wanted - start])
        numbers = np.concatenate(chosen)
        yield from numbers[randperm(len(numbers), generator=generator).numpy()].tolist()

    def __len__(self) -> int:
        return self.num_samples
