"""Permutations move down, past what they feed."""

import numpy as np

from random_graphs import data, made_by
from zincir.compiler.snapshot import snapshot
from zincir.graph.node import Node
from zincir.operations import arithmetic as ar, elementwise as el, movement as mv
from zincir.operations.contraction import matmul


def zeros(*shape: int) -> Node:
    return data(np.zeros(shape, np.float32))


def ordered(y: Node) -> list[str]:
    """The operations, in order."""
    lines = made_by("memory order", snapshot([y]).graph()).show().splitlines()[:-1]
    return [line.split(" = ")[1].split()[0] for line in lines]


def made() -> Node:
    """A value that this program computes, permuted."""
    return mv.permute(matmul(zeros(2, 3, 4), zeros(2, 4, 5)), (1, 0, 2))


def test_a_function_is_computed_in_the_order_of_memory():
    assert ordered(ar.neg(el.tanh(made())) * 1.5)[-1] != "permute"


def test_two_permutations_that_meet_are_gone():
    y = mv.permute(el.tanh(made()), (1, 0, 2))
    assert "permute" not in ordered(ar.neg(y))


def test_sums_take_the_axes_that_lie_there():
    y = mv.permute(mv.sum_(el.tanh(made()), (1,)), (1, 0, 2))
    assert "permute" not in ordered(ar.neg(y))


def test_what_comes_from_outside_stays_where_it_is():
    y = mv.permute(zeros(3, 4, 5), (1, 0, 2))
    assert ordered(ar.neg(el.tanh(y)))[-3:] == ["permute", "tanh", "neg"]
