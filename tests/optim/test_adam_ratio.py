"""The quotient at the heart of Adam, against float64."""

import numpy as np
import pytest

from zincir.ops.optimizing import adam_ratio
from zincir.tensor import from_array, wrap


def ratio(m: np.ndarray, v: np.ndarray, scale: float, eps: float) -> np.ndarray:
    numbers = [from_array(np.asarray(x, m.dtype))._node for x in (m, v, scale, eps)]
    return wrap(adam_ratio(*numbers)).numpy()


@pytest.mark.parametrize(("scale", "eps"), [(1.0, 1e-8), (31.6, 1e-8), (1.001, 1e-3)])
def test_within_four_ulp_over_all_magnitudes(scale: float, eps: float):
    rng = np.random.default_rng(0)
    m = (rng.normal(size=200_000) * 10.0 ** rng.uniform(-20, 10, 200_000)).astype(np.float32)
    v = (10.0 ** rng.uniform(-36, 38, 200_000)).astype(np.float32)
    scale, eps = float(np.float32(scale)), float(np.float32(eps))
    exact = m.astype(float) / (np.sqrt(v.astype(float)) * scale + eps)
    normal = (np.abs(exact) > 1e-37) & (np.abs(exact) < 3e38)
    step = np.spacing(np.abs(exact[normal]).astype(np.float32)).astype(float)
    worst = np.max(np.abs(ratio(m, v, scale, eps)[normal] - exact[normal]) / step)
    assert worst <= 4.0, f"{worst} ulp"


def test_no_gradient_ever_and_gradients_beyond_all_bounds():
    m = np.array([1.0, 1.0, np.nan, 0.0], np.float32)
    v = np.array([0.0, np.inf, 1.0, 0.0], np.float32)
    got = ratio(m, v, 1.0, 1e-8)
    assert got[0] == pytest.approx(1e8)
    assert abs(got[1]) < 1e-18
    assert np.isnan(got[2])
    assert got[3] == 0.0


def test_float64_is_exact():
    m, v = np.array([0.3, -2.0]), np.array([0.7, 1e-12])
    assert ratio(m, v, 1.5, 1e-8).tolist() == (m / (np.sqrt(v) * 1.5 + 1e-8)).tolist()
