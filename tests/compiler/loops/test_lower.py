"""Groups as loop nests."""

import numpy as np

from random_graphs import data, made_by
from zincir import settings
from zincir.compiler.snapshot import snapshot
from zincir.graph.node import Node
from zincir.operations import elementwise as el, movement as mv, reduction as rd


def zeros(*shape: int) -> Node:
    return data(np.zeros(shape, np.float32))


def lowered(y: Node) -> str:
    with settings.using(target="avx2"):
        return made_by("lower", snapshot([y]).graph()).show()


def softmax(x: Node) -> Node:
    e = el.exp(x - rd.amax(x, (1,)))
    return e / mv.sum_(e, (1,))


def test_loops_of_a_softmax_keep_the_exponentials():
    assert (
        lowered(softmax(zeros(4, 10)))
        == """\
loop nests -> div[4, 10]
  rows (4,) inner () vector 10
  nest rows=1 inner=0 lanes=8 vector=inside folds=True
    @0 float32[r]next
    @1 float32[r]next
    @2 float32[]next per thread
    %0 = load @0
    %1 = reduce amax float32 %0
    %2 = sub %0 %1
    %3 = exp %2
    %4 = reduce sum float32 %3
    %5 = div %3 %4
    @1 <- %5
    @2 <- %3 (kept)"""
    )


def test_loops_that_run_on_are_one():
    assert "rows () inner () vector 120" in lowered(el.tanh(zeros(4, 5, 6)))


def test_a_view_is_a_stride():
    text = lowered(el.tanh(mv.permute(zeros(8, 16), (1, 0))) * 2.0)
    assert "far" in text.splitlines()[3]
