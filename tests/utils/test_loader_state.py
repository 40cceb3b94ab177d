"""A loader that is left in the middle and goes on elsewhere: the same batches, to the bit."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import zincir
from zincir.data import BalancedSampler
from zincir.errors import StateError
from zincir.utils import data as D

N = 11


class Noisy(D.Dataset[Any]):
    """Samples that depend on the worker's random streams."""

    def __len__(self) -> int:
        return N

    def __getitem__(self, index: Any) -> Any:
        return index, random.random(), np.random.rand(), zincir.rand(()).item()


class Rolling(D.Dataset[Any]):
    """Samples that depend on a stream that workers have in their threads."""

    def __len__(self) -> int:
        return N

    def __getitem__(self, index: Any) -> Any:
        return index, zincir.rand(()).item()


class Numbers(D.IterableDataset[Any]):
    def __iter__(self) -> Iterator[int]:
        info = D.get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(first, N, step))


def seeded(seed: int = 7) -> zincir.Generator:
    return zincir.Generator().manual_seed(seed)


def weights() -> Any:
    return D.WeightedRandomSampler(np.arange(1.0, N + 1), N)


LOADERS: dict[str, Callable[[], D.DataLoader[Any]]] = {
    "in order": lambda: D.DataLoader(range(N), 4),
    "shuffled": lambda: D.DataLoader(range(N), 4, shuffle=True),
    "its generator": lambda: D.DataLoader(range(N), 4, shuffle=True, generator=seeded()),
    "sampler's generator": lambda: D.DataLoader(
        range(N), 4, sampler=D.RandomSampler(range(N), generator=seeded())),
    "replacement": lambda: D.DataLoader(
        range(N), 5, sampler=D.RandomSampler(range(N), True, 41, seeded())),
    "weighted": lambda: D.DataLoader(range(N), 4, sampler=weights()),
    "balanced": lambda: D.DataLoader(range(N), 4, sampler=BalancedSampler([0] * 8 + [1] * 3)),
    "batch sampler": lambda: D.DataLoader(
        range(N), batch_sampler=D.BatchSampler(D.RandomSampler(range(N)), 3, True)),
    "singles": lambda: D.DataLoader(range(N), None, shuffle=True),
    "distributed": lambda: D.DataLoader(range(N), 2, sampler=D.DistributedSampler(range(N), 2, 1)),
    "workers": lambda: D.DataLoader(Noisy(), 4, shuffle=True, num_workers=3),
    "workers and generator": lambda: D.DataLoader(
        Noisy(), 4, shuffle=True, num_workers=2, generator=seeded()),
    "workers that live on": lambda: D.DataLoader(
        Noisy(), 4, shuffle=True, num_workers=2, persistent_workers=True),
    "workers ahead": lambda: D.DataLoader(Rolling(), 2, shuffle=True, num_workers=2),
    "ahead, replacement": lambda: D.DataLoader(
        Rolling(), 5, sampler=D.RandomSampler(range(N), True, 71, seeded()), num_workers=3,
        prefetch_factor=4),
    "ahead, living on": lambda: D.DataLoader(
        Rolling(), 2, shuffle=True, num_workers=2, persistent_workers=True, generator=seeded()),
    "stream": lambda: D.DataLoader(Numbers(), 4),
    "stream and workers": lambda: D.DataLoader(Numbers(), 3, num_workers=2),
}  # fmt: skip


def plain(batch: Any) -> Any:
    if isinstance(batch, list):
        return [plain(part) for part in batch]
    return batch.tolist() if isinstance(batch, zincir.Tensor) else batch


class Run:
    """Three epochs, with draws from the default generator between batches, as training has them."""

    def __init__(self, loader: D.DataLoader[Any], leave_after: int = -1) -> None:
        self.loader, self.left, self.seen = loader, leave_after, 0

    def epochs(self, first: int, last: int) -> list[Any]:
        found: list[Any] = []
        for epoch in range(first, last):
            if isinstance(self.loader.sampler, D.DistributedSampler):
                self.loader.sampler.set_epoch(epoch)
            for batch in self.loader:
                found.append((epoch, plain(batch), zincir.rand(()).item()))
                self.seen += 1
                if self.seen == self.left:
                    return found
        return found


def batches_an_epoch(make: Callable[[], D.DataLoader[Any]]) -> int:
    return len(list(make()))


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("epoch", [0, 1])
def test_it_goes_on_where_it_was(name: str, epoch: int) -> None:
    make = LOADERS[name]
    count = batches_an_epoch(make)
    for leave_after in (1, 2, count):
        zincir.manual_seed(11)
        loader = make()
        done = Run(loader).epochs(0, epoch)
        here = Run(loader, leave_after)
        done += here.epochs(epoch, epoch + 1)
        state = json.loads(json.dumps(loader.state_dict()))
        stream = zincir.get_rng_state()
        del loader

        zincir.manual_seed(99)
        again = make()
        again.load_state_dict(state)
        assert again.state_dict() == state
        zincir.set_rng_state(stream)
        rest = Run(again).epochs(epoch, 3)

        zincir.manual_seed(11)
        assert done + rest == Run(make()).epochs(0, 3), f"{name}, left after {leave_after}"


