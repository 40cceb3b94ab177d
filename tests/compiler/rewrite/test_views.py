"""Views of views are one."""

import numpy as np

from random_graphs import data, made_by
from zincir.compiler.snapshot import snapshot
from zincir.graph.node import Node
from zincir.operations import movement as mv
from zincir.operations.contraction import matmul


def zeros(*shape: int) -> Node:
    return data(np.zeros(shape, np.float32))


def rewritten(*outputs: Node) -> str:
    return made_by("memory order", snapshot(outputs).graph()).show()


def test_one_reshape_is_left():
    x = zeros(3, 4)
    assert rewritten(mv.reshape(mv.reshape(x, (12,)), (2, 6))).count("reshape") == 1
    assert "reshape" not in rewritten(mv.reshape(mv.reshape(x, (12,)), (3, 4)))


def test_one_expand_is_left():
    assert (
        rewritten(mv.expand(mv.expand(zeros(1, 1, 4), (1, 3, 4)), (2, 3, 4))).count("expand") == 1
    )


def test_a_gradient_of_a_transposed_weight_is_computed_where_it_is_stored():
    x, g = zeros(8, 5), zeros(8, 6)
    weight_gradient = mv.permute(matmul(mv.swap_last(x), g), (1, 0))
    assert "matmul float32[6, 5]" in rewritten(weight_gradient * 2.0)
