"""Bessel functions: identities that tie them together, known values, and the ends."""

import math

import numpy as np
import pytest

import zincir
from zincir import special

X = np.concatenate([np.geomspace(1e-6, 24.9, 60), np.geomspace(25.1, 600, 20)])


def values(name: str) -> np.ndarray:
    return getattr(special, name)(zincir.from_numpy(X)).numpy()


def test_wronskian_of_the_first_and_second_kind() -> None:
    j0, j1, y0, y1 = (values(f"bessel_{n}") for n in ("j0", "j1", "y0", "y1"))
    np.testing.assert_allclose((j1 * y0 - j0 * y1) * X, 2 / np.pi, 1e-11)


def test_wronskian_of_the_modified_ones() -> None:
    i0, i1, k0, k1 = (values(f"modified_bessel_{n}") for n in ("i0", "i1", "k0", "k1"))
    np.testing.assert_allclose((i0 * k1 + i1 * k0) * X, 1.0, 1e-11)
    for name, k in (("k0", k0), ("k1", k1)):
        np.testing.assert_allclose(values(f"scaled_modified_bessel_{name}") * np.exp(-X), k, 1e-11)


AIRY = [
    (0.0, 0.3550280538878172),
    (1.0, 0.1352924163128814),
    (10.0, 1.1047532552898687e-10),
    (-1.0, 0.5355608832923521),
    (-9.5, 0.3191032477191283),
    (-100.0, 0.17675339323955203),
]


@pytest.mark.parametrize(("x", "y"), AIRY)
def test_airy(x: float, y: float) -> None:
    assert math.isclose(special.airy_ai(zincir.tensor(x).double()).item(), y, rel_tol=1e-9)


def test_ends() -> None:
    inf, nan = math.inf, math.nan
    ends = zincir.tensor([0.0, -1.0, inf, nan])
    np.testing.assert_array_equal(special.bessel_y0(ends).numpy(), [-inf, nan, nan, nan])
    np.testing.assert_array_equal(special.modified_bessel_k1(ends).numpy(), [inf, nan, 0, nan])
    assert special.spherical_bessel_j0(ends).tolist()[0] == 1
    x = zincir.tensor([1.0], requires_grad=True)
    assert not special.bessel_j0(x).requires_grad
    with pytest.raises(TypeError, match="must be Tensor"):
        special.bessel_j0(1.0)
