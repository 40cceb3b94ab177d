"""Special functions at points whose values are known, their gradients, and what is refused."""

import math

import numpy as np
import pytest

import zincir
from zincir import special
from zincir.autograd import gradcheck, gradgradcheck

X = np.array([0.3, 0.7, 1.9, 4.2])


def leaf(array):
    return zincir.from_numpy(np.array(array)).requires_grad_()


KNOWN = [
    (special.erfc, 10.0, 2.088487583762545e-45),
    (special.erfcx, 1e5, 5.641895835195468e-06),
    (special.erfinv, 0.5, 0.4769362762044699),
    (special.gammaln, 0.5, 0.5723649429247001),
    (special.gammaln, 100.0, 359.1342053695754),
    (special.gammaln, -1.5, 0.8600470153764810),
    (special.digamma, 1.0, -0.5772156649015329),
    (special.digamma, -0.5, 0.03648997397857652),
    (lambda x: special.polygamma(1, x), 1.0, math.pi**2 / 6),
    (lambda x: special.polygamma(2, x), 1.0, -2.404113806319189),
    (lambda x: special.zeta(x, 1.0), 3.0, 1.202056903159594),
    (special.ndtr, -10.0, 7.61985302416053e-24),
    (special.ndtri, 1e-300, -37.0471),
    (special.log_ndtr, -50.0, -1254.8313611394199),
    (special.i0, 2.0, 2.279585302336067),
    (special.i0e, 1000.0, 0.01261724045589126),
    (special.i1, -2.0, -1.590636854637329),
    (special.i1e, 1000.0, 0.01261093025692863),
    (special.sinc, 0.5, 2 / math.pi),
    (special.entr, 0.5, 0.34657359027997264),
    (special.logit, 0.25, -1.0986122886681098),
    (lambda x: special.multigammaln(x, 2), 2.0, 0.4515827052894549),
]


@pytest.mark.parametrize("number", range(len(KNOWN)))
def test_known_values(number):
    function, x, expected = KNOWN[number]
    for dtype, tolerance in ((zincir.float64, 2e-14), (zincir.float32, 5e-6)):
        if dtype is zincir.float32 and abs(x) < 1e-40:
            continue
        found = function(zincir.tensor(x, dtype=dtype)).item()
        if dtype is zincir.float32 and abs(expected) < 1e-37:
            assert abs(found) < 1e-37
        else:
            loose = 1e-5 if x == 1e-300 else tolerance
            assert math.isclose(found, expected, rel_tol=loose), (found, expected)


@pytest.mark.parametrize(
    "function",
    [
        special.erfcx,
        special.ndtr,
        special.log_ndtr,
        special.sinc,
        special.i0,
        special.i1e,
        lambda x: special.multigammaln(x + 2.0, 3),
        lambda x: special.polygamma(2, x),
        lambda x: special.zeta(2.5, x),
        lambda x: special.xlogy(x, x + 1.0),
        lambda x: special.logit(x * 0.2, eps=0.1),
    ],
)
def test_gradients(function):
    assert gradcheck(function, [leaf(X)], fast_mode=True)
    assert gradgradcheck(function, [leaf(X)], fast_mode=True)


def test_ends():
    inf, nan = math.inf, math.nan
    ends = zincir.tensor([0.0, -0.0, -1.0, -2.5, inf, -inf, nan], dtype=zincir.float64)
    np.testing.assert_allclose(
        special.gammaln(ends).numpy(), [inf, inf, inf, -0.056243716497674, inf, inf, nan]
    )
    np.testing.assert_allclose(
        special.digamma(ends).numpy(), [-inf, inf, nan, 1.103156640645243, inf, nan, nan]
    )
    np.testing.assert_allclose(special.erfc(ends).numpy()[4:], [0, 2, nan])
    points = zincir.tensor([1.0, -1.0, 1.5, nan], dtype=zincir.float64)
    np.testing.assert_allclose(special.erfinv(points).numpy(), [inf, -inf, nan, nan])
    shares = zincir.tensor([0.0, 1.0, -0.1, 0.5], dtype=zincir.float64)
    np.testing.assert_allclose(special.ndtri(shares).numpy(), [-inf, inf, nan, 0])
    np.testing.assert_allclose(special.entr(shares).numpy()[:3], [0, 0, -inf])
    zero = zincir.zeros(2)
    assert special.xlogy(zero, zincir.tensor([0.0, nan])).tolist()[0] == 0
    assert math.isnan(special.xlogy(zero, zincir.tensor([0.0, nan])).tolist()[1])


def test_integers_become_floats():
    x = zincir.tensor([1, 2, 3])
    assert x.lgamma().dtype is zincir.float32
    np.testing.assert_allclose(x.lgamma().numpy(), [0, 0, math.log(2)], 1e-6)


def test_refused():
    with pytest.raises(zincir.errors.ArgumentError, match="negative n"):
        special.polygamma(-1, zincir.ones(2))
    with pytest.raises(zincir.errors.ArgumentError, match="greater than or equal to 1"):
        zincir.ones(2).mvlgamma(0)
    s = leaf([2.0])
    with pytest.raises(zincir.errors.GradientError, match="first argument"):
        special.zeta(s, 1.0).sum().backward()


def test_lgamma_of_the_smallest_negative_numbers() -> None:
    x = zincir.tensor([-2.2250738585072014e-308, -1e-200, -1e-25, -1e-19], dtype=zincir.float64)
    expected = [708.3964185322641, 460.51701859880916, 57.564627324851146, 43.7491167668868]
    np.testing.assert_allclose(x.lgamma().numpy(), expected, rtol=1e-14)
