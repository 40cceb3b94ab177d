"""Copies where a view cannot be had for free."""

import numpy as np

from random_graphs import data, made_by
from zincir.compiler.rewrite.legalise import Legal
from zincir.compiler.snapshot import snapshot
from zincir.graph.node import Node
from zincir.operations import arithmetic as ar, movement as mv


def zeros(*shape: int) -> Node:
    return data(np.zeros(shape, np.float32))


def legal(*outputs: Node) -> Legal:
    return made_by("legalise", snapshot(outputs).graph())


def test_a_permuted_value_is_copied_before_it_is_reshaped():
    y = mv.reshape(mv.permute(zeros(3, 4), (1, 0)), (12,))
    lines = [line.split(" = ")[1].split()[0] for line in legal(ar.neg(y)).show().splitlines()[:-1]]
    assert lines == ["leaf", "permute", "copy", "reshape", "neg"]


def test_a_view_that_is_returned_is_copied():
    x = zeros(3, 4)
    made = legal(mv.permute(x, (1, 0)), x + 1.0)
    first, second = made.graph.outputs
    assert (first.op, second.op) == (ar.copy_p, ar.add_p)
    assert second in made.materialised


def test_views_are_strides():
    x = zeros(4, 6)
    made = legal(mv.sum_(mv.slice_(x, (1, 0), (1, 2), (3, 3)), (1,)))
    (view,) = [v for node, v in made.views.items() if node.shape == (3, 3)]
    assert (view.offset, view.strides) == (6, (6, 2))
