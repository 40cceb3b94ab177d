"""Workers of a `DataLoader`: ahead of the caller, without being noticed by anything else."""

import functools
import gc
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import zincir
from zincir.errors import ArgumentError, LoaderTimeout
from zincir.utils import data as D
from zincir.utils.data.own_copy import LONG, own_copy

SECONDS = 30
"""After which a test has failed, and nothing is waited for."""


class Made(D.Dataset[Any]):
    """Samples that a function makes of their number."""

    def __init__(self, make: Callable[[int], Any], length: int = 12) -> None:
        self.make, self.length = make, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: int) -> Any:
        return self.make(i)


def wait_until(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + SECONDS
    while not true() and time.monotonic() < until:
        time.sleep(0.002)
    return true()


def workers_alive() -> int:
    return sum(t.name.startswith("DataLoader worker") for t in threading.enumerate())


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    gc.collect()
    assert wait_until(lambda: workers_alive() == 0)


def numbers(loader: D.DataLoader[Any]) -> list[int]:
    return [i for batch in loader for i in batch.tolist()]


# Ahead of the caller ------------------------------------------------------------------------------


def test_workers_fetch_at_once() -> None:
    both = threading.Barrier(2)

    def make(i: int) -> int:
        if i > 0:  # the first batch comes alone
            both.wait(SECONDS)
        return i

    loader = D.DataLoader(Made(make, 5), num_workers=2, prefetch_factor=1)
    assert numbers(loader) == list(range(5))


def test_workers_are_ahead_by_as_much_as_was_said() -> None:
    fetched: list[int] = []
    loader = D.DataLoader(Made(lambda i: fetched.append(i) or i), num_workers=2, prefetch_factor=3)
    batches = iter(loader)
    assert fetched == []
    for done in range(1, 4):
        assert next(batches).item() == done - 1
        assert wait_until(lambda done=done: len(fetched) == done + 6)
    time.sleep(0.05)
    assert sorted(fetched) == list(range(9))


def test_something_is_fetched_ahead() -> None:
    with pytest.raises(ArgumentError, match="prefetch_factor option should be positive"):
        D.DataLoader([1], num_workers=1, prefetch_factor=0)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_order_is_that_of_the_numbers(workers: int) -> None:
    loader = D.DataLoader(
        Made(lambda i: time.sleep(0.001 * (i * 7 % 5)) or i, 23),
        batch_size=2, num_workers=workers, in_order=False,
    )  # fmt: skip
    assert numbers(loader) == list(range(23))


def test_several_at_once() -> None:
    loader = D.DataLoader(Made(lambda i: i), batch_size=5, num_workers=2)
    pairs = [(a.tolist(), b.tolist()) for a, b in zip(loader, loader, strict=True)]
    assert pairs == [(b, b) for b in ([0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11])]
    first, second = iter(loader), iter(loader)
    assert [next(first)[0].item(), next(second)[0].item(), next(first)[0].item()] == [0, 0, 5]


def test_samples_are_computed_by_the_workers() -> None:
    weight = zincir.ones(3, requires_grad=True)
    threads: set[str] = set()

    def make(i: int) -> zincir.Tensor:
        threads.add(threading.current_thread().name)
        return (zincir.arange(3.0) * i).exp().log()

    for batch in D.DataLoader(Made(make, 6), batch_size=2, num_workers=2):
        assert batch._held.value is not None
        (batch * weight).sum().backward()
    assert threads == {"DataLoader worker 0", "DataLoader worker 1"}
    np.testing.assert_allclose(weight.grad.numpy(), [0, 15, 30], rtol=1e-5)


def test_gradients_are_off_where_they_were() -> None:
    loader = D.DataLoader(Made(lambda i: zincir.is_grad_enabled()), num_workers=1)
    with zincir.no_grad():
        assert not next(iter(loader)).item()
    assert next(iter(loader)).item()


# Streams ------------------------------------------------------------------------------------------


def drawn(make: Callable[[int], Any], seed: int = 5, **options: Any) -> list[Any]:
    zincir.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    loader = D.DataLoader(Made(make), batch_size=2, num_workers=3, **options)
    found = []
    for batch in loader:
        found.append((batch.tolist(), zincir.rand(()).item(), random.random(), np.random.rand()))
    return found


@pytest.mark.parametrize(
    "draw", [lambda: zincir.rand(()).item(), random.random, np.random.rand], ids="zpn"
)
def test_what_workers_draw_follows_from_the_seed(draw: Callable[[], float]) -> None:
    quick = drawn(lambda i: draw())
    slow = drawn(lambda i: (time.sleep(0.001 * (i % 4)), draw())[1])
    assert quick == slow != drawn(lambda i: draw(), seed=6)
    values = [value for row in quick for value in row[0]]
    assert len(set(values)) == 12
    assert [row[1:] for row in quick] == [row[1:] for row in drawn(lambda i: i)]


def test_streams_of_the_process_are_one_workers_at_a_time() -> None:
    alone = threading.Lock()

    def make(i: int) -> float:
        assert alone.acquire(blocking=False)
        time.sleep(0.001)
        drawn = random.random()
        alone.release()
        return drawn

    assert len(list(D.DataLoader(Made(make), num_workers=3))) == 12


def test_a_worker_may_seed_its_default_generator() -> None:
    zincir.manual_seed(1)
    before = zincir.initial_seed()

    def seed(number: int) -> None:
        zincir.manual_seed(100 + number)

    made = Made(lambda i: (zincir.initial_seed(), zincir.rand(()).item()), 4)
    a, b = (list(D.DataLoader(made, num_workers=2, worker_init_fn=seed)) for _ in range(2))
    assert [x[0].item() for x in a] == [100, 101, 100, 101]
    assert [x[1].item() for x in a] == [x[1].item() for x in b]
    assert zincir.initial_seed() == before


def test_a_pass_that_was_left_does_not_move_the_streams_of_the_next() -> None:
    def passes(wait: float) -> list[float]:
        zincir.manual_seed(3)
        made = Made(lambda i: (time.sleep(wait), zincir.rand(()).item())[1])
        loader = D.DataLoader(made, num_workers=2, persistent_workers=True)
        for _ in loader:
            break
        return [x.item() for x in loader]

    assert passes(0) == passes(0.002)


# Its own thread, its own copy ---------------------------------------------------------------------


def test_all_of_a_worker_runs_in_one_thread() -> None:
    """A connection to SQLite is only for the thread that opened it."""

    class Rows(D.Dataset[Any]):
        connection: Any = None

        def __len__(self) -> int:
            return 9

        def __getitem__(self, i: int) -> int:
            if self.connection is None:
                self.connection = sqlite3.connect(":memory:")
            return self.connection.execute("select ? * 2", (i,)).fetchone()[0]

    def connect(number: int) -> None:
        info = D.get_worker_info()
        assert info is not None
        info.dataset.connection = sqlite3.connect(":memory:")

    for prepare in (None, connect):
        loader = D.DataLoader(Rows(), 2, num_workers=2, worker_init_fn=prepare)
        assert numbers(loader) == list(range(0, 18, 2))


def test_copies_have_state_of_their_own() -> None:
    class Part:
        def __init__(self) -> None:
            self.seen = {1: [2]}

    class Closing(Part):
        def __del__(self) -> None:
            pass

    class Whole(D.Dataset[Any]):
        def __init__(self) -> None:
            self.part, self.closing = Part(), Closing()
            self.same = self.part
            self.rng, self.python = np.random.default_rng(1), random.Random(1)
            self.ours = zincir.Generator()
            self.array, self.tensor = np.zeros(2), zincir.zeros(2)
            self.long, self.short = list(range(LONG + 1)), [3, (self.part, {4})]
            self.method, self.itself, self.lock = self.get, self, threading.Lock()
            self.function = functools.partial(int, base=2)

        def get(self) -> Any:
            return self

    one = Whole()
    two = own_copy(one)
    for name in ("closing", "array", "tensor", "long", "lock", "function"):
        assert getattr(one, name) is getattr(two, name), name
    for name in ("part", "rng", "python", "ours", "short"):
        assert getattr(one, name) is not getattr(two, name), name
    assert two.part.seen == {1: [2]}
    assert two.part.seen[1] is not one.part.seen[1]
    assert two.same is two.part is two.short[1][0]
    assert two.method() is two.itself is two
    assert two.rng.random() == one.rng.random()
    assert two.python.random() == one.python.random()


def test_what_cannot_be_copied_is_shared() -> None:
    class Stubborn(D.Dataset[Any]):
        def __copy__(self) -> Any:
            raise TypeError("there is one of me")

    stubborn = Stubborn()
    assert own_copy(stubborn) is stubborn
    assert own_copy([1, 2]) == [1, 2]


# Errors -------------------------------------------------------------------------------------------


def lines(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def broken(i: int) -> int:
    if i in (3, 4):
        raise OSError(f"file {i} is gone")
    return i


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_name_the_sample(workers: int) -> None:
    batches = iter(D.DataLoader(Made(broken, 8), batch_size=2, num_workers=workers))
    assert next(batches).tolist() == [0, 1]
    for number in (3, 4):
        with pytest.raises(OSError, match=f"file {number} is gone") as caught:
            next(batches)
        told = lines(caught.value)
        assert f"DataLoader: at sample {number}\n" in told
        assert 'raise OSError(f"file {i} is gone")' in told
        assert (f"worker {number // 2 % 2} of 2" in told) == (workers > 0)
    assert next(batches).tolist() == [6, 7]
    assert next(batches, None) is None


@pytest.mark.parametrize("workers", [0, 2])
def test_other_errors_say_where(workers: int) -> None:
    class Batches(Made):
        def __getitems__(self, indices: list[int]) -> list[int]:
            return [broken(i) for i in indices]

    class Stream(D.IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            return map(broken, range(1, 9))

    def told(dataset: Any, **options: Any) -> str:
        with pytest.raises((OSError, RuntimeError)) as caught:
            list(D.DataLoader(dataset, num_workers=workers, **options))
        return lines(caught.value)

    assert "at one of the samples [2, 3]" in told(Batches(broken), batch_size=2)
    assert "at sample 2 of the stream" in told(Stream())
    assert "at sample 3\n" in told(Made(broken), batch_size=None)
    ragged = Made(lambda i: [0] * (1 + (i == 5)))
    assert "in the batch of samples [4, 5]" in told(ragged, batch_size=2)


def test_messages_name_the_line_of_the_loop() -> None:
    class Short(Made):
        def __getitems__(self, indices: list[int]) -> list[int]:
            return []

    batches = iter(D.DataLoader(D.StackDataset(Short(lambda i: i)), num_workers=1))
    with pytest.raises(ArgumentError, match="size mismatch") as caught:
        next(batches)
    assert f"{os.path.basename(__file__)}:" in str(caught.value)
    assert "threading.py" not in str(caught.value)


def test_an_error_of_the_order_comes_in_its_place() -> None:
    def order() -> Iterator[int]:
        yield from (0, 1)
        raise OSError("no more numbers")

    batches = iter(D.DataLoader(Made(lambda i: i), sampler=order(), num_workers=2))
    assert [next(batches).item(), next(batches).item()] == [0, 1]
    with pytest.raises(OSError, match="no more numbers"):
        next(batches)
    assert next(batches, None) is None


def test_errors_of_preparing() -> None:
    def prepare(number: int) -> None:
        raise OSError(f"no worker {number}")

    with pytest.raises(OSError, match="no worker 0") as caught:
        iter(D.DataLoader([1, 2], num_workers=2, worker_init_fn=prepare))
    assert "in DataLoader worker 0 of 2" in lines(caught.value)


def test_a_batch_that_does_not_come_in_time() -> None:
    go_on = threading.Event()
    made = Made(lambda i: (go_on.wait(SECONDS), i)[1] if i == 2 else i, 4)
    batches = iter(D.DataLoader(made, num_workers=1, timeout=0.02))
    assert [next(batches).item(), next(batches).item()] == [0, 1]
    for _ in range(2):
        with pytest.raises(LoaderTimeout, match=r"timed out after 0\.02 seconds"):
            next(batches)
    go_on.set()
    time.sleep(0.05)
    assert [next(batches).item(), next(batches).item()] == [2, 3]


@pytest.mark.skipif(sys.platform == "win32", reason="a signal to oneself")
def test_an_interrupt_loses_nothing() -> None:
    go_on = threading.Event()
    made = Made(lambda i: (go_on.wait(SECONDS), i)[1] if i == 1 else i, 4)
    batches = iter(D.DataLoader(made, num_workers=2))
    assert next(batches).item() == 0
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        next(batches)
    go_on.set()
    assert [b.item() for b in batches] == [1, 2, 3]


# Ends ---------------------------------------------------------------------------------------------


def test_threads_end_with_the_pass() -> None:
    loader = D.DataLoader(Made(lambda i: i), num_workers=3)
    batches = iter(loader)
    assert workers_alive() == 3
    list(batches)
    assert wait_until(lambda: workers_alive() == 0)
    for _ in loader:
        break  # nobody holds the iterator any more
    assert wait_until(lambda: workers_alive() == 0)


def test_threads_end_after_an_error_without_a_collection() -> None:
    gc.disable()
    try:
        with pytest.raises(OSError):
            list(D.DataLoader(Made(broken), num_workers=2))
        assert wait_until(lambda: workers_alive() == 0)
    finally:
        gc.enable()


def test_threads_that_live_on_end_with_the_loader() -> None:
    loader = D.DataLoader(Made(lambda i: i), num_workers=2, persistent_workers=True)
    for _ in range(3):
        assert numbers(loader) == list(range(12))
        assert workers_alive() == 2
    del loader
    gc.collect()
    assert wait_until(lambda: workers_alive() == 0)


def test_the_process_ends_though_workers_are_busy() -> None:
    script = """
        import time
        from zincir.utils import data as D
        class Slow(D.Dataset):
            def __len__(self): return 100
            def __getitem__(self, i):
                time.sleep(0.2 if i else 0)
                return i
        batches = iter(D.DataLoader(Slow(), num_workers=2))
        print(next(batches).item())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True, text=True, timeout=2 * SECONDS, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode) == ("0\n", "", 0)
