"""Temporaries of one batch tiling lie near the thread: the same values, and a smaller arena."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from random_graphs import compiled, data, made_by
from zincir.compiler.assemble import assemble
from zincir.compiler.executable import link
from zincir.compiler.options import Options
from zincir.compiler.program_cache import runnable
from zincir.compiler.schedule.launch import BatchTiled, nest_calls
from zincir.compiler.schedule.plan import Plan
from zincir.compiler.snapshot import snapshot
from zincir.evaluate import numbers, run
from zincir.graph.node import Node
from zincir.interpret import interpret
from zincir.operations.composed import softmax
from zincir.operations.contraction import matmul
from zincir.operations.convolution import convolution
from zincir.operations.elementwise import tanh
from zincir.operations.movement import permute, reshape, swap_last
from zincir.runtime.buffer import allocate
from zincir.types import float32, size

PLAN = sys.modules["zincir.compiler.schedule.plan"]


def given(*shape: int, seed: int = 0) -> Node:
    return data(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def attention(batch: int, heads: int, length: int, width: int) -> Node:
    """softmax(q k^T) v, of tensors in whose memory each place has its heads side by side."""
    shape = batch, length, heads, width
    q, k, v = (permute(given(*shape, seed=i), (0, 2, 1, 3)) for i in range(3))
    return matmul(softmax(matmul(q, swap_last(k)) * width**-0.5, -1), v)


def layers(images: int, side: int, channels: int) -> Node:
    """Two convolutions, with an activation between them, and a product for each image."""
    x = given(images, side, side, 1, channels)
    for seed in (1, 2):
        w = given(3, 3, 1, channels, channels, seed=seed) * 0.1
        x = tanh(convolution(x, w, (1, 1), (1, 1), (1, 1), (1, 1)))
    return matmul(reshape(x, (images, side * side, channels)), given(images, channels, 5))


def series(batch: int, length: int) -> Node:
    """Products for each of a batch, whose rows are summed."""
    x = tanh(matmul(given(batch, length, 7), given(batch, 7, 9, seed=1)))
    return matmul(x, given(batch, 9, 3, seed=2))


def planned(y: Node, threads: int = 2) -> Plan:
    return made_by("plan", snapshot([y]).graph(), Options(threads, force_all_threads=True))


def in_scratch(made: Plan) -> list[Node]:
    return [x for x, (kind, _) in made.home.items() if kind == "scratch"]


PROGRAMS = {
    "attention, odd sizes": lambda: attention(3, 5, 17, 7),
    "attention, few heads": lambda: attention(1, 11, 33, 16),
    "attention, wide": lambda: attention(9, 1, 70, 8),
    "plain sums": lambda: layers(11, 7, 5),
    "transformed tiles": lambda: layers(13, 9, 32),
    "products": lambda: series(19, 13),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_values_are_right_for_any_number_of_threads(program: str) -> None:
    y = PROGRAMS[program]()
    assert in_scratch(planned(y))
    (one,), (want,) = compiled([y], 1), interpret([y], double=True)
    np.testing.assert_allclose(one, want, rtol=3e-5, atol=3e-5 * float(np.abs(want).max()))
    for threads in (2, 3, 5):
        (again,) = compiled([y], threads)
        assert one.tobytes() == again.tobytes()


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_bits_are_those_of_values_in_the_arena(
    monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    y = PROGRAMS[program]()
    near = compiled([y], 2)
    monkeypatch.setattr(PLAN, "place_in_scratch", lambda *_: None)
    assert not in_scratch(planned(y))
    assert near[0].tobytes() == compiled([y], 2)[0].tobytes()


def test_scores_are_never_there_for_the_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    y = attention(3, 5, 64, 8)
    made = planned(y)
    (kinds,) = ([type(x.work).__name__ for x in t.launches] for t in tilings(made))
    assert kinds == ["MatMul", "LoopNests", "MatMul"]
    scores = [x for x in in_scratch(made) if x.shape == (3, 5, 64, 64)]
    assert len(scores) == 2
    monkeypatch.setattr(PLAN, "place_in_scratch", lambda *_: None)
    assert made.arena_bytes == 0
    assert planned(y).arena_bytes == sum(4 * size(x.shape) for x in scores)


def tilings(made: Plan) -> list[BatchTiled]:
    works = [launch.work for phase in made.phases for launch in phase]
    return [work for work in works if isinstance(work, BatchTiled)]


def test_a_nest_that_keeps_values_does_so_for_each_thread() -> None:
    (tiled,) = tilings(planned(attention(3, 5, 64, 8)))
    assert any(call.nest.keeps for x in tiled.launches for call in nest_calls(x.work))


def test_a_plan_shows_what_is_in_scratch() -> None:
    assert planned(attention(3, 5, 16, 8)).show() == (
        """\
arena 0 bytes
phase 0
  batch tiling -> matmul[3, 5, 16, 16], mul[3, 5, 16, 16], matmul[3, 5, 16, 8]
    scratch 2048 bytes a part: matmul[3, 5, 16, 16], mul[3, 5, 16, 16]"""
    )


def test_threads_have_aligned_scratch_for_a_part_of_the_batch() -> None:
    y = attention(3, 5, 17, 7)
    for threads in (1, 2, 3):
        made = planned(y, threads)
        assert all(made.home[x][1] % 64 == 0 for x in in_scratch(made))
        code = assemble(made, Options(threads, force_all_threads=True)).code
        mine, rest = divmod(code.arena_bytes - made.arena_bytes, threads)
        assert (rest, mine % 64) == (0, 0)
        assert mine < 2 * 15 * 17 * 17 * 4


def test_what_is_read_elsewhere_too_is_not_in_scratch() -> None:
    y = matmul(tanh(given(16, 8, 6)), given(16, 6, 10))
    whole = matmul(reshape(y, (128, 10)), given(10, 3))
    made = made_by("plan", snapshot([matmul(y, given(16, 10, 9)), whole]).graph(), Options(2))
    homes = {x.shape: kind for x, (kind, _) in made.home.items()}
    assert homes[16, 8, 6] == "scratch"
    assert homes[16, 8, 10] == "arena"


def test_threads_that_outnumber_the_parts_would_need_more_than_there_is() -> None:
    y = layers(24, 9, 32)
    few, many = planned(y, 8), planned(y, 12)
    assert tilings(few)[0].parts == tilings(many)[0].parts == 8
    assert in_scratch(few)
    assert not in_scratch(many)


def test_what_nobody_wrote_into_scratch_is_nan() -> None:
    y = attention(3, 5, 17, 7)
    taken, options = snapshot([y]), Options(2, force_all_threads=True)
    made: Plan = made_by("plan", taken.graph(), options)
    ((launch,),) = made.phases
    assert isinstance(launch.work, BatchTiled)
    unwritten = replace(launch.work, launches=launch.work.launches[1:])
    broken = replace(launch, work=unwritten)
    again = replace(made, phases=[[broken]])
    result = allocate(y.shape, float32)
    made_of = runnable(link(assemble(again, options), options))
    run(made_of, taken.leaves, numbers(taken.numbers), [result])
    assert np.isnan(result.array).all()
