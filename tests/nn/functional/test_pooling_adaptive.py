"""Pooling to a given size: cuts, who gets the gradient, infinities that stay where they are."""

import math
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.autograd import gradcheck, gradgradcheck
from zincir.errors import ArgumentError, DTypeError, ShapeError

F = nn.functional
NAN, INF = math.nan, math.inf


def numbers(*shape: int) -> zincir.Tensor:
    order = np.random.default_rng(0).permutation(math.prod(shape))
    return zincir.from_numpy(order.reshape(shape) / 2.0)


def cuts(n: int, m: int) -> list[slice]:
    return [slice(o * n // m, -(-(o + 1) * n // m)) for o in range(m)]


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (4, 3), (6, 7), (8, 9), (3, 1)])
def test_values_and_places_are_those_of_a_loop(size: tuple[int, int]) -> None:
    x = numbers(2, 6, 7)
    rows, columns = (cuts(n, m) for n, m in zip((6, 7), size, strict=True))
    for pool, fold in ((F.adaptive_avg_pool2d, np.mean), (F.adaptive_max_pool2d, np.max)):
        expected = [[[fold(c[i, j]) for j in columns] for i in rows] for c in x.numpy()]
        np.testing.assert_allclose(pool(x, size).numpy(), expected, 1e-12)
    y, where = F.adaptive_max_pool2d(x, size, return_indices=True)
    at = np.take_along_axis(x.numpy().reshape(2, 42), where.numpy().reshape(2, -1), 1)
    np.testing.assert_array_equal(at.reshape(y.shape), y.numpy())


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (4, 3), (8, 9)])
def test_derivatives(size: tuple[int, int]) -> None:
    x = numbers(1, 6, 7).requires_grad_()
    assert gradcheck(lambda x: F.adaptive_avg_pool2d(x, size) * F.adaptive_max_pool2d(x, size), x)
    if size == (4, 3):
        assert gradgradcheck(lambda x: F.adaptive_avg_pool2d(x, size) ** 2, (x,))
        assert gradgradcheck(lambda x: F.adaptive_max_pool2d(x, size) ** 2, (x,))


def test_one_and_three_axes() -> None:
    x = numbers(2, 5)
    assert F.adaptive_max_pool1d(x, 2).shape == (2, 2)
    v = numbers(2, 3, 4, 5)
    y, where = F.adaptive_max_pool3d(v, (2, None, 3), return_indices=True)
    assert y.shape == where.shape == (2, 2, 4, 3)
    at = np.take_along_axis(v.numpy().reshape(2, 60), where.numpy().reshape(2, 24), 1)
    np.testing.assert_array_equal(at.reshape(y.shape), y.numpy())
    assert F.adaptive_avg_pool3d(v, 1).flatten().tolist() == pytest.approx(
        v.numpy().mean((1, 2, 3)).tolist()
    )
    assert F.adaptive_avg_pool1d(x, (5,)).tolist() == x.tolist()


@pytest.mark.parametrize("size", [2, 3])
def test_infinities_stay_where_they_are(size: int) -> None:
    """Of 4 elements, 2 windows are even and 3 overlap: neither lets anything in from outside."""
    x = zincir.tensor([[1.0, 1.0, 1.0, INF]])
    assert F.adaptive_avg_pool1d(x, size).tolist() == [[1.0] * (size - 1) + [INF]]
    x = zincir.tensor([[NAN, 1.0, 1.0, 1.0]])
    assert F.adaptive_max_pool1d(x, size).tolist()[0][1:] == [1.0] * (size - 1)


@pytest.mark.parametrize(("row", "at"), [([5.0, 5.0, 1.0], [0, 1]), ([NAN, NAN, -INF], [1, 1]),
                                         ([-INF, -INF, -INF], [0, 1])])  # fmt: skip
def test_one_element_gets_the_gradient(row: list[float], at: list[int]) -> None:
    x = zincir.tensor([row], requires_grad=True)
    y, where = F.adaptive_max_pool1d(x, 2, return_indices=True)
    assert where.tolist() == [at]
    y.sum().backward()
    assert x.grad.tolist() == [[float(at.count(k)) for k in range(3)]]


def test_empty_sizes() -> None:
    for pool in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d):
        for size in ((1, 1), (2, 3)):
            x = zincir.ones(0, 2, 4, 4, requires_grad=True)
            pool(x, size).sum().backward()
            assert x.grad.shape == x.shape
        x = zincir.ones(1, 2, 2, requires_grad=True)
        y = pool(x, (0, 3))
        assert y.shape == (1, 0, 3)
        y.sum().backward()
        assert x.grad.tolist() == [[[0.0, 0.0], [0.0, 0.0]]]


def explained(call: Any, kind: type[Exception], *parts: str) -> None:
    with pytest.raises(kind) as error:
        call()
    assert "test_pooling_adaptive.py:" in str(error.value)
    for part in parts:
        assert part in str(error.value)


def test_errors() -> None:
    x = zincir.ones(1, 4, 4)
    for size in (-1, (2,) * 3, 1.5, (2, -1), "3"):
        explained(
            lambda size=size: F.adaptive_avg_pool2d(x, size),
            ArgumentError,
            "adaptive_avg_pool2d: output_size does not fit",
            "expected  an int, 0 or more, or 2 of them",
        )
    explained(lambda: F.adaptive_max_pool2d(x[0], 2), ShapeError, "adaptive_max_pool2d", "(4, 4)")
    explained(lambda: F.adaptive_avg_pool2d(x.int(), 2), DTypeError, "floating tensor")
    explained(lambda: F.adaptive_max_pool2d(x > 0, 2), DTypeError, "has no numbers")
