"""`utils.data` on its own: orders that seeds decide, workers, errors as users see them."""

import collections
import random
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import zincir
from zincir.errors import ArgumentError, DTypeError, ShapeError, TraceError
from zincir.utils import data as D


def order(seed: int | None = None, **options: Any) -> list[int]:
    if seed is not None:
        zincir.manual_seed(seed)
    loader = D.DataLoader(range(20), batch_size=4, shuffle=True, **options)
    return [i for batch in loader for i in batch.tolist()]


def test_the_seed_decides_the_order() -> None:
    first = order(3)
    assert sorted(first) == list(range(20))
    assert first == order(3) != order(4)
    assert order() != order()


def test_workers_do_not_change_the_order() -> None:
    assert order(3) == order(3, num_workers=2) == order(3, num_workers=1, prefetch_factor=5)


def test_a_generator_decides_the_order() -> None:
    one, two = (order(k, generator=zincir.Generator().manual_seed(5)) for k in (1, 2))
    assert one == two


def test_each_epoch_has_its_order() -> None:
    loader = D.DataLoader(range(50), batch_size=50, shuffle=True)
    (first,), (second,) = list(loader), list(loader)
    assert first.tolist() != second.tolist()


def test_an_iterator_can_be_left() -> None:
    loader = D.DataLoader(range(6), batch_size=2)
    for batch in loader:
        assert batch.tolist() == [0, 1]
        break
    assert [b.tolist() for b in loader] == [[0, 1], [2, 3], [4, 5]]
    steps = iter(loader)
    assert len(steps) == 3
    assert next(steps).tolist() == [0, 1]
    assert next(iter(loader)).tolist() == [0, 1]
    assert next(steps).tolist() == [2, 3]


def test_rows_of_tensors_are_what_stacking_gives() -> None:
    x = zincir.randn(9, 2, 3, requires_grad=True)
    y = zincir.arange(9)
    picked = list(D.DataLoader(D.TensorDataset(x, y), batch_size=4))
    stacked = list(
        D.DataLoader(D.TensorDataset(x, y), batch_size=4, collate_fn=lambda b: D.default_collate(b))
    )
    for (a, b), (c, d) in zip(picked, stacked, strict=True):
        assert (a.dtype, b.dtype, a.shape, b.shape) == (c.dtype, d.dtype, c.shape, d.shape)
        np.testing.assert_array_equal(a.detach().numpy(), c.detach().numpy())
        np.testing.assert_array_equal(b.numpy(), d.numpy())
    picked[1][0].square().sum().backward()
    expected = np.zeros((9, 2, 3), np.float32)
    expected[4:8] = 2 * x.detach().numpy()[4:8]
    np.testing.assert_allclose(x.grad.numpy(), expected)


def subset(*indices: int) -> Any:
    rows = D.TensorDataset(zincir.arange(12).reshape(6, 2), zincir.arange(6) > 2)
    return D.Subset(D.Subset(rows, [5, 4, 3, 2, 1, -6]), indices)


def test_rows_of_parts() -> None:
    loader = D.DataLoader(subset(0, 5, -1, 2), batch_size=3)
    stacked = D.DataLoader(subset(0, 5, -1, 2), batch_size=3, collate_fn=list)
    for (x, y), samples in zip(loader, stacked, strict=True):
        assert x.tolist() == [row.tolist() for row, _ in samples]
        assert y.tolist() == [label.item() for _, label in samples]
    for wrong in (D.DataLoader(subset(0, 6), 2), D.DataLoader(subset(0), sampler=[7])):
        with pytest.raises(IndexError):
            next(iter(wrong))


def test_rows_that_numpy_does_not_know() -> None:
    x = zincir.arange(6).to(zincir.bfloat16)
    (batch,) = next(iter(D.DataLoader(D.TensorDataset(x), 3)))
    assert batch.dtype is zincir.bfloat16
    assert batch.tolist() == [0, 1, 2]


def test_rows_are_those_of_the_moment() -> None:
    x = zincir.zeros(4)
    steps = iter(D.DataLoader(D.TensorDataset(x), 2))
    next(steps)
    x += 1
    assert next(steps)[0].tolist() == [1, 1]


def test_batches_are_copies() -> None:
    x = zincir.zeros(4, 2)
    (batch,) = next(iter(D.DataLoader(D.TensorDataset(x), batch_size=4)))
    batch.add_(1)
    assert x.sum().item() == 0


def test_subclasses_of_tensor_dataset_keep_their_getitem() -> None:
    class Doubled(D.TensorDataset):
        def __getitem__(self, index: Any) -> Any:
            return tuple(2 * t for t in super().__getitem__(index))

    (batch,) = next(iter(D.DataLoader(Doubled(zincir.arange(3)), batch_size=3)))
    assert batch.tolist() == [0, 2, 4]


class Drawing(D.Dataset[Any]):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, i: int) -> Any:
        info = D.get_worker_info()
        return (
            -1 if info is None else info.id,
            random.random(),
            float(np.random.rand()),
            zincir.rand(1),
        )


def test_workers_have_streams_of_their_own() -> None:
    random.seed(1)
    np.random.seed(1)
    zincir.manual_seed(1)
    expected = random.Random(1).random(), np.random.RandomState(1).rand()
    loader = D.DataLoader(Drawing(), batch_size=1, num_workers=2)
    batches = list(loader)
    assert (random.random(), np.random.rand()) == expected
    assert [b[0].item() for b in batches] == [0, 1, 0, 1, 0, 1]
    for column in (1, 2, 3):
        assert len({b[column].item() for b in batches}) == 6
    zincir.manual_seed(1)
    again = list(D.DataLoader(Drawing(), batch_size=1, num_workers=2))
    assert [b[3].item() for b in batches] == [b[3].item() for b in again]
    zincir.manual_seed(1)
    assert [b[1].item() for b in D.DataLoader(Drawing(), num_workers=2)] == [
        b[1].item() for b in batches
    ]


