"""Slopes and histograms of several dimensions, beside NumPy."""

import numpy as np
import pytest

import zincir
from zincir.autograd import gradcheck

X = np.random.default_rng(0).standard_normal((5, 4))
PLACES = np.array([0.0, 1.0, 1.5, 4.0, 4.5])


@pytest.mark.parametrize("order", [1, 2])
def test_slopes(order: int) -> None:
    x = zincir.from_numpy(X)
    for spacing, given in ((0.5, 0.5), (PLACES, (zincir.from_numpy(PLACES),))):
        (y,) = zincir.gradient(x, spacing=given, dim=0, edge_order=order)
        np.testing.assert_allclose(y.numpy(), np.gradient(X, spacing, axis=0, edge_order=order))
    both = zincir.gradient(x, spacing=[2.0, 3.0], edge_order=order)
    for y, expected in zip(both, np.gradient(X, 2.0, 3.0, edge_order=order), strict=True):
        np.testing.assert_allclose(y.numpy(), expected)
    assert gradcheck(lambda x: zincir.gradient(x, edge_order=order), [x.detach().requires_grad_()])


def test_slopes_refused() -> None:
    with pytest.raises(zincir.errors.ShapeError, match="at least edge_order"):
        zincir.gradient(zincir.ones(2), edge_order=2)
    with pytest.raises(zincir.errors.ShapeError, match="one coordinate"):
        zincir.gradient(zincir.ones(3), spacing=(zincir.ones(2),))
    with pytest.raises(zincir.errors.ArgumentError, match="one spacing"):
        zincir.gradient(zincir.ones(3), spacing=[1.0, 2.0])


@pytest.mark.parametrize("density", [False, True])
def test_histogram_of_points(density: bool) -> None:
    rng = np.random.default_rng(1)
    x, weight = rng.uniform(size=(50, 2)), rng.uniform(size=50)
    edges = np.array([0.1, 0.3, 0.8])
    points, weights = zincir.from_numpy(x), zincir.from_numpy(weight)
    options = {"weight": weights, "density": density}
    mine = zincir.histogramdd(points, [3, 4], range=[0.0, 1.0, 0.2, 0.9], **options)
    expected, ends = np.histogramdd(x, [3, 4], [(0, 1), (0.2, 0.9)], density, weight)
    np.testing.assert_allclose(mine.hist.numpy(), expected)
    for a, b in zip(mine.bin_edges, ends, strict=True):
        np.testing.assert_allclose(a.numpy(), b)
    named = zincir.histogramdd(points, [zincir.from_numpy(edges)] * 2, **options)
    np.testing.assert_allclose(
        named.hist.numpy(), np.histogramdd(x, [edges, edges], None, density, weight)[0]
    )
    with pytest.raises(zincir.errors.ShapeError, match="N bins"):
        zincir.histogramdd(points, [3])
    with pytest.raises(zincir.errors.DTypeError, match="same dtype"):
        zincir.histogramdd(points, 3, weight=weights.float())


def test_negative_weights_of_covariances_are_refused() -> None:
    x, weights = zincir.from_numpy(X.T), zincir.tensor([1, 2, -1, 0, 1])
    with pytest.raises(zincir.errors.ArgumentError, match="fweights cannot be negative"):
        x.cov(fweights=weights)
    with pytest.raises(zincir.errors.ArgumentError, match="aweights cannot be negative"):
        x.cov(aweights=weights.double())
