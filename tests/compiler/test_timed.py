"""Programs with the clock between their launches compute what they compute without it."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn, settings
from zincir.compiler import compile_graph
from zincir.compiler.options import Options
from zincir.compiler.program_cache import CachedProgram, programs_made_by
from zincir.compiler.snapshot import Snapshot
from zincir.compiler.timed import Timed, timed
from zincir.nn import functional as F


def net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(8 * 16, 5),
    )  # fmt: skip


def convolutions(x: Any) -> Any:
    zincir.manual_seed(0)
    model = net()
    loss = F.cross_entropy(model(x.reshape(-1, 3, 8, 8)), zincir.arange(4) % 5)
    loss.backward()
    return [loss.detach(), *(p.grad for p in model.parameters())]


def loops(x: Any) -> Any:
    zincir.manual_seed(0)
    lstm = nn.LSTM(8, 6)
    out, _ = lstm(x.reshape(12, 8, 8))
    out.square().sum().backward()
    return [out.detach(), *(p.grad for p in lstm.parameters())]


def from_numpy_and_back(x: Any) -> Any:
    square = x[:256].reshape(16, 16)
    return [(square @ square).sort().values.exp() + zincir.linalg.inv(square) @ square]


CASES: list[Callable[[Any], Any]] = [convolutions, loops, from_numpy_and_back]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("threads", [1, 3])
def test_the_clock_changes_no_bit(case: Callable[[Any], Any], threads: int) -> None:
    made: list[Timed] = []

    def make(taken: Snapshot, options: Options) -> CachedProgram:
        executable = compile_graph(taken.graph(), options)
        found = timed(executable)
        made.append(found)
        return CachedProgram(found.program, executable.plan.donated, [])

    before = zincir.get_num_threads()
    zincir.set_num_threads(threads)
    try:
        x = zincir.tensor(np.random.default_rng(0).normal(size=768).astype(np.float32))
        expected = [y.numpy() for y in case(x)]
        with settings.using(verify=False), programs_made_by(make):
            began = time.perf_counter_ns()
            found = [y.numpy() for y in case(x)]
            elapsed = time.perf_counter_ns() - began
    finally:
        zincir.set_num_threads(before)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)
    taken = [program.latest() for program in made]
    assert all(len(t) == len(p.launches) for t, p in zip(taken, made, strict=True))
    assert min(map(min, taken)) >= 0
    assert 0 < sum(map(sum, taken)) < elapsed


def test_another_thread_and_later_programs_are_not_timed() -> None:
    asked: list[Snapshot] = []

    def make(taken: Snapshot, options: Options) -> CachedProgram:
        asked.append(taken)
        executable = compile_graph(taken.graph(), options)
        return CachedProgram(timed(executable).program, executable.plan.donated, [])

    x = zincir.ones(3)
    with programs_made_by(make):
        assert (x * 7).tolist() == [7, 7, 7]
    assert (x * 7).tolist() == [7, 7, 7]
    assert len(asked) == 1
