"""Every stage of the compiler as text."""

import re
import sys
from typing import Any, get_type_hints

import numpy as np
import pytest

from random_graphs import data
from zincir import settings
from zincir.compiler import PIPELINE, compile_graph, run_passes, stages
from zincir.compiler.executable import Executable
from zincir.compiler.options import Options
from zincir.compiler.snapshot import Graph, snapshot
from zincir.errors import CompileError
from zincir.graph.node import Node, describe
from zincir.graph.verify import verify
from zincir.operations import arithmetic as ar, elementwise as el, movement as mv, reduction as rd
from zincir.operations.contraction import matmul
from zincir.operations.convolution import convolution
from zincir.types import float32

GROUPS = sys.modules["zincir.compiler.fuse.groups"]


def zeros(*shape: int):
    return data(np.zeros(shape, np.float32))


def softmax(x):
    e = el.exp(x - rd.amax(x, (1,)))
    return e / mv.sum_(e, (1,))


def text(outputs, stage: str) -> str:
    with settings.using(target="avx2"):
        return stages(snapshot(outputs).graph())[stage]


def test_every_pass_has_a_reason():
    assert len({row.name for row in PIPELINE}) == len(PIPELINE)
    assert all(len(row.why) > 20 for row in PIPELINE)


def test_each_pass_takes_what_the_one_before_it_makes():
    made: Any = Graph
    for row in PIPELINE:
        hints = list(get_type_hints(row.run).values())
        assert hints[:2] == [made, Options], row.name
        made = hints[-1]
    assert made is Executable


def test_every_pass_prints():
    x, w = zeros(8, 5), zeros(6, 5)
    texts = stages(snapshot([el.tanh(matmul(x, mv.swap_last(w)))]).graph(), until="link")
    assert list(texts) == ["graph", *[row.name for row in PIPELINE]]
    assert "gemm of gemm float" in texts["assemble"]
    assert "gemm, part" in texts["link"]


def test_no_pass_changes_what_it_is_given():
    x, w = zeros(2, 5, 6, 1, 16), zeros(3, 3, 1, 16, 8)
    v = el.tanh(x * 2.0) * el.exp(x)
    y = convolution(v, w, (1, 1), (1, 1), (1, 1), (1, 1))
    before: list[tuple[Any, str]] = []
    for _, value in run_passes(snapshot([y, mv.sum_(v, (0,))]).graph(), Options(2)):
        before.append((value, value.show()))
    for value, text in before:
        assert value.show() == text


def test_graph_of_a_softmax():
    assert (
        text([softmax(zeros(4, 10))], "graph")
        == """\
%0 = leaf float32[4, 10] shape=(4, 10) dtype=zincir.float32
%1 = amax float32[4, 1] %0 axes=(1,)
%2 = sub float32[4, 10] %0 %1
%3 = exp float32[4, 10] %2
%4 = sum float32[4, 1] %3 axes=(1,)
%5 = div float32[4, 10] %3 %4
return %5"""
    )


def test_a_softmax_is_one_nest():
    assert text([softmax(zeros(4, 10))], "fuse") == (
        "nest [4 10*] amax[4, 1] exp[4, 10] sum[4, 1] div[4, 10]"
    )


def test_a_layer_is_a_product_with_its_activation_behind_it():
    x, w, bias = zeros(8, 5), zeros(6, 5), zeros(6)
    out = el.tanh(matmul(x, mv.swap_last(w)) + bias)
    assert text([out], "fuse") == "matmul [8 6] matmul[8, 6] tanh[8, 6]"
    assert (
        text([out], "plan")
        == """\
arena 192 bytes
phase 0
  matmul -> matmul[8, 6], tanh[8, 6]"""
    )


def test_a_column_sum_takes_the_update_behind_it_along():
    g, p = zeros(32, 16), zeros(16)
    new = p - mv.reshape(mv.sum_(g, (0,)), (16,)) * 0.1
    assert text([new], "fuse") == "nest [32* 16] sum[1, 16] sub[16]"


def test_a_pass_that_fails_names_itself_the_node_and_the_users_line(
    monkeypatch: pytest.MonkeyPatch,
):
    y = mv.sum_(zeros(3, 4), (1,))
    sound = GROUPS._Fuser._new_group

    def failing(self: Any, node: Node) -> Any:
        if node.op is mv.sum_p:
            raise KeyError("no group")
        return sound(self, node)

    monkeypatch.setattr(GROUPS._Fuser, "_new_group", failing)
    with pytest.raises(CompileError) as error:
        compile_graph(snapshot([ar.neg(y)]).graph(), Options())
    first, where, *_ = str(error.value).splitlines()
    assert re.fullmatch(r"fuse \(pass \d+ of \d+\) failed: KeyError: 'no group'", first)
    assert f"<sum float32[3, 1]>, made at {describe(y.origin)}" in where
    assert "test_stages.py:" in where


def test_what_a_launch_fails_at_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.modules["zincir.compiler.assemble"], "slot_at", lambda *_: -1)
    with pytest.raises(CompileError, match=r"assemble \(pass[\s\S]*<neg float32"):
        compile_graph(snapshot([ar.neg(zeros(3, 4))]).graph(), Options())


def test_verification_catches_a_wrong_node():
    good = ar.neg(zeros(2))
    bad = Node(good.op, good.inputs, (), ((3,), float32), False, good.origin)
    with pytest.raises(CompileError, match=r"fuse left an invalid node[\s\S]*expected[\s\S]*got"):
        verify([bad], "fuse")
