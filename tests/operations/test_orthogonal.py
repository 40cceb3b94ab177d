"""Orthogonal polynomials beside NumPy's, which are summed in another way."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir import special

X = np.array([-2.0, -1.0, -0.3, 0.0, 0.6, 1.0, 3.0])
SERIES: dict[str, Any] = {
    "chebyshev_polynomial_t": np.polynomial.chebyshev.chebval,
    "hermite_polynomial_h": np.polynomial.hermite.hermval,
    "hermite_polynomial_he": np.polynomial.hermite_e.hermeval,
    "laguerre_polynomial_l": np.polynomial.laguerre.lagval,
    "legendre_polynomial_p": np.polynomial.legendre.legval,
}


@pytest.mark.parametrize("name", SERIES)
def test_values(name: str) -> None:
    for n in (0, 1, 2, 5, 12):
        y = getattr(special, name)(zincir.from_numpy(X), n).numpy()
        np.testing.assert_allclose(y, SERIES[name](X, np.eye(n + 1)[n]), 1e-12)


def test_kinds_of_chebyshev_by_their_angles() -> None:
    angle = np.array([0.3, 1.0, 2.0])
    x, n = zincir.from_numpy(np.cos(angle)), 4
    for kind, expected in {
        "u": np.sin((n + 1) * angle) / np.sin(angle),
        "v": np.cos((n + 0.5) * angle) / np.cos(angle / 2),
        "w": np.sin((n + 0.5) * angle) / np.sin(angle / 2),
    }.items():
        plain = getattr(special, f"chebyshev_polynomial_{kind}")(x, n)
        shifted = getattr(special, f"shifted_chebyshev_polynomial_{kind}")((x + 1) / 2, n)
        np.testing.assert_allclose(plain.numpy(), expected, 1e-12)
        np.testing.assert_allclose(shifted.numpy(), expected, 1e-12)


def test_degrees() -> None:
    n = zincir.tensor([-1, 0, 3])
    assert special.legendre_polynomial_p(zincir.tensor(2.0), n).tolist() == [0.0, 1.0, 17.0]
    assert special.legendre_polynomial_p(2, n).tolist() == [0.0, 1.0, 17.0]
    assert np.isnan(special.chebyshev_polynomial_t(zincir.tensor(10.0), 10**9).item())
    with pytest.raises(TypeError, match="must be Tensor"):
        special.chebyshev_polynomial_t(1.0, 2)
