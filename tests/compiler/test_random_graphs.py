"""Compiled code against the interpreter, on random graphs."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from random_graphs import compiled, graphs
from random_images import image_graphs
from zincir.graph.node import Node
from zincir.interpret import interpret
from zincir.types import DType, float32, float64

TOLERANCE = {float32: 3e-5, float64: 1e-12}


def check(outputs: list[Node], dtype: DType) -> None:
    expected = interpret(outputs, double=True)
    one = compiled(outputs, 1)
    for node, got, want in zip(outputs, one, expected, strict=True):
        if node.dtype.category != 2:
            np.testing.assert_array_equal(got, want, err_msg=repr(node))
            continue
        scale = max(1.0, float(np.abs(want).max(initial=0.0)))
        np.testing.assert_allclose(
            got, want, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale, err_msg=repr(node)
        )
    for threads, seed in ((2, None), (3, None), (1, 0), (2, 1)):
        for got, again in zip(one, compiled(outputs, threads, seed), strict=True):
            assert got.tobytes() == again.tobytes(), f"{threads} threads, {seed}: other bits"


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(graphs(float32))
def test_float32_graphs_equal_the_interpreter_on_any_number_of_threads(outputs: list[Node]):
    check(outputs, float32)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(graphs(float64))
def test_float64_graphs_equal_the_interpreter_on_any_number_of_threads(outputs: list[Node]):
    check(outputs, float64)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(image_graphs())
def test_batches_of_images_equal_the_interpreter_on_any_number_of_threads(outputs: list[Node]):
    check(outputs, float32)


@pytest.mark.slow
@settings(
    max_examples=1500,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(image_graphs(most=20))
def test_long_chains_of_images_equal_the_interpreter(outputs: list[Node]):
    check(outputs, float32)


@pytest.mark.slow
@settings(
    max_examples=3000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(graphs(float32, most=25))
def test_large_graphs_equal_the_interpreter(outputs: list[Node]):
    check(outputs, float32)
