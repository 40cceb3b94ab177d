"""Values that are computed inside the padding they are wanted in."""

from collections.abc import Callable

import numpy as np
import pytest

from random_graphs import compiled, data, made_by
from zincir.compiler.options import Options
from zincir.compiler.snapshot import snapshot
from zincir.graph.node import Node
from zincir.interpret import interpret
from zincir.operations import elementwise as el, movement as mv
from zincir.operations.contraction import matmul
from zincir.operations.convolution import convolution
from zincir.operations.indexing import scatter
from zincir.operations.source import const

Made = tuple[list[Node], bool]


def array(*shape: int) -> Node:
    return data(np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32))


def value() -> Node:
    """Too much to be computed twice."""
    x = array(2, 5, 6, 1, 16)
    return el.tanh(x * 2.0) * el.exp(x) + el.sigmoid(x)


def padded(v: Node) -> Node:
    return convolution(v, array(3, 3, 1, 16, 8), (1, 1), (1, 1), (1, 1), (1, 1))


def residual() -> Made:
    v = value()
    return [padded(v), mv.sum_(v, (0, 1, 2, 3))], True


def behind_a_product() -> Made:
    v = el.exp(matmul(array(60, 7), array(7, 16)) * 0.1 - 1.0) * el.tanh(array(60, 16))
    image = mv.reshape(v, (2, 5, 6, 1, 16))
    return [padded(image), v * 2.0], False  # its rows cannot be seen as lines within a frame


def result() -> Made:
    v = value()
    return [padded(v), v], False


def scattered() -> Made:
    v = value()
    rows = mv.reshape(v, (60, 16))
    index = data(np.arange(60) % 7)
    return [padded(v), scatter(array(7, 16), index, rows, "add")], False


def padded_twice() -> Made:
    v = value()
    wide = convolution(v, array(5, 5, 1, 16, 8), (1, 1), (1, 1), (2, 2), (2, 2))
    return [padded(v), wide, mv.sum_(v, (4,))], True


def side_by_side() -> Made:
    v, w = value(), value() * 0.5
    both = mv.cat([v, w], 4)
    return [framed_wide(both), mv.sum_(v, (4,)), mv.sum_(w * w, (0, 1))], True


def one_before_the_other() -> Made:
    """The second part of the whole depends on the first, which is read there."""
    v = value()
    w = el.exp(mv.sum_(v * v, (4,)) * -0.01) * array(2, 5, 6, 1, 16)
    both = mv.cat([v, el.tanh(w) * el.exp(w)], 4)
    return [framed_wide(both), mv.sum_(both, (0, 1, 2))], True


def other_axes() -> Made:
    """A shuffled copy goes where its axes are found in what is put together."""
    v = mv.reshape(array(2, 5, 6, 1, 64), (2, 5, 6, 2, 2, 16))
    shuffled = mv.reshape(mv.permute(v, (0, 1, 3, 2, 4, 5)), (2, 10, 12, 1, 16))
    both = mv.cat([array(2, 10, 12, 1, 16), shuffled], 4)
    return [mv.sum_(both, (4,)), mv.sum_(shuffled, (1, 2))], True


def narrow() -> Made:
    v = el.tanh(array(2, 5, 6, 1, 3)) * el.exp(array(2, 5, 6, 1, 3))
    both = mv.cat([v, v * 2.0, v + 1.0], 4)
    return [mv.sum_(v, (0,)), matmul(mv.reshape(both, (60, 9)), array(9, 4))], False


def framed_wide(both: Node) -> Node:
    return convolution(both, array(3, 3, 1, 32, 8), (1, 1), (1, 1), (1, 1), (1, 1))


CASES = [
    side_by_side,
    one_before_the_other,
    other_axes,
    narrow,
    residual,
    behind_a_product,
    result,
    scattered,
    padded_twice,
]


@pytest.mark.parametrize("case", CASES)
def test_values_inside_larger_ones(case: Callable[[], Made]) -> None:
    outputs, moved = case()
    groups = made_by("copy elision", snapshot(outputs).graph(), Options(2))
    assert bool(groups.legal.alias_of) is moved
    assert ("is computed inside" in groups.show()) is moved
    for threads in (1, 2):
        for got, want in zip(
            compiled(outputs, threads), interpret(outputs, double=True), strict=True
        ):
            np.testing.assert_allclose(got, want, 1e-4, 1e-4)


def test_nothing_is_copied_into_the_padding() -> None:
    """One nest computes the value, and the padding's four sides are all that is written besides."""
    outputs, _ = residual()
    made = made_by("plan", snapshot(outputs).graph())
    ((padded, _),) = made.legal.alias_of.values()
    writers = [s for phase in made.phases for s in phase if padded in s.writes]
    reads = [x for launch in writers for x in launch.reads if x not in made.graph.inputs]
    assert len(writers) == 5
    assert reads == []


def test_what_is_spread_out_is_no_padding() -> None:
    x = array(4)
    outputs = [mv.update(mv.expand(const(0.0, x.dtype), (20,)), x * 2.0, (0,), (5,)) * 1.5]
    for got, want in zip(compiled(outputs, 1), interpret(outputs, double=True), strict=True):
        np.testing.assert_allclose(got, want, 1e-6)
