"""The incomplete gamma function, its gradient, and its ends."""

import math

import numpy as np
import pytest

import zincir
from zincir.autograd import gradcheck, gradgradcheck


def double(x: float) -> zincir.Tensor:
    return zincir.tensor(x, dtype=zincir.float64)


@pytest.mark.parametrize("n", [1, 3, 20, 29, 31, 150])
@pytest.mark.parametrize("ratio", [0.3, 0.9, 1.0, 1.2, 3.0])
def test_whole_numbers(n: int, ratio: float) -> None:
    """Of which the share above is a sum: exp(-x) (1 + x + ... + x^(n - 1) / (n - 1)!)."""
    x = n * ratio
    above = math.fsum(math.exp(k * math.log(x) - x - math.lgamma(k + 1)) for k in range(n))
    below = math.fsum(math.exp(k * math.log(x) - x - math.lgamma(k + 1)) for k in range(n, 1200))
    assert math.isclose(zincir.igammac(double(n), double(x)).item(), above, rel_tol=1e-11)
    assert math.isclose(zincir.igamma(double(n), double(x)).item(), below, rel_tol=1e-11)


def test_halves_and_large_ones() -> None:
    assert math.isclose(zincir.igamma(double(0.5), double(2.0)).item(), math.erf(math.sqrt(2)))
    a, z = 1e12, 1.0  # normal, but for Cornish and Fisher's correction
    normal = 0.5 * math.erfc(z / math.sqrt(2))
    found = zincir.igammac(double(a), double(a + z * math.sqrt(a))).item()
    assert math.isclose(found, normal, rel_tol=1e-5)


def test_gradients() -> None:
    a = zincir.tensor([0.5, 2.0, 40.0], dtype=zincir.float64)
    x = zincir.tensor([0.7, 3.0, 35.0], dtype=zincir.float64, requires_grad=True)
    for function in (zincir.igamma, zincir.igammac):
        assert gradcheck(lambda x, f=function: f(a, x), [x])
        assert gradgradcheck(lambda x, f=function: f(a, x), [x])
    with pytest.raises(zincir.errors.GradientError, match="first argument"):
        zincir.igamma(x, a).sum().backward()


def test_ends() -> None:
    inf, nan = math.inf, math.nan
    a = zincir.tensor([0.0, 0.0, 1.0, inf, inf, -1.0, 1.0, 1.0, nan])
    x = zincir.tensor([0.0, 1.0, 0.0, 1.0, inf, 1.0, -1.0, inf, 1.0])
    expected = [nan, 1.0, 0.0, 0.0, nan, nan, nan, 1.0, nan]
    np.testing.assert_array_equal(a.igamma(x).numpy(), expected)
    np.testing.assert_array_equal(zincir.igammac(a, x).numpy(), 1 - np.array(expected))
    assert a.igamma_(x) is a