class Span(D.IterableDataset[int]):
    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.end))


def test_a_worker_may_change_its_data_set() -> None:
    seen = []

    def mine(number: int) -> None:
        info = D.get_worker_info()
        assert info is not None
        assert info.id == number
        assert zincir.initial_seed() == info.seed
        info.dataset.start += 3 * number
        info.dataset.end = info.dataset.start + 3
        seen.append(number)

    data = Span(0, 6)
    loader = D.DataLoader(data, batch_size=2, num_workers=2, worker_init_fn=mine)
    assert [b.tolist() for b in loader] == [[0, 1], [3, 4], [2], [5]]
    assert seen == [0, 1]
    assert (data.start, data.end) == (0, 6)
    assert D.get_worker_info() is None


def test_workers_that_live_on() -> None:
    seen: list[int] = []
    loader = D.DataLoader(
        Drawing(), num_workers=2, worker_init_fn=seen.append, persistent_workers=True
    )
    first, second = list(loader), list(loader)
    assert seen == [0, 1]
    assert [b[1].item() for b in first] != [b[1].item() for b in second]


class Broken(D.Dataset[Any]):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> Any:
        if i == 2:
            raise OSError("the file is gone")
        return i


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_come_as_they_were_raised(workers: int) -> None:
    steps = iter(D.DataLoader(Broken(), batch_size=1, num_workers=workers))
    assert [next(steps).item(), next(steps).item()] == [0, 1]
    with pytest.raises(OSError, match="the file is gone") as caught:
        next(steps)
    lines = "".join(traceback.format_exception(caught.value))
    assert 'raise OSError("the file is gone")' in lines
    assert ("in DataLoader worker 0 of 2" in lines) == (workers > 0)
    assert next(steps).item() == 3
    assert D.get_worker_info() is None


def test_a_stream_longer_than_it_said() -> None:
    class Liar(Span):
        def __len__(self) -> int:
            return 2

    loader = D.DataLoader(Liar(0, 3), batch_size=1)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="was reported to be 2, but 3 samples"):
        list(loader)


def test_pinning_says_that_it_does_nothing() -> None:
    with pytest.warns(UserWarning, match="no accelerator is found"):
        iter(D.DataLoader([1], pin_memory=True))


def test_compiled_functions_take_batches_and_not_loaders() -> None:
    loader = D.DataLoader(D.TensorDataset(zincir.arange(6.0)), batch_size=2)

    @zincir.compile
    def whole() -> Any:
        return sum(x.sum() for (x,) in loader)

    with pytest.raises(TraceError, match="cannot go through a DataLoader"):
        whole()
    step = zincir.compile(lambda x: x.sum())
    assert [step(x).item() for (x,) in loader] == [1, 5, 9]


def test_weights_and_replacement() -> None:
    drawn = list(D.WeightedRandomSampler([1.0, 0.0, 3.0], 4000))
    counts = collections.Counter(drawn)
    assert counts[1] == 0
    assert 0.7 < counts[2] / 4000 < 0.8
    counts = collections.Counter(D.RandomSampler(range(4), replacement=True, num_samples=4000))
    assert all(900 < counts[i] < 1100 for i in range(4))


def test_random_split_follows_its_generator() -> None:
    def parts(seed: int) -> list[Any]:
        split = D.random_split(range(10), [0.7, 0.3], zincir.Generator().manual_seed(seed))
        return [list(part) for part in split]

    assert parts(1) == parts(1) != parts(2)
    assert [len(p) for p in parts(1)] == [7, 3]
    with pytest.warns(UserWarning, match="index 1 is 0"):
        D.random_split(range(2), [1.0, 0.0])


def test_what_cannot_be_a_batch() -> None:
    with pytest.raises(DTypeError, match=r"batch must contain tensors.*found <class 'NoneType'>"):
        D.default_collate([None, None])
    with pytest.raises(ShapeError, match="equal size"):
        D.default_collate([[1, 2], [1]])
    with pytest.raises(ArgumentError, match="mutually exclusive with shuffle"):
        D.DataLoader([1], shuffle=True, sampler=[0])
    with pytest.raises(ShapeError, match="Size mismatch"):
        D.TensorDataset(zincir.zeros(2), zincir.zeros(3))
    with pytest.raises(DTypeError, match="as_tensor"):
        D.TensorDataset(np.zeros(2))  # type: ignore[arg-type]


def test_functions_for_types_of_ones_own() -> None:
    class Name(str):
        __slots__ = ()

    functions = D.collate.__globals__["default_collate_fn_map"]
    assert D.default_collate([Name("a"), Name("b")]) == ["a", "b"]
    own = {Name: lambda batch, *, collate_fn_map: "+".join(batch), **functions}
    assert D.collate([(Name("a"), 1), (Name("b"), 2)], collate_fn_map=own)[0] == "a+b"


def test_data_has_the_same_names() -> None:
    for name in ("Dataset", "DataLoader", "TensorDataset", "random_split", "default_collate"):
        assert getattr(zincir.data, name) is getattr(zincir.utils.data, name)


def test_nothing_is_said_about_workers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(D.DataLoader(range(8), num_workers=64))) == 8
