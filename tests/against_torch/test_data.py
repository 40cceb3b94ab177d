"""`utils.data` beside PyTorch's: the same batches, the same lengths, the same refusals."""

import collections
import collections.abc
import functools
import itertools
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

Point = collections.namedtuple("Point", ["x", "y"])
BOTH = (zincir, torch)


def plain(x: Any) -> Any:
    """What a batch holds, with its types, in terms that both libraries share."""
    if isinstance(x, zincir.Tensor | torch.Tensor):
        return "tensor", str(x.dtype).split(".")[-1], tuple(x.shape), x.tolist()
    if isinstance(x, collections.abc.Mapping):
        return type(x).__name__, {k: plain(v) for k, v in x.items()}
    if isinstance(x, list | tuple):
        return type(x).__name__, [plain(v) for v in x]
    return type(x).__name__, x


def agreed(run: Callable[[Any], Any]) -> Any:
    """The result of `run` with either library, which must be the same; or the kind of the error."""
    results = []
    for lib in BOTH:
        try:
            results.append(plain(run(lib)))
        except Exception as error:
            kinds = (TypeError, ValueError, IndexError, KeyError, RuntimeError)
            found = tuple(k.__name__ for k in kinds if isinstance(error, k))
            results.append(("error", found or (AssertionError.__name__,)))
    ours, theirs = results
    if theirs[0] == "error":
        assert ours[0] == "error", ours
        assert set(theirs[1]) <= set(ours[1]) | {"AssertionError"}, results
    else:
        assert ours == theirs
    return ours


