"""Results written past the caches: which are, and that everybody sees them."""

import numpy as np
import pytest

from random_graphs import compiled, data, made_by
from zincir.compiler.options import Options
from zincir.compiler.schedule.launch import Launch, LoopNests
from zincir.compiler.snapshot import snapshot
from zincir.graph.node import Node
from zincir.interpret import interpret
from zincir.operations.contraction import matmul
from zincir.operations.elementwise import exp, tanh
from zincir.operations.movement import sum_
from zincir.operations.reduction import amax
from zincir.runtime import native

SIDE = 1536
"""Of a square of 9 MB."""


def given(*shape: int) -> Node:
    return data(np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32))


def launches(outputs: list[Node]) -> list[Launch]:
    made = made_by("streaming stores", snapshot(outputs).graph(), Options(2))
    return made.given.launches


def streamed(outputs: list[Node]) -> int:
    """How many results are written past the caches."""
    found = launches(outputs)
    nests = [c.nest for x in found if isinstance(x.work, LoopNests) for c in x.work.calls]
    return sum(slot.streams for nest in nests for slot in nest.slots)


def same(outputs: list[Node]) -> None:
    """Compiled as interpreted, by any number of threads, again and again."""
    wanted = interpret(outputs, double=True)
    for threads in (1, 2, 3, 5):
        for got, want in zip(compiled(outputs, threads), wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=3e-5, atol=1e-4)


@pytest.mark.skipif(native.target().vector_bytes < 32, reason="vectors of 32 bytes or more")
def test_what_nobody_reads_is_streamed() -> None:
    x, y = given(SIDE, SIDE), given(SIDE)
    outputs = [x * y + tanh(y), x - y]
    assert streamed(outputs) == 2
    same(outputs)


@pytest.mark.skipif(native.target().vector_bytes < 32, reason="vectors of 32 bytes or more")
def test_rows_of_a_reduction_are_streamed() -> None:
    x = given(SIDE, SIDE)
    outputs = [x - sum_(x, (1,)) * 1e-3]
    assert streamed(outputs) == 1
    same(outputs)


@pytest.mark.parametrize("shape", [(SIDE, SIDE + 1), (SIDE + 1, SIDE - 1), (64, 64)])
def test_lines_that_begin_anywhere_and_small_results_are_not(shape: tuple[int, int]) -> None:
    x = given(*shape)
    outputs = [x - sum_(x, (1,)) * 1e-3]
    assert streamed(outputs) == 0
    same(outputs)


def test_what_is_read_again_is_not() -> None:
    x = given(SIDE, SIDE)
    y = tanh(x)
    outputs = [y, matmul(y, given(SIDE, 16))]
    assert streamed(outputs) == 0
    same(outputs)


def test_what_a_later_stage_reads_back_is_not() -> None:
    x = given(SIDE, SIDE)
    e = exp(x - amax(x, (1,)))
    outputs = [e, e / sum_(e, (1,))]
    (launch,) = launches(outputs)
    assert isinstance(launch.work, LoopNests)
    (call,) = launch.work.calls
    written = [call.nest.slots[i].streams for i, _ in call.nest.stores]
    assert written == [False, native.target().vector_bytes >= 32]
    same(outputs)
