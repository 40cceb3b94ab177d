"""The part of a data set that one of several processes takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized

from zincir.errors import ArgumentError, explain
from zincir.generator import Generator
from zincir.graph.node import user_line
from zincir.random import randperm
from zincir.utils.data.sampler import Sampler


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th sample, from `rank` on, in an order that all processes agree on.

    All parts have the same length: the first samples come twice to make up for what is missing, or
    the last ones are left out.

    Args:
        dataset: what has a length.
        num_replicas: how many processes there are; this one alone if left out.
        rank: which of them this is, from 0.
        shuffle: whether in random order, another one for each epoch (see `set_epoch`).
        seed: the same in all processes.
        drop_last: whether to leave samples out.

    Raises:
        ArgumentError: there is no such rank.

    Example:
        >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
        [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        self.num_replicas = 1 if num_replicas is None else num_replicas
        self.rank = 0 if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ArgumentError(
                explain(
                    f"DistributedSampler: Invalid rank {rank}",
                    where=user_line(),
                    expected=f"0 to {self.num_replicas - 1}",
                )
            )
        self.dataset = dataset
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        count = len(dataset)
        self.num_samples = (
            count // self.num_replicas if drop_last else math.ceil(count / self.num_replicas)
        )
        self.total_size = self.num_samples * self.num_replicas

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        if self.shuffle:
            generator = Generator().manual_seed(self.seed + self.epoch)
            numbers = randperm(count, generator=generator).tolist()
        else:
            numbers = list(range(count))
        if count:
            numbers = (numbers * math.ceil(self.total_size / count))[: self.total_size]
        return iter(numbers[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch begins: each has an order of its own."""
        self.epoch = epoch
