"""RoIAlign and RoIPool: values of plain references, gradients, compiled, bad input."""

import numpy as np
import pytest

import box_references as references
import zincir
from zincir import ops
from zincir.autograd import gradcheck
from zincir.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError, TraceError


def scene(seed, dtype="d"):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(2, 3, 7, 9)).astype(dtype)
    corners = rng.random((5, 2)) * 14 - 3
    rois = np.concatenate(
        [rng.integers(0, 2, (5, 1)), corners, corners + rng.random((5, 2)) * 12], 1
    )
    return features, (np.round(rois) if seed == 2 else rois).astype(dtype)


@pytest.mark.parametrize("ratio", [-1, 1, 2])
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_roi_align(ratio, aligned, scale):
    for seed in (1, 2):
        features, rois = scene(seed)
        got = ops.roi_align(
            zincir.tensor(features), zincir.tensor(rois), (3, 2), scale, ratio, aligned
        )
        want = references.roi_align(features, rois, (3, 2), scale, ratio, aligned)
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.3])
def test_roi_pool(scale):
    for seed in range(3):
        features, rois = scene(seed)
        features = np.round(features) if seed == 1 else features  # ties
        x = zincir.tensor(features, requires_grad=True)
        got = ops.roi_pool(x, zincir.tensor(rois), (3, 2), scale)
        want, places = references.roi_pool(features, rois, (3, 2), scale)
        np.testing.assert_array_equal(got.detach().numpy(), want)
        weights = np.random.default_rng(9).normal(size=want.shape)
        (got * zincir.tensor(weights)).sum().backward()
        grad = np.zeros_like(features)
        for k, c, i, j in np.ndindex(want.shape):
            y, x_ = places[k, c, i, j]
            if y >= 0:
                grad[int(rois[k, 0]), c, y, x_] += weights[k, c, i, j]
        np.testing.assert_allclose(x.grad.numpy(), grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("ratio", [-1, 2])
def test_gradients_of_roi_align(ratio):
    features, rois = scene(0)
    features, rois = features[:, :1, :4, :5], rois[:2]
    x = zincir.tensor(features, requires_grad=True)
    boxes = zincir.tensor(rois, requires_grad=True)
    assert gradcheck(lambda x: ops.roi_align(x, boxes.detach(), 2, 0.5, ratio), (x,))
    ops.roi_align(x, boxes, 2, 0.5, ratio).sum().backward()
    assert boxes.grad is None


def test_lists_layers_and_types():
    features, rois = scene(0, "f")
    rois = rois[np.argsort(rois[:, 0], kind="stable")]
    x, whole = zincir.tensor(features), zincir.tensor(rois)
    each = [zincir.tensor(rois[rois[:, 0] == i, 1:]) for i in range(2)]
    for layer in (ops.RoIAlign((3, 2), 0.5, 2, True), ops.RoIPool((3, 2), 0.5)):
        np.testing.assert_array_equal(layer(x, each).numpy(), layer(x, whole).numpy())
        assert layer(x, zincir.zeros(0, 5)).shape == (0, 3, 3, 2)
        assert layer(x, whole).dtype is zincir.float32
    want = references.roi_align(features.astype("d"), rois.astype("d"), (2, 2), 1.0, -1, False)
    np.testing.assert_allclose(ops.roi_align(x, whole, 2).numpy(), want, rtol=2e-4, atol=2e-5)


def test_inside_compiled_functions():
    features, rois = (zincir.tensor(x) for x in scene(1))
    for layer in (ops.RoIAlign(2, 0.5, 2), ops.RoIPool(2, 0.5)):
        step = zincir.compile(lambda x, boxes, layer=layer: layer(x, boxes), fullgraph=True)
        for scale in (1.0, 2.0, 3.0):
            got = step(features * scale, rois).numpy()
            np.testing.assert_allclose(got, layer(features * scale, rois).numpy(), rtol=1e-12)
    with pytest.raises(TraceError, match="sampling_ratio"):
        zincir.compile(ops.roi_align)(features, rois, 2)


def test_nan_stays_where_it_is():
    features, _ = scene(0)
    features[0, :, 6, 8] = np.nan
    x, box = zincir.tensor(features), zincir.tensor([[0.0, 0.0, 0.0, 3.0, 3.0]]).double()
    assert np.isfinite(ops.roi_align(x, box, 2).numpy()).all()
    far = zincir.tensor([[0.0, 5.0, 4.0, 8.0, 6.0]]).double()
    assert np.isfinite(ops.roi_pool(x, far, 1).numpy()).all()  # NaN is never the largest


X, ROIS = zincir.ones(1, 2, 4, 4), zincir.tensor([[0.0, 0.0, 0.0, 2.0, 2.0]])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda f: f(X, ROIS[:, 1:], 2), ShapeError, r"\(K, 5\)"),
        (lambda f: f(X, [ROIS], 2), ShapeError, r"\(L, 4\)"),
        (lambda f: f(X, [ROIS[:, 1:]] * 2, 2), ShapeError, "2 images"),
        (lambda f: f(X[0], ROIS, 2), ShapeError, r"\(N, C, H, W\)"),
        (lambda f: f(X, ROIS.double(), 2), DTypeError, "different types"),
        (lambda f: f(X, ROIS + 1.0, 2), IndexOutOfRange, "no such image"),
        (lambda f: f(X, ROIS, 0), ArgumentError, "output_size"),
        (lambda f: f(X, ROIS, (1, 2, 3)), ArgumentError, "output_size"),
    ],
)
@pytest.mark.parametrize("f", [ops.roi_align, ops.roi_pool])
def test_bad_input(f, call, error, words):
    with pytest.raises(error, match=words):
        call(f)
