"""Kernels that run tile by tile: which are tiled together, and that values are the same."""

from itertools import pairwise

import numpy as np
import pytest

import zincir
import zincir.nn.functional as F
from random_graphs import compiled, data, made_by
from zincir.compiler.options import Options
from zincir.compiler.schedule.launch import (
    BatchTiled,
    Launch,
    LoopNests,
    MatMul,
    WinogradTiles,
)
from zincir.compiler.snapshot import snapshot
from zincir.graph.node import Node
from zincir.interpret import interpret
from zincir.operations.contraction import matmul
from zincir.operations.convolution import convolution
from zincir.operations.elementwise import tanh
from zincir.operations.movement import pad, reshape, slice_, sum_


def launches(outputs: list[Node], threads: int = 2) -> list[Launch]:
    return made_by("batch tiling", snapshot(outputs).graph(), Options(threads)).launches


def tiled(outputs: list[Node]) -> list[list[type]]:
    """The kinds of the kernels that are tiled together."""
    works = [launch.work for launch in launches(outputs)]
    return [[type(x.work) for x in w.launches] for w in works if isinstance(w, BatchTiled)]


def followed(outputs: list[Node]) -> int:
    """How many products have a loop nest right behind them."""
    pairs = [pair for kinds in tiled(outputs) for pair in pairwise(kinds)]
    return sum(a is not LoopNests and b is LoopNests for a, b in pairs)


def summed_alone(outputs: list[Node]) -> bool:
    """Whether sums of 16 pieces are taken outside of all tilings."""
    alone = [x.writes for x in launches(outputs) if isinstance(x.work, LoopNests)]
    return any(n.shape == (16, 1, 1, 16) for writes in alone for n in writes)


def same(outputs: list[Node], rtol: float = 3e-5) -> None:
    """Compiled as interpreted, and the same bits for any number of threads."""
    one = compiled(outputs, 1)
    for got, want in zip(one, interpret(outputs, double=True), strict=True):
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * float(np.abs(want).max()))
    for threads in (2, 3, 5):
        for got, again in zip(one, compiled(outputs, threads), strict=True):
            assert got.tobytes() == again.tobytes()


def given(*shape: int) -> Node:
    return data(np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32))


def summed(y: Node, pieces: int) -> list[Node]:
    """Sums of y and of its square over pieces of the first axis and over all but the last."""
    cut = reshape(y, (pieces, y.shape[0] // pieces, *y.shape[1:]))
    inner = tuple(range(1, cut.ndim - 1))
    return [sum_(cut, inner), sum_(cut * cut, inner)]


@pytest.mark.parametrize("channels", [16, 32], ids=["plain sums", "tiles"])
@pytest.mark.parametrize("pieces", [8, 16, 48])
def test_sums_follow_a_convolution(channels: int, pieces: int) -> None:
    x, w = tanh(given(48, 12, 12, 1, channels)), given(3, 3, 1, channels, channels)
    y = convolution(x, w, (1, 1), (1, 1), (1, 1), (1, 1))
    outputs = [y, *summed(reshape(y, (48, 12, 12, channels)), pieces)]
    assert followed(outputs) == 1
    same(outputs)


def test_sums_follow_a_batch_of_products() -> None:
    x, w = given(24, 40, 20), given(24, 20, 16)
    y = matmul(x, w)
    outputs = summed(y, 8)
    assert followed(outputs) == 1
    same(outputs)


def test_sums_follow_what_an_epilogue_wrote() -> None:
    x, w = tanh(given(16, 10, 10, 1, 32)), given(3, 3, 1, 32, 32)
    y = tanh(convolution(x, w, (1, 1), (1, 1), (1, 1), (1, 1)))
    outputs = [y, *summed(reshape(y, (16, 10, 10, 32)), 16)]
    assert followed(outputs) == 1
    same(outputs)


@pytest.mark.parametrize("channels", [16, 32], ids=["plain sums", "tiles"])
def test_two_convolutions_and_their_padding_are_tiled_together(channels: int) -> None:
    x, w = tanh(given(16, 10, 10, 1, channels)), given(3, 3, 1, channels, channels)
    y = tanh(convolution(x, w, (1, 1), (1, 1), (1, 1), (1, 1)))
    again = convolution(y, w, (1, 1), (1, 1), (1, 1), (1, 1))
    outputs = [again, *summed(reshape(y, (16, 10, 10, channels)), 16)]
    (kinds,) = tiled(outputs)
    assert [kind for kind in kinds if kind is not LoopNests] == 2 * [
        WinogradTiles if channels > 16 else MatMul
    ]
    assert kinds[0] is kinds[-1] is LoopNests
    same(outputs)


def test_pieces_become_coarser_until_all_kernels_have_them() -> None:
    y = pad(tanh(given(48, 16, 16)), (0, 1, 1), (0, 1, 1))
    z = tanh(slice_(y, (0, 2, 1), (1, 1, 1), (48, 16, 16))) * given(16)
    outputs = [y, z, *summed(z, 24)]
    (together,) = [x.work for x in launches(outputs) if isinstance(x.work, BatchTiled)]
    assert together.tiles == 24
    same(outputs)


@pytest.mark.parametrize(("side", "together"), [(300, True), (600, False)])
def test_what_does_not_stay_near_is_not_tiled(side: int, together: bool) -> None:
    x, w = tanh(given(8, side, side)), given(8, side, 16)
    outputs = [matmul(x, w)]
    assert bool(tiled(outputs)) is together
    same(outputs)


def test_threads_are_not_left_without_a_piece() -> None:
    x, w = tanh(given(9, 40, 20)), given(9, 20, 16)
    outputs = [matmul(x, w)]
    found = [
        [isinstance(launch.work, BatchTiled) for launch in launches(outputs, threads)]
        for threads in (9, 10)
    ]
    assert found == [[True], [False, False]]


def test_too_few_pieces_are_not_tiled() -> None:
    x, w = tanh(given(7, 40, 20)), given(7, 20, 16)
    outputs = [matmul(x, w)]
    assert tiled(outputs) == []
    same(outputs)


def test_what_looks_across_pieces_does_not_follow() -> None:
    x, w = given(16, 40, 20), given(16, 20, 16)
    y = matmul(x, w)
    # Each piece ends with the first product of the next one.
    later = slice_(pad(y, (0, 0, 0), (1, 0, 0)), (1, 0, 0), (1, 1, 1), y.shape)
    outputs = [y, *summed(later, 16)]
    assert summed_alone(outputs)
    same(outputs)


def test_what_needs_the_whole_first_does_not_follow() -> None:
    x, w = given(16, 40, 20), given(16, 20, 16)
    y = matmul(x, w)
    whole = sum_(y, (0, 1, 2)) * (1.0 / (16 * 40 * 16))
    outputs = [y, *summed(y - whole, 16)]
    assert summed_alone(outputs)
    same(outputs)


def test_a_batch_norm_follows_its_convolution_in_training() -> None:
    zincir.manual_seed(0)
    net = zincir.nn.Sequential(
        zincir.nn.Conv2d(3, 16, 3, padding=1),
        zincir.nn.BatchNorm2d(16),
        zincir.nn.ReLU(),
        zincir.nn.Conv2d(16, 32, 3, padding=1),
        zincir.nn.BatchNorm2d(32),
    )
    x = zincir.randn(32, 3, 16, 16)
    loss = F.relu(net(x)).square().mean()
    assert followed([loss._node]) == 2
