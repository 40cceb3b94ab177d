"""Sorted lines and ranks, without PyTorch; and in compiled functions."""

import numpy as np
import pytest

import zincir
from zincir.autograd import gradcheck, gradgradcheck

RNG = np.random.default_rng(5)
X = RNG.standard_normal((3, 6))


def leaf(array):
    return zincir.from_numpy(np.array(array)).requires_grad_()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sort(0).values,
        lambda x: x.topk(2).values,
        lambda x: x.kthvalue(2, 0).values,
        lambda x: x.median(1).values,
        lambda x: x.median(),
        lambda x: x.quantile(0.3, 1),
        lambda x: x.cummax(1).values,
        lambda x: x.logcumsumexp(1),
        lambda x: x.diff(dim=0),
        lambda x: zincir.cdist(x, x[:2] + 1.0, 3.0),
        lambda x: zincir.pdist(x),
    ],
)
def test_gradients(function):
    assert gradcheck(function, [leaf(X)], fast_mode=True)
    assert gradgradcheck(function, [leaf(X)], fast_mode=True, atol=1e-4)


def test_gradient_of_running_logarithms_where_nothing_has_come():
    x = leaf([-np.inf, 1.0, 2.0])
    x.logcumsumexp(0)[1:].sum().backward()
    assert np.isfinite(x.grad.numpy()).all()
    assert x.grad[0].item() == 0


def test_values_are_numpys():
    x = zincir.from_numpy(X)
    np.testing.assert_array_equal(x.median(1).values.numpy(), np.sort(X, 1)[:, 2])
    np.testing.assert_allclose(x.quantile(0.37, 0).numpy(), np.quantile(X, 0.37, axis=0))
    np.testing.assert_allclose(x.nanmean().item(), X.mean())
    found = x.histogram(5)
    hist, edges = np.histogram(X, 5)
    np.testing.assert_allclose(found.hist.numpy(), hist)
    np.testing.assert_allclose(found.bin_edges.numpy(), edges)


def test_recorded_and_replayed():
    @zincir.compile
    def ranks(x):
        return x.sort(1).values, x.median(1).indices, x.quantile(0.5), x.histc(3, -1, 1)

    for _ in range(4):
        array = RNG.standard_normal((3, 6))
        values, indices, middle, counts = ranks(zincir.from_numpy(array))
        np.testing.assert_array_equal(values.numpy(), np.sort(array, 1))
        np.testing.assert_array_equal(indices.numpy(), np.argsort(array, 1)[:, 2])
        np.testing.assert_allclose(middle.item(), np.median(array))
        expected, _ = np.histogram(array, 3, (-1, 1))
        np.testing.assert_array_equal(counts.numpy(), expected)


def test_what_looks_at_values_is_run_as_written():
    @zincir.compile
    def distinct(x):
        return x.unique()

    with pytest.raises(zincir.errors.TraceError, match="unique"):
        distinct(zincir.tensor([1, 2, 1]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: x.topk(9), "k out of range"),
        (lambda x: x.kthvalue(0), "k out of range"),
        (lambda x: x[:0].median(0), "non-zero size"),
        (lambda x: x.quantile(2.0), "range"),
        (lambda x: x.long().bincount(), "1-d non-negative"),
        (lambda x: x.histc(0), "bins must be > 0"),
        (lambda x: zincir.trapezoid(x, x, dx=1.0), "not both"),
        (lambda x: zincir.cdist(x, x.T), "columns"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(zincir.errors.ZincirError, match=words):
        call(zincir.from_numpy(X))


def test_long_lines_are_sorted_in_a_stable_way() -> None:
    rng = np.random.default_rng(0)
    distinct = rng.permutation(6000).astype(np.float64).reshape(3, 2000)
    ties = np.floor(distinct / 7)
    gaps = np.where(distinct % 50 == 0, np.nan, distinct)
    for array in (distinct, ties, gaps, ties.astype(np.int32)):
        for axis in (0, 1):
            found = zincir.from_numpy(array).argsort(axis, stable=True)
            np.testing.assert_array_equal(
                found.numpy(), np.argsort(array, axis, kind="stable"), strict=True
            )
    down = zincir.from_numpy(distinct).argsort(1, descending=True, stable=True)
    np.testing.assert_array_equal(down.numpy(), np.argsort(-distinct, 1, kind="stable"))