@pytest.mark.parametrize("name", LOADERS)
def test_it_goes_on_after_an_epoch(name: str) -> None:
    make = LOADERS[name]
    zincir.manual_seed(11)
    loader = make()
    done = Run(loader).epochs(0, 1)
    state, stream = loader.state_dict(), zincir.get_rng_state()
    again = make()
    again.load_state_dict(state)
    zincir.set_rng_state(stream)
    rest = Run(again).epochs(1, 3)
    zincir.manual_seed(11)
    assert done + rest == Run(make()).epochs(0, 3)


def test_the_order_goes_on_without_the_default_stream() -> None:
    zincir.manual_seed(1)
    loader = D.DataLoader(range(N), 4, shuffle=True)
    steps = iter(loader)
    first = [next(steps).tolist() for _ in range(2)]
    again = D.DataLoader(range(N), 4, shuffle=True)
    again.load_state_dict(loader.state_dict())
    zincir.manual_seed(2)
    before = zincir.get_rng_state().tolist()
    rest = [b.tolist() for b in again]
    assert rest == [b.tolist() for b in steps]
    assert sorted(i for batch in first + rest for i in batch) == list(range(N))
    assert zincir.get_rng_state().tolist() == before


def test_it_can_be_left_again_and_again() -> None:
    zincir.manual_seed(5)
    whole = [b.tolist() for b in D.DataLoader(range(N), 2, shuffle=True)]
    zincir.manual_seed(5)
    loader = D.DataLoader(range(N), 2, shuffle=True)
    found, steps = [], iter(loader)
    for _ in whole:
        found.append(next(steps).tolist())
        state = loader.state_dict()
        loader = D.DataLoader(range(N), 2, shuffle=True)
        loader.load_state_dict(state)
        steps = iter(loader)
    assert found == whole
    assert list(steps) == []


def test_before_anything_was_fetched() -> None:
    loader = D.DataLoader(range(N), 4, shuffle=True, generator=seeded())
    again = D.DataLoader(range(N), 4, shuffle=True, generator=seeded(8))
    again.load_state_dict(loader.state_dict())
    assert [b.tolist() for b in again] == [b.tolist() for b in loader]


def test_a_sampler_with_a_state_of_its_own() -> None:
    class Counting(D.Sampler[int]):
        def __init__(self) -> None:
            self.at = 0

        def __iter__(self) -> Iterator[int]:
            while self.at < N:
                self.at += 1
                yield self.at - 1
            self.at = 0

        def state_dict(self) -> dict[str, int]:
            return {"at": self.at}

        def load_state_dict(self, state: dict[str, int]) -> None:
            self.at = state["at"]

    loader = D.DataLoader(range(N), 4, sampler=Counting())
    steps = iter(loader)
    next(steps), next(steps)
    again = D.DataLoader(range(N), 4, sampler=Counting())
    again.load_state_dict(loader.state_dict())
    assert [b.tolist() for b in again] == [b.tolist() for b in steps]


def test_another_number_of_workers_has_the_same_order() -> None:
    zincir.manual_seed(3)
    loader = D.DataLoader(range(N), 4, shuffle=True)
    steps = iter(loader)
    next(steps)
    again = D.DataLoader(range(N), 4, shuffle=True, num_workers=2)
    again.load_state_dict(loader.state_dict())
    assert [b.tolist() for b in again] == [b.tolist() for b in steps]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda: D.DataLoader(range(N), 5), "batch_size=5"),
        (lambda: D.DataLoader(range(N + 1), 4), "length=12"),
        (lambda: D.DataLoader(range(N), 4, drop_last=True), "drop_last=True"),
        (lambda: D.DataLoader(range(N), 4, generator=seeded()), "another loader"),
        (lambda: D.DataLoader(Numbers(), 4), "iterable=True"),
    ],
)
def test_states_of_other_loaders(other: Callable[[], D.DataLoader[Any]], words: str) -> None:
    loader = D.DataLoader(range(N), 4)
    next(iter(loader))
    with pytest.raises(StateError, match=words):
        other().load_state_dict(loader.state_dict())


@pytest.mark.parametrize("wrong", [{}, {"version": 2}, [1], None])
def test_no_states(wrong: Any) -> None:
    with pytest.raises(StateError, match="not the state of a DataLoader"):
        D.DataLoader(range(N)).load_state_dict(wrong)