SAMPLES: dict[str, Callable[[Any], list[Any]]] = {
    "tensors": lambda lib: [lib.tensor([1.0, 2.0]), lib.tensor([3.0, 4.0])],
    "scalars": lambda lib: [lib.tensor(1), lib.tensor(2)],
    "tensors of two shapes": lambda lib: [lib.tensor([1.0]), lib.tensor([1.0, 2.0])],
    "arrays": lambda lib: [np.arange(3), np.arange(3, 6)],
    "arrays of float64": lambda lib: [np.ones((2, 1)), np.zeros((2, 1))],
    "array scalars": lambda lib: [np.float32(1.5), np.float32(2.5)],
    "float64 scalars": lambda lib: [np.float64(1.5), np.float64(2.5)],
    "int64 scalars": lambda lib: [np.int64(1), np.int64(2)],
    "bools of NumPy": lambda lib: [np.bool_(True), np.bool_(False)],
    "0-d arrays": lambda lib: [np.array(1), np.array(2)],
    "floats": lambda lib: [0.5, 1.5],
    "ints": lambda lib: [1, 2],
    "bools": lambda lib: [True, False],
    "strings": lambda lib: ["a", "b"],
    "bytes": lambda lib: [b"a", b"b"],
    "pairs": lambda lib: [(1, 0.5), (2, 1.5)],
    "texts in pairs": lambda lib: [("a", 1), ("b", 2)],
    "texts in dictionaries": lambda lib: [{"t": "a"}, {"t": "b"}],
    "lists": lambda lib: [[1, 2], [3, 4], [5, 6]],
    "unequal lists": lambda lib: [[1, 2], [3]],
    "named": lambda lib: [Point(1, lib.tensor([2.0])), Point(3, lib.tensor([4.0]))],
    "nested": lambda lib: [{"a": (1, {"b": [2.0]})}, {"a": (3, {"b": [4.0]})}],
    "ordered": lambda lib: [collections.OrderedDict(b=1, a=2), collections.OrderedDict(b=3, a=4)],
    "defaults": lambda lib: [collections.defaultdict(int, a=1), collections.defaultdict(int, a=2)],
    "read-only": lambda lib: [types.MappingProxyType({"a": 1}), types.MappingProxyType({"a": 2})],
    "missing key": lambda lib: [{"a": 1}, {"b": 1}],
    "ranges": lambda lib: [range(2), range(2, 4)],
    "None": lambda lib: [None, None],
    "None in pairs": lambda lib: [(1, None), (2, None)],
    "objects": lambda lib: [object(), object()],
    "array of texts": lambda lib: [np.array(["a"]), np.array(["b"])],
    "nothing": lambda lib: [],
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_default_collate(name: str) -> None:
    agreed(lambda lib: lib.utils.data.default_collate(SAMPLES[name](lib)))


@pytest.mark.parametrize("name", [n for n in SAMPLES if n not in ("objects", "nothing")])
def test_default_convert(name: str) -> None:
    if name == "array of texts":  # comes back as it was
        arrays = SAMPLES[name](zincir)
        assert zincir.utils.data.default_convert(arrays)[0] is arrays[0]
        return
    agreed(lambda lib: lib.utils.data.default_convert(SAMPLES[name](lib)))
    agreed(lambda lib: lib.utils.data.default_convert(SAMPLES[name](lib)[0]))


def dataset(lib: Any) -> Any:
    class Rows(lib.utils.data.Dataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return 10

        def __getitem__(self, i: int) -> Any:
            if not 0 <= i < 10:
                raise IndexError(i)
            return lib.tensor([i, i * i]), i / 2

    return Rows()


def stream(lib: Any, length: int | None = None, *, split: bool = False) -> Any:
    class Stream(lib.utils.data.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Iterator[int]:
            info = lib.utils.data.get_worker_info()
            step, first = (info.num_workers, info.id) if split and info is not None else (1, 0)
            return iter(range(first, 7, step))

    if length is not None:
        Stream.__len__ = lambda self: length  # type: ignore[attr-defined]
    return Stream()


def tensors(lib: Any) -> Any:
    return lib.utils.data.TensorDataset(
        lib.arange(22).reshape(11, 2), lib.arange(11.0), lib.arange(11) > 4
    )


LOADERS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda lib: [dataset(lib)],
    "batches": lambda lib: [dataset(lib), 4],
    "drop last": lambda lib: [dataset(lib), 4, False, None, None, 0, None, False, True],
    "single": lambda lib: [dataset(lib), None],
    "list": lambda lib: [list(range(5)), 2],
    "array": lambda lib: [np.arange(6.0).reshape(3, 2), 2],
    "array, single": lambda lib: [np.arange(6.0).reshape(3, 2), None],
    "tensor": lambda lib: [lib.arange(6).reshape(3, 2), 2],
    "rows": lambda lib: [tensors(lib), 4],
    "rows, single": lambda lib: [tensors(lib), None],
    "stream": lambda lib: [stream(lib), 3],
    "stream, single": lambda lib: [stream(lib), None],
    "stream with length": lambda lib: [stream(lib, 7), 3],
    "chain": lambda lib: [stream(lib, 7) + stream(lib, 7), 4],
    "concat": lambda lib: [dataset(lib) + dataset(lib), 6],
    "subset": lambda lib: [lib.utils.data.Subset(tensors(lib), [3, 1, 1]), 2],
    "subset of subset": lambda lib: [
        lib.utils.data.Subset(lib.utils.data.Subset(tensors(lib), [3, 1, 7]), [2, 0]), 2],
    "stacked": lambda lib: [lib.utils.data.StackDataset(tensors(lib), range(11)), 4],
    "stacked by name": lambda lib: [
        lib.utils.data.StackDataset(a=lib.utils.data.Subset(range(9), [1, 2, 3]), b="xyz"), 2],
    "empty": lambda lib: [[], 2],
}  # fmt: skip


def run_loader(lib: Any, name: str, **options: Any) -> Any:
    loader = lib.utils.data.DataLoader(*LOADERS[name](lib), **options)
    length = len(loader) if "stream" not in name or "length" in name else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [length, list(loader), list(loader)]


@pytest.mark.parametrize("name", LOADERS)
def test_loader(name: str) -> None:
    agreed(lambda lib: run_loader(lib, name))


@pytest.mark.parametrize("name", ["batches", "stream", "rows"])
def test_loader_with_a_collate_function(name: str) -> None:
    agreed(lambda lib: run_loader(lib, name, collate_fn=lambda batch: len(batch)))


def sampled(lib: Any, **options: Any) -> Any:
    return list(lib.utils.data.DataLoader(tensors(lib), **options))


@pytest.mark.parametrize(
    "options",
    [
        {"sampler": [3, 1, 4, 1, 5]},
        {"sampler": [3, 1, 4, 1, 5], "batch_size": 2},
        {"sampler": [-1, -11], "batch_size": 2},
        {"sampler": [0, 11], "batch_size": 2},
        {"sampler": np.array([3, 1, 4]), "batch_size": 2},
        {"batch_sampler": [[0, 2], [1], [10, 9, 8]]},
        {"batch_sampler": [[0, 2], []]},
        {"sampler": [slice(0, 3), slice(3, 5)], "batch_size": None},
    ],
)
def test_orders(options: dict[str, Any]) -> None:
    agreed(lambda lib: sampled(lib, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": True, "sampler": [1]},
        {"batch_sampler": [[1]], "batch_size": 3},
        {"batch_sampler": [[1]], "drop_last": True},
        {"batch_size": None, "drop_last": True},
        {"batch_size": 0},
        {"batch_size": -1},
        {"batch_size": 2.0},
        {"num_workers": -1},
        {"timeout": -1},
        {"prefetch_factor": 2},
        {"num_workers": 1, "prefetch_factor": -2},
        {"persistent_workers": True},
        {"multiprocessing_context": "fork"},
        {"num_workers": 1, "multiprocessing_context": "nonsense"},
        {"num_workers": 1, "multiprocessing_context": 3},
    ],
)
def test_refused(options: dict[str, Any]) -> None:
    assert agreed(lambda lib: sampled(lib, **options))[0] == "error"


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}])
def test_refused_for_streams(options: dict[str, Any]) -> None:
    assert agreed(lambda lib: lib.utils.data.DataLoader(stream(lib), **options))[0] == "error"


