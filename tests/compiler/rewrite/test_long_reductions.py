"""Long reductions in pieces."""

import numpy as np

from random_graphs import data, made_by
from zincir.compiler.snapshot import snapshot
from zincir.graph.node import Node
from zincir.operations import movement as mv, reduction as rd


def zeros(*shape: int) -> Node:
    return data(np.zeros(shape, np.float32))


def cut(y: Node) -> str:
    return made_by("long reductions", snapshot([y]).graph()).show()


def test_long_sums_are_cut_by_their_shape_alone():
    assert "sum float32[50" in cut(mv.sum_(zeros(100_000), (0,)))


def test_other_reductions_are_cut_as_sums_are():
    assert "amax float32[50" in cut(rd.amax(zeros(100_000), (0,)))


def test_short_ones_and_those_to_many_results_are_not():
    for y in (mv.sum_(zeros(4000), (0,)), mv.sum_(zeros(8192, 1024), (0,))):
        assert cut(y).count("sum") == 1


def test_a_first_axis_with_few_elements_is_a_cut_by_itself():
    text = cut(mv.sum_(zeros(16, 32, 32, 8), (0, 1, 2)))
    assert "sum float32[16, 1, 1, 8]" in text
    assert "sum float32[1, 1, 1, 8]" in text
