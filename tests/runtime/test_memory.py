"""Memory: recycled, never handed out twice, bounded, given back, and what happens without any."""

import gc
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

import zincir
from zincir import settings
from zincir.errors import OutOfMemoryError, ZincirError
from zincir.runtime import memory
from zincir.runtime.buffer import Buffer, allocate
from zincir.types import float32

SIZE = 1 << 16


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    """Each test begins and ends with nothing kept."""
    gc.collect()
    zincir.empty_cache()
    yield
    zincir.empty_cache()


def script(text: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


# --- recycling --------------------------------------------------------------------------------


def test_memory_is_aligned_and_used_again() -> None:
    buffer = allocate((100, 3), float32)
    pointer = buffer.pointer
    assert pointer % 64 == 0
    assert buffer.array.ctypes.data == pointer
    del buffer
    assert memory.pooled_bytes() > 1200
    assert allocate((300,), float32).pointer == pointer


@pytest.mark.parametrize("look", ["array", "slice", "view", "cast", "memoryview", "transposed"])
def test_what_somebody_looks_at_is_not_used_again(look: str) -> None:
    buffer = allocate((64, 64), float32, (1, 0) if look == "transposed" else None)
    buffer.array[...] = 7
    seen = {
        "array": lambda a: a,
        "slice": lambda a: a[3:, ::2],
        "view": lambda a: a.view(),
        "cast": lambda a: a.view(np.int32)[1:],
        "memoryview": memoryview,
        "transposed": lambda a: a.T[2:],
    }[look](buffer.array)
    before = np.array(seen)
    del buffer
    assert memory.pooled_bytes() == 0
    others = [allocate((64, 64), float32) for _ in range(10)]
    for other in others:
        other.array[...] = 9
    assert np.array_equal(np.array(seen), before)


def test_references_are_counted_as_this_interpreter_counts_them() -> None:
    piece = memory.allocate_memory(SIZE)
    alone = memory._alone
    assert alone > 0
    holder = piece.whole[1:]
    assert memory.give_back(piece) == alone + 1
    assert memory.pooled_bytes() == 0
    del holder
    assert memory.give_back(piece) == alone
    assert memory.pooled_bytes() > SIZE


# --- the bound --------------------------------------------------------------------------------


def test_the_bound_holds_and_what_was_unused_for_longest_goes_first() -> None:
    with settings.using(memory_bytes=20 * SIZE):
        pieces = [memory.allocate_memory(SIZE + 64 * (i // 2)) for i in range(60)]
        for piece in pieces:
            memory.give_back(piece)
            assert memory.pooled_bytes() <= 20 * SIZE
        assert memory.pooled_bytes() >= 10 * SIZE
        kept = {p.pointer for shelf in memory._pool.values() for p in shelf}
        order = [piece.pointer in kept for piece in pieces]
        assert order == sorted(order)


def test_what_is_used_again_stays() -> None:
    with settings.using(memory_bytes=20 * SIZE):
        memory.give_back(memory.allocate_memory(SIZE))
        first = memory._pool[SIZE][0].pointer
        for i in range(1, 60):
            memory.give_back(memory.allocate_memory(SIZE + 64 * i))
            piece = memory.allocate_memory(SIZE)
            assert piece.pointer == first
            memory.give_back(piece)


def test_a_piece_larger_than_the_bound_is_not_kept_and_a_bound_of_zero_keeps_nothing() -> None:
    with settings.using(memory_bytes=SIZE):
        memory.give_back(memory.allocate_memory(2 * SIZE))
        assert memory.pooled_bytes() == 0
    memory.empty_cache()
    with settings.using(memory_bytes=0):
        for _ in range(10):
            memory.give_back(memory.allocate_memory(64))
        assert memory.pooled_bytes() == 0


def test_many_small_pieces_are_few_when_they_are_gone() -> None:
    pieces = [memory.allocate_memory(64) for _ in range(5000)]
    while pieces:
        memory.give_back(pieces.pop())
    assert 100 < len(memory._pool[64]) <= 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_process_shrinks_when_large_tensors_are_gone() -> None:
    script(
        """
import numpy as np, zincir
from zincir.runtime.buffer import allocate
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
def filled(n):
    buffer = allocate((n,), zincir.uint8)
    buffer.array[::4096] = 1
    return buffer
filled(1000)
start = resident()
for n in (100_000_000, 110_000_000, 90_000_000):
    tensors = [filled(n) for _ in range(20)]
    assert resident() - start > 1_700_000_000
    del tensors
    assert resident() - start < 350_000_000, resident() - start
zincir.empty_cache()
assert resident() - start < 50_000_000, resident() - start
"""
    )


# --- threads and finalizers -------------------------------------------------------------------


def test_threads_never_get_the_same_memory() -> None:
    problems: list[str] = []
    before = sys.getswitchinterval()

    def work(me: int) -> None:
        rng = np.random.default_rng(me)
        mine: list[Buffer] = []
        for turn in range(1500):
            buffer = allocate((int(rng.integers(1, 6)) * 64,), float32)
            buffer.array[:] = me
            ring: list[object] = [buffer]
            ring.append(ring)  # It dies when the collector finds it, in any thread.
            mine.append(buffer)
            if len(mine) > 8:
                old = mine.pop(int(rng.integers(0, 8)))
                if not (old.array == me).all():
                    problems.append(f"{me}: {old.array}")
            if turn % 500 == 0:
                zincir.empty_cache()

    sys.setswitchinterval(1e-5)
    threshold = gc.get_threshold()
    gc.set_threshold(20)
    try:
        with settings.using(memory_bytes=8000):
            memory._room = 0
            threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(100)
    finally:
        sys.setswitchinterval(before)
        gc.set_threshold(*threshold)
    assert not problems
    assert not any(thread.is_alive() for thread in threads)


# --- the arena --------------------------------------------------------------------------------


def test_an_arena_is_kept_for_the_next_run() -> None:
    first = memory.take_arena(SIZE)
    within = memory.take_arena(SIZE)
    assert within.pointer != first.pointer
    memory.put_arena(within)
    memory.put_arena(first)
    again = memory.take_arena(SIZE // 2)
    assert again.pointer == first.pointer
    memory.put_arena(again)
    zincir.empty_cache()
    assert not memory._arenas


def test_a_large_arena_goes_when_it_is_not_needed_any_more() -> None:
    large = 1 << 28
    memory.put_arena(memory.take_arena(large))
    for _ in range(memory._PATIENCE - 1):  # now and then it is needed
        memory.put_arena(memory.take_arena(SIZE))
    memory.put_arena(memory.take_arena(large))
    assert memory._arenas[0].nbytes == large
    for _ in range(memory._PATIENCE):
        memory.put_arena(memory.take_arena(SIZE))
    assert memory._arenas[0].nbytes == SIZE


# --- out of memory ----------------------------------------------------------------------------


def test_more_than_there_is_is_a_clear_error() -> None:
    held = allocate((1000, 1000), float32)
    for nbytes in (1 << 50, 10**20):
        with pytest.raises(OutOfMemoryError, match="asked for") as error:
            memory.allocate_memory(nbytes)
        assert isinstance(error.value, MemoryError)
        assert isinstance(error.value, RuntimeError)
        assert isinstance(error.value, ZincirError)
    for part in ("tensors hold", "the largest", "4.0 MB", "try", "smaller batch", "empty_cache"):
        assert part in str(error.value)
    assert held.array.shape == (1000, 1000)
    with pytest.raises(OutOfMemoryError):
        (zincir.arange(10**7)[:, None] * zincir.arange(10**7)).numpy()
    assert (zincir.arange(3) + 1).tolist() == [1, 2, 3]


def test_what_the_machine_does_not_have_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the system would promise it, and end the process at first touch."""
    monkeypatch.setattr(memory, "_available", lambda: 1 << 28)
    with pytest.raises(OutOfMemoryError, match=r"the machine has 268\.4 MB left"):
        memory.allocate_memory((1 << 28) + 64)
    assert memory.allocate_memory(1 << 28).nbytes == 1 << 28


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS works on Linux")
@pytest.mark.parametrize("compiled", [False, True])
def test_a_process_goes_on_after_it_ran_out_of_memory(compiled: bool) -> None:
    script(
        f"""
import gc, resource
import numpy as np, zincir
zincir.set_num_threads(2)
rng = np.random.default_rng(0)
weight = zincir.tensor(rng.normal(size=(8, 8)).astype("f4"), requires_grad=True)
def loss_of(x):
    h = x
    for _ in range(6):
        h = (h @ weight).tanh() * 2
    return (h * h).mean()
def step(x):
    weight.grad = None
    loss = loss_of(x)
    loss.backward()
    return loss
f = zincir.compile(step) if {compiled} else step
small = rng.normal(size=(64, 8)).astype("f4")
def values(x):
    return f(zincir.tensor(x)).item(), weight.grad.tolist()
expected = values(small)
values(rng.normal(size=(4096, 8)).astype("f4"))
big = rng.normal(size=(1_000_000, 8)).astype("f4")
held = [zincir.arange(1_000_000) * i for i in range(5)]
before = [x.sum().item() for x in held]
size = int(open("/proc/self/statm").read().split()[0]) * 4096
_, hard = resource.getrlimit(resource.RLIMIT_AS)
for more in (80 << 20, 120 << 20):
    resource.setrlimit(resource.RLIMIT_AS, (size + more, hard))
    for _ in range(3):
        try:
            values(big)
        except MemoryError as error:
            assert "asked for" in str(error) or "allocate" in str(error), error
        else:
            raise SystemExit("it had enough")
        assert values(small) == expected
resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
assert [x.sum().item() for x in held] == before
assert np.isfinite(values(big)[0])
assert values(small) == expected
"""
    )


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS works on Linux")
def test_no_memory_for_the_compiler_is_an_error_not_an_end() -> None:
    script(
        """
import os, resource
os.environ["ZINCIR_CACHE_BYTES"] = "0"  # else it need not compile
import numpy as np, zincir
x = zincir.tensor([1., 2.])
assert (x + 1).tolist() == [2., 3.]
size = int(open("/proc/self/statm").read().split()[0]) * 4096
_, hard = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (size + (8 << 20), hard))
y = (x.exp() * 3 - x.sin()) @ zincir.ones(2, 2).cos()
try:
    y.tolist()
except zincir.errors.OutOfMemoryError as error:
    assert "asked for to compile" in str(error), error
else:
    raise SystemExit("it had enough")
assert (x + 1).tolist() == [2., 3.]
resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
expected = (np.exp([1., 2.]) * 3 - np.sin([1., 2.])) @ np.cos(np.ones((2, 2)))
assert np.allclose(y.tolist(), expected, rtol=1e-5)
"""
    )