@pytest.mark.parametrize("name", ["batch_size", "dataset", "sampler", "drop_last"])
def test_what_cannot_be_set_later(name: str) -> None:
    def run(lib: Any) -> Any:
        setattr(lib.utils.data.DataLoader(tensors(lib)), name, 3)

    assert agreed(run)[0] == "error"


DATASETS: dict[str, Callable[[Any, Any], Any]] = {
    "concat": lambda lib, d: [
        d.ConcatDataset([range(3), "ab"])[i] for i in (0, 2, 3, 4, -1, -5)],
    "concat too far": lambda lib, d: d.ConcatDataset([range(3), "ab"])[5],
    "concat too far back": lambda lib, d: d.ConcatDataset([range(3), "ab"])[-6],
    "concat of nothing": lambda lib, d: d.ConcatDataset([]),
    "concat of streams": lambda lib, d: d.ConcatDataset([stream(lib)]),
    "concat sizes": lambda lib, d: d.ConcatDataset([range(3), "ab"]).cumulative_sizes,
    "chain of lists": lambda lib, d: list(d.ChainDataset([[1, 2]])),
    "chain": lambda lib, d: list(d.ChainDataset([stream(lib), stream(lib)])),
    "length of a chain": lambda lib, d: len(d.ChainDataset([stream(lib, 7), stream(lib, 3)])),
    "sizes differ": lambda lib, d: d.TensorDataset(lib.zeros(3), lib.zeros(2)),
    "rows": lambda lib, d: [tensors(lib)[3], tensors(lib)[-1], tensors(lib)[2:4]],
    "subset by list": lambda lib, d: d.Subset(tensors(lib), [4, 5, 6])[[0, 2]],
    "stack of nothing": lambda lib, d: d.StackDataset(),
    "stack of both": lambda lib, d: d.StackDataset([1], a=[2]),
    "stack sizes differ": lambda lib, d: d.StackDataset([1], [1, 2]),
    "stack": lambda lib, d: [d.StackDataset("ab", [1, 2])[1], len(d.StackDataset(x="ab"))],
    "no getitem": lambda lib, d: d.Dataset()[0],
    "split": lambda lib, d: sorted(
        itertools.chain(*(p.indices for p in d.random_split(range(10), [7, 3])))),
    "split lengths": lambda lib, d: [len(p) for p in d.random_split(range(11), [0.3, 0.3, 0.4])],
    "split wrongly": lambda lib, d: d.random_split(range(10), [7, 4]),
    "split below 0": lambda lib, d: d.random_split(range(10), [1.5, -0.5]),
    "subset with a getitem": lambda lib, d: type(
        "S", (d.Subset,), {"__getitem__": lambda self, i: i})([1], [0]),
}  # fmt: skip


@pytest.mark.parametrize("name", DATASETS)
def test_datasets(name: str) -> None:
    agreed(lambda lib: DATASETS[name](lib, lib.utils.data))


