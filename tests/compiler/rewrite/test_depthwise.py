"""Padding becomes a value; convolutions of single channels are sums of shifted values."""

import numpy as np

from random_graphs import data, made_by
from zincir.compiler.options import Options
from zincir.compiler.rewrite.depthwise import depthwise
from zincir.compiler.snapshot import snapshot
from zincir.graph.node import Node
from zincir.operations import arithmetic as ar
from zincir.operations.convolution import convolution


def zeros(*shape: int) -> Node:
    return data(np.zeros(shape, np.float32))


def rewritten(y: Node) -> str:
    return made_by("depthwise", snapshot([y]).graph()).show()


def test_padding_is_a_value():
    x, w = zeros(2, 6, 1, 4), zeros(3, 1, 4, 8)
    text = rewritten(convolution(x, w, (1,), (1,), (1,), (1,)))
    assert "update float32[2, 8, 1, 4]" in text
    assert "before=(0,) after=(0,)" in text


def test_single_channels_are_shifted():
    x, w = zeros(2, 6, 4, 1), zeros(3, 4, 1, 1)
    text = rewritten(convolution(x, w, (1,), (1,), (0,), (0,)))
    assert "convolution" not in text
    assert text.count("mul float32[2, 4, 4, 1]") == 3


def test_where_there_is_no_convolution_nothing_is_done():
    graph = snapshot([ar.neg(zeros(3))]).graph()
    assert depthwise(graph, Options()) is graph
