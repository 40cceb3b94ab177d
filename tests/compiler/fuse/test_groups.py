"""What may be computed in one nest: never a value that a product of the same group reads."""

from collections.abc import Callable

import numpy as np
import pytest

import zincir
import zincir.nn.functional as F
from random_graphs import compiled, data
from zincir import tensor
from zincir.graph.node import Node
from zincir.interpret import interpret
from zincir.operations import elementwise as el, movement as mv
from zincir.operations.contraction import matmul
from zincir.operations.convolution import convolution
from zincir.operations.indexing import scatter, take


def array(*shape: int, dtype: type = np.float32) -> Node:
    rng = np.random.default_rng(sum(shape))
    return data(rng.uniform(-1, 1, shape).astype(dtype))


def value(*shape: int, dtype: type = np.float32) -> Node:
    """Too much to be computed twice."""
    x = array(*shape, dtype=dtype)
    return el.tanh(x * 2.0) * el.exp(x) + el.sigmoid(x)


def left() -> Node:
    h = value(5, 5)
    return matmul(h, array(5, 5)) + h


def right() -> Node:
    h = value(5, 5)
    return matmul(array(5, 5), h) * el.sigmoid(h)


def both() -> Node:
    h = value(17, 17)
    return matmul(h, mv.swap_last(h)) + h


def gate() -> Node:
    h = value(33, 33)
    return h * el.sigmoid(matmul(h, array(33, 33)))


def batched() -> Node:
    h = value(3, 8, 8)
    return matmul(h, mv.permute(h, (0, 2, 1))) - h * h


def double() -> Node:
    h = value(6, 6, dtype=np.float64)
    return matmul(h, array(6, 6, dtype=np.float64)) + h


def part() -> Node:
    """Of the operand only a part is read by the product."""
    h = value(8, 8)
    rows = mv.slice_(h, (0, 2), (1, 1), (8, 3))
    return matmul(rows, array(3, 8)) + h


def attention() -> Node:
    h = value(9, 9)
    shifted = el.exp(array(9, 9))
    weights = shifted / mv.sum_(shifted, (1,))
    return matmul(weights, h) + h


def picked() -> Node:
    ids = data(np.arange(7) % 3)
    rows = take(array(3, 5), ids)
    return matmul(rows, array(5, 5)) + rows


def scattered() -> Node:
    h = value(6, 4)
    spread = scatter(array(6, 4), data(np.array([0, 2, 2, 5, 1, 3])), h, "add")
    return matmul(spread, array(4, 4)) + spread * h


def convolved() -> Node:
    h = value(2, 6, 6, 1, 16)
    return convolution(h, array(3, 3, 1, 16, 16), (1, 1), (1, 1), (1, 1), (1, 1)) + h


def pointwise_convolution() -> Node:
    h = value(2, 6, 6, 1, 8)
    return convolution(h, array(1, 1, 1, 8, 8), (1, 1), (1, 1), (0, 0), (0, 0)) * h


def in_pieces() -> Node:
    """Links of a chain."""
    h = value(16, 9, 9)
    return matmul(h, array(16, 9, 9)) + h


@pytest.mark.parametrize(
    "make",
    [
        left,
        right,
        both,
        gate,
        batched,
        double,
        part,
        attention,
        picked,
        scattered,
        convolved,
        pointwise_convolution,
        in_pieces,
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_product_and_its_own_operand(make: Callable[[], Node], threads: int):
    outputs = [make()]
    (got,), (want,) = compiled(outputs, threads), interpret(outputs, double=True)
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5)


@pytest.fixture(autouse=True)
def nothing_right_lies_in_memory() -> None:
    """What the pool hands out was another value before."""
    for _ in range(3):
        kept = [zincir.full((n,), 1e9) * 1 for n in (4, 16, 64, 256) for _ in range(8)]
        assert [x.amax().item() for x in kept] == [1e9] * 32


def test_a_product_with_ones_and_its_operand():
    h = tensor([[1.0, 2.0], [3.0, 4.0]]) * 2
    assert (zincir.ones(2, 2) @ h + h).tolist() == [[10, 16], [14, 20]]
    h = tensor([[1.0, 2.0], [3.0, 4.0]], dtype=zincir.float64) * 2
    assert (h @ zincir.ones(2, 2, dtype=zincir.float64) + h).tolist() == [[8, 10], [20, 22]]
    h = tensor([[1.0, 2.0], [3.0, 4.0]]) * 2
    assert (h @ h.T + h).tolist() == [[22, 48], [50, 108]]
    h = tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [1.0, 0.0]]]) * 2
    assert (h @ h * h).tolist() == [[[56, 160], [360, 704]], [[0, 0], [0, 0]]]


def test_a_residual_block_of_linear_layers():
    x = tensor(np.arange(15, dtype=np.float32).reshape(5, 3) - 7).relu()
    want = np.maximum(np.arange(15).reshape(5, 3) - 7, 0) * 2
    assert (F.linear(x, zincir.eye(3)) + x).tolist() == want.tolist()


def test_rows_of_a_table_and_their_product():
    w = tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    rows = w[tensor([2, 0])]
    assert (rows + rows @ tensor([[0.0, 1.0], [1.0, 0.0]])).tolist() == [[11, 11], [3, 3]]


def test_a_gate_of_a_product():
    h = tensor([[0.0, 2.0], [4.0, 0.0]]) * 2
    assert (h * (h @ zincir.ones(2, 2)).sign()).tolist() == [[0, 4], [8, 0]]


def test_softmax_times_the_operand_and_the_operand():
    h = tensor([[1.0, 2.0], [3.0, 4.0]]) * 2
    weights = F.softmax(zincir.zeros(2, 2) * 1, 1)
    assert (h + weights @ h).tolist() == [[6, 10], [10, 14]]


@pytest.mark.parametrize("dtype", [zincir.float32, zincir.float64])
def test_gradients_of_a_product_and_a_square(dtype: zincir.DType):
    a = tensor([[1.0, 2.0], [3.0, 4.0]], dtype=dtype)
    other = zincir.float64 if dtype is zincir.float32 else zincir.float32
    w = zincir.eye(2, dtype=other).to(dtype)
    x = zincir.ones(2, 2, dtype=dtype, requires_grad=True)
    ((a @ x + x * x) * w).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[3, 3], [2, 6]]


def test_gradients_of_a_residual_block():
    a = tensor([[1.0, -2.0], [3.0, 4.0]], requires_grad=True)
    w = tensor([[1.0, 2.0], [0.0, 1.0]], requires_grad=True)
    x = a.relu()
    (x @ w + x).square().sum().backward()
    assert a.grad is not None
    assert w.grad is not None
    # y = [[2, 2], [6, 14]]; dx = 2 y (w + 1)^T, where a > 0; dw = x^T 2 y
    assert a.grad.tolist() == [[16, 0], [80, 56]]
    assert w.grad.tolist() == [[40, 88], [48, 112]]


def test_gradients_through_a_convolution_and_its_input():
    x = tensor([[[[1.0, -2.0], [3.0, 4.0]]]], requires_grad=True)
    w = tensor([[[[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]], requires_grad=True)
    h = x * x
    y = F.conv2d(h, w, padding=1) + h
    assert y.tolist() == [[[[2, 8], [19, 36]]]]
    y.sum().backward()
    assert x.grad is not None
    assert w.grad is not None
    assert x.grad.tolist() == [[[[6, -12], [12, 16]]]]
    assert w.grad.tolist() == [[[[1, 5, 4], [10, 30, 20], [9, 25, 16]]]]