SAMPLERS: dict[str, Callable[[Any, Any], Any]] = {
    "sequential": lambda lib, d: list(d.SequentialSampler("abc")),
    "random": lambda lib, d: sorted(d.RandomSampler("abcde")),
    "random, more": lambda lib, d: sorted(d.RandomSampler("abc", num_samples=6)),
    "random, some": lambda lib, d: len(set(d.RandomSampler("abcde", num_samples=3))),
    "random, repeated": lambda lib, d: len(list(d.RandomSampler("abc", True, 100))),
    "random, flag": lambda lib, d: d.RandomSampler("abc", replacement=1),
    "random of nothing": lambda lib, d: d.RandomSampler(""),
    "random, negative": lambda lib, d: d.RandomSampler("abc", num_samples=-1),
    "subset": lambda lib, d: sorted(d.SubsetRandomSampler([5, 3, 9])),
    "weighted": lambda lib, d: sorted(d.WeightedRandomSampler([1, 0, 2], 2, replacement=False)),
    "weighted, shape": lambda lib, d: d.WeightedRandomSampler([[1.0]], 2),
    "weighted, none": lambda lib, d: d.WeightedRandomSampler([1.0], 0),
    "weighted, flag": lambda lib, d: d.WeightedRandomSampler([1.0], 1, 1),
    "batches": lambda lib, d: [list(d.BatchSampler(range(5), 2, x)) for x in (False, True)],
    "lengths": lambda lib, d: [len(d.BatchSampler(range(5), 2, x)) for x in (False, True)],
    "batches of True": lambda lib, d: d.BatchSampler(range(5), True, False),
    "batches, flag": lambda lib, d: d.BatchSampler(range(5), 2, 1),
    "rank": lambda lib, d: d.DistributedSampler(range(5), 2, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers(name: str) -> None:
    agreed(lambda lib: SAMPLERS[name](lib, lib.utils.data))


@pytest.mark.parametrize("count", [1, 5, 8, 9])
@pytest.mark.parametrize("drop_last", [False, True])
def test_distributed(count: int, drop_last: bool) -> None:
    def run(lib: Any) -> Any:
        make = functools.partial(
            lib.utils.data.DistributedSampler, range(count), 4, drop_last=drop_last
        )
        return [[*make(rank, shuffle=False), len(make(rank))] for rank in range(4)]

    agreed(run)


@pytest.mark.filterwarnings("ignore")  # PyTorch advises against more workers than cores
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("name", ["rows", "stream", "split stream"])
def test_workers(name: str, workers: int) -> None:
    """PyTorch's processes give the same batches in the same order."""
    if name == "rows":
        agreed(lambda lib: sampled(lib, batch_size=3, num_workers=workers))
        return

    def run(lib: Any) -> Any:
        data = stream(lib, split=name == "split stream")
        return list(lib.utils.data.DataLoader(data, batch_size=2, num_workers=workers))

    agreed(run)


def unlike(lib: Any) -> Any:
    """A stream whose length differs between workers."""

    class Unlike(lib.utils.data.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Iterator[int]:
            number = lib.utils.data.get_worker_info().id
            return iter(range(10 * number, 10 * number + [1, 5, 3][number]))

    return Unlike()


def own_state(lib: Any) -> Any:
    """A data set that remembers, and draws from a generator of its own."""

    class Remembering(lib.utils.data.Dataset):  # type: ignore[misc]
        def __init__(self) -> None:
            self.seen: dict[int, int] = {}
            self.rng = np.random.RandomState(0)

        def __len__(self) -> int:
            return 7

        def __getitem__(self, i: int) -> Any:
            self.seen[i] = i
            return lib.utils.data.get_worker_info().id, len(self.seen), self.rng.randint(1000)

    return Remembering()


def stopping(lib: Any) -> Any:
    class Stopping(lib.utils.data.Dataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return 6

        def __getitem__(self, i: int) -> int:
            if i == 3:
                raise StopIteration
            return i

    return Stopping()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "options"),
    [
        (unlike, {"num_workers": 3}),
        (unlike, {"num_workers": 3, "batch_size": 2}),
        (unlike, {"num_workers": 3, "batch_size": 2, "drop_last": True}),
        (unlike, {"num_workers": 3, "batch_size": None, "prefetch_factor": 1}),
        (own_state, {"num_workers": 2}),
        (own_state, {"num_workers": 3, "batch_size": 2}),
        (stopping, {"num_workers": 0}),
        (stopping, {"num_workers": 2}),
    ],
)
def test_what_workers_do(make: Callable[[Any], Any], options: dict[str, Any]) -> None:
    agreed(lambda lib: list(lib.utils.data.DataLoader(make(lib), **options)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("persistent", [False, True])
def test_errors_of_workers(persistent: bool) -> None:
    """Errors are of the same kind, and the batches behind them come."""

    def run(lib: Any) -> list[Any]:
        class Broken(lib.utils.data.Dataset):  # type: ignore[misc]
            def __len__(self) -> int:
                return 9

            def __getitem__(self, i: int) -> int:
                if i in (2, 5):
                    raise [KeyError, ValueError][i == 5](f"sample {i}")
                return i

        found: list[Any] = []
        loader = lib.utils.data.DataLoader(
            Broken(), batch_size=2, num_workers=2, persistent_workers=persistent
        )
        for _ in range(2):
            batches = iter(loader)
            while True:
                try:
                    found.append(next(batches).tolist())
                except StopIteration:
                    break
                except Exception as error:
                    found.append(type(error).__name__)
        return found

    agreed(run)
