"""Memory that is read before it is written shows in the tests: it holds NaN."""

import numpy as np

import zincir
from zincir import settings
from zincir.runtime import memory
from zincir.runtime.buffer import allocate
from zincir.types import float32, float64, int32


def test_the_tests_run_on_poisoned_memory():
    assert settings.current().poison


def test_fresh_memory_and_memory_used_before_are_nan():
    for dtype in (float32, float64):
        for _ in range(3):
            buffer = allocate((3, 5), dtype)
            assert np.isnan(buffer.array).all()
            buffer.array[:] = 1.0
    assert (allocate((4,), int32).array == -1).all()


def test_memory_is_left_alone_where_nobody_asked():
    with settings.using(poison=False):
        buffer = allocate((1000,), float32)
        buffer.array[:] = 7.0
        at = buffer.pointer
        del buffer
        again = allocate((1000,), float32)
    assert again.pointer == at
    assert (again.array == 7.0).all()


def test_the_arena_is_nan_before_a_run():
    x = zincir.ones(40, 40) * 2
    assert ((x @ x) @ x).sum().item() == 40 * 40 * 8 * 1600
    memory._arenas[0].whole.fill(0)
    _ = (zincir.ones(40, 40) * 3 @ zincir.ones(40, 40)).sum().item()
    # Six thousand bytes of it were needed, not all of which the run has written.
    assert (memory._arenas[0].whole[: 1 << 12] != 0).any()
