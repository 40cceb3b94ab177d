"""Algebra on constants, types and axes of size 1."""

import numpy as np

from random_graphs import data, made_by
from zincir.compiler.snapshot import snapshot
from zincir.graph.node import Node
from zincir.operations import arithmetic as ar, movement as mv
from zincir.operations.source import const
from zincir.types import float32, float64


def zeros(*shape: int) -> Node:
    return data(np.zeros(shape, np.float32))


def simplified(*outputs: Node) -> str:
    return made_by("simplify", snapshot(outputs).graph()).show()


def test_simplify_removes_what_does_nothing():
    x = zeros(3, 4)
    same = mv.reshape(mv.reshape(ar.mul(x, 1.0), (12,)), (3, 4))
    turned = mv.permute(mv.permute(same, (1, 0)), (1, 0))
    assert (
        simplified(ar.neg(turned))
        == """\
%0 = leaf float32[3, 4] shape=(3, 4) dtype=zincir.float32
%1 = neg float32[3, 4] %0
return %1"""
    )


def test_what_changes_nothing_is_gone():
    x = zeros(3, 4)
    for y in (ar.div(x, 1.0), ar.mul(1.0, x), ar.cast(x, float32), mv.sum_(x, ())):
        assert simplified(ar.neg(y)) == simplified(ar.neg(x))


def test_what_changes_something_is_not():
    x = zeros(3, 1)
    assert "cast" in simplified(ar.cast(x, float64))
    assert "mul float32[3, 4]" in simplified(ar.mul(x, mv.expand(const(1.0, float32), (3, 4))))


def test_sums_over_axes_of_size_1_are_none():
    x = zeros(3, 1, 4)
    assert "sum" not in simplified(ar.neg(mv.sum_(x, (1,))))
    assert "axes=(0,)" in simplified(mv.sum_(x, (0, 1)))


def test_equal_expressions_are_one():
    x = zeros(3, 4)
    assert simplified((x + 2.0) * (x + 2.0)).count("add") == 1
