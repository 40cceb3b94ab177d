"""Halves are widened, computed with, and rounded; what moves them stays."""

import zincir
from zincir.compiler.options import Options
from zincir.compiler.rewrite.halves import halves
from zincir.compiler.snapshot import snapshot
from zincir.types import bfloat16, float16, float32


def passed(*tensors):
    graph = snapshot([t._node for t in tensors]).graph()
    return graph, halves(graph, Options())


def lines(graph):
    return [line.split(" = ", 1)[1] for line in graph.show().splitlines()[:-1]]


def test_an_operation_becomes_three():
    x = zincir.ones(3, dtype=bfloat16)
    _, found = passed(x + x)
    assert lines(found)[1:] == [
        "cast float32[3] %0 dtype=zincir.float32",
        "add float32[3] %1 %1",
        "cast bfloat16[3] %2 dtype=zincir.bfloat16",
    ]


def test_without_halves_nothing_changes():
    graph, found = passed(zincir.ones(3) * 2.5)
    assert found is graph


def test_what_moves_halves_stays():
    x = zincir.ones(4, 3, dtype=float16)
    at = zincir.tensor([1, 0])
    _, found = passed(zincir.cat([x.t()[:, :2].t(), x[at]]).reshape(12))
    assert "float32" not in found.show()


def test_a_wide_table_is_looked_up_before_it_is_widened():
    table, at = zincir.ones(1000, 3, dtype=bfloat16), zincir.tensor([1, 0])
    _, found = passed(zincir.nn.functional.embedding(at, table), table.float()[at])
    assert "float32[1000" not in found.show()
    assert found.outputs[0].dtype is bfloat16
    assert found.outputs[1].dtype is float32
