"""Convolutions as functions: known values, gradients of both orders, what they are compiled to."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

import zincir
from zincir import nn
from zincir.autograd import gradcheck, gradgradcheck

F = nn.functional


def leaf(*shape: int, seed: int = 0) -> zincir.Tensor:
    values = np.random.default_rng(seed).standard_normal(shape)
    return zincir.from_numpy(values).requires_grad_()


def slow(x: np.ndarray, w: np.ndarray, stride: int, padding: int, dilation: int) -> np.ndarray:
    """The sum of the docstring, written out for images and one group."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    high, wide = (
        (n - dilation * (k - 1) - 1) // stride + 1
        for n, k in zip(x.shape[2:], w.shape[2:], strict=True)
    )
    y = np.zeros((x.shape[0], w.shape[0], high, wide))
    for i in range(high):
        for j in range(wide):
            top, left = i * stride, j * stride
            for k in range(w.shape[2]):
                for m in range(w.shape[3]):
                    seen = x[:, :, top + k * dilation, left + m * dilation]
                    y[:, :, i, j] += seen @ w[:, :, k, m].T
    return y


@given(
    seed=st.integers(0, 100),
    channels=st.tuples(st.integers(1, 5), st.integers(1, 9)),
    size=st.tuples(st.integers(5, 9), st.integers(5, 9)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    numbers=st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(1, 2)),
)
@hypothesis_settings(max_examples=15)
def test_the_sum_written_out(
    seed: int, channels: Any, size: Any, kernel: Any, numbers: tuple[int, int, int]
) -> None:
    random = np.random.default_rng(seed)
    x = random.standard_normal((2, channels[0], *size))
    w = random.standard_normal((*channels[::-1], *kernel))
    y = F.conv2d(zincir.from_numpy(x), zincir.from_numpy(w), None, *numbers)
    np.testing.assert_allclose(y.numpy(), slow(x, w, *numbers), 1e-10, 1e-12)


def test_groups_do_not_see_one_another() -> None:
    x, w, b = leaf(2, 6, 5, 5), leaf(4, 3, 3, 3, seed=1), leaf(4, seed=2)
    y = F.conv2d(x, w, b, groups=2)
    apart = [F.conv2d(x[:, 3 * g :][:, :3], w[2 * g :][:2], b[2 * g :][:2]) for g in (0, 1)]
    np.testing.assert_allclose(y.tolist(), zincir.cat(apart, 1).tolist(), 1e-12)


def test_same_puts_the_odd_one_after() -> None:
    x, w = zincir.tensor([[[1.0, 2.0, 3.0]]]), zincir.tensor([[[1.0, 10.0]]])
    assert F.conv1d(x, w, padding="same").tolist() == [[[21.0, 32.0, 3.0]]]
    assert F.conv1d(x, w, padding="same", dilation=2).tolist() == [[[20.0, 31.0, 2.0]]]
    assert F.conv1d(x, w, padding="valid").tolist() == [[[21.0, 32.0]]]


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_one_example_is_a_batch_of_one(rank: int) -> None:
    x, w = leaf(2, *(4, 5, 3)[:rank]), leaf(2, 2, *(2, 3, 1)[:rank], seed=1)
    for kind in ("conv", "conv_transpose"):
        function = getattr(F, f"{kind}{rank}d")
        y = function(x, w)
        assert y.ndim == rank + 1
        np.testing.assert_allclose(y.tolist(), function(x.unsqueeze(0), w)[0].tolist(), 1e-12)


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 1, 1), (2, 1, 1), (3, 0, 2)])
def test_the_transpose_is_the_gradient(stride: int, padding: int, dilation: int) -> None:
    """<conv(x), y> = <x, conv_transpose(y)>: the definition, by the sizes that come out."""
    x, w = leaf(2, 4, 9, 8), leaf(6, 2, 3, 2, seed=1)
    numbers = {"stride": stride, "padding": padding, "dilation": dilation, "groups": 2}
    out = F.conv2d(x, w, **numbers)
    y = leaf(*out.shape, seed=2)
    reach = [dilation * (k - 1) + 1 for k in (3, 2)]
    more = [(n + 2 * padding - r) % stride for n, r in zip((9, 8), reach, strict=True)]
    back = F.conv_transpose2d(y, w, output_padding=more, **numbers)
    assert back.shape == x.shape
    np.testing.assert_allclose((out * y).sum().item(), (x * back).sum().item(), 1e-12)
    (found,) = zincir.autograd.grad((out * y).sum(), [x])
    np.testing.assert_allclose(found.numpy(), back.detach().numpy(), 1e-10, 1e-12)


GRADIENTS: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ("conv1d", (2, 2, 5), (2, 1, 3), {"stride": 2, "padding": 1, "groups": 2}),
    ("conv2d", (1, 2, 3, 4), (2, 2, 2, 3), {"padding": "same"}),
    ("conv2d", (2, 1, 5, 4), (1, 1, 3, 2), {"stride": (2, 1), "dilation": (1, 2)}),
    ("conv2d", (1, 2, 5, 5), (2, 1, 2, 2), {"stride": 3, "dilation": 2, "groups": 2}),
    ("conv3d", (1, 1, 2, 3, 2), (2, 1, 1, 2, 2), {"padding": (0, 1, 0)}),
    ("conv_transpose1d", (2, 2, 3), (2, 1, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    ("conv_transpose2d", (1, 2, 2, 3), (2, 1, 2, 2), {"groups": 2, "dilation": (2, 1)}),
    ("conv_transpose2d", (1, 1, 2, 2), (1, 2, 2, 2), {"stride": (2, 3), "dilation": 2}),
]


@pytest.mark.parametrize(("function", "input", "weight", "options"), GRADIENTS)
def test_gradients_of_both_orders(function: str, input: Any, weight: Any, options: Any) -> None:
    channels = weight[1] * options.get("groups", 1) if "transpose" in function else weight[0]
    inputs = (leaf(*input), leaf(*weight, seed=1), leaf(channels, seed=2))

    def value(*t: zincir.Tensor) -> zincir.Tensor:
        return getattr(F, function)(*t, **options)

    assert gradcheck(value, inputs)
    assert gradgradcheck(value, inputs, fast_mode=True)


@pytest.mark.parametrize("function", ["conv2d", "conv_transpose2d"])
def test_an_empty_batch(function: str) -> None:
    """No examples, so gradients of zero: the last batch of a loader may be like that."""
    x, w, b = leaf(0, 3, 6, 5), leaf(3, 3, 3, 2, seed=1), leaf(3, seed=2)
    y = getattr(F, function)(x, w, b, 2, 1)
    assert y.shape == getattr(F, function)(zincir.ones(1, 3, 6, 5).double(), w, b, 2, 1)[:0].shape
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert w.grad.shape == w.shape
    assert not w.grad.numpy().any()
    assert not b.grad.numpy().any()


def test_an_input_that_is_a_view() -> None:
    """Reversed, strided, permuted, expanded: the values decide, not where they lie."""
    base, w = leaf(5, 8, 3, 6), leaf(4, 3, 3, 3, seed=1)
    views = [
        base.permute(0, 2, 1, 3).flip(3),
        base.permute(3, 2, 1, 0)[::2],
        base[:, :, :, :1].permute(0, 2, 1, 3).expand(5, 3, 8, 4),
    ]
    for view in views:
        y = F.conv2d(view, w, padding=1)
        plain = F.conv2d(zincir.from_numpy(view.detach().numpy().copy()), w, padding=1)
        np.testing.assert_allclose(y.tolist(), plain.tolist(), 1e-12, 1e-12)


def test_nan_stays_in_the_windows_that_see_it() -> None:
    x = zincir.zeros(1, 1, 5, 5)
    x[0, 0, 0, 0] = float("nan")
    y = F.conv2d(x, zincir.ones(1, 1, 2, 2)).numpy()[0, 0]
    assert np.isnan(y[0, 0])
    assert np.isnan(y).sum() == 1


def test_the_same_bits_for_any_number_of_threads() -> None:
    def bits() -> list[bytes]:
        zincir.manual_seed(0)
        x, w = zincir.randn(9, 8, 33, 31, requires_grad=True), zincir.randn(16, 8, 3, 3)
        v, b = zincir.randn(16, 1, 3, 3), zincir.randn(16)
        w, v, b = (t.requires_grad_() for t in (w, v, b))
        y = F.conv2d(F.conv2d(x, w, b, padding=1).relu(), v, stride=2, groups=16)
        y = F.conv_transpose2d(y, w, stride=2)
        found = zincir.autograd.grad(y.square().sum(), [x, w, v, b])
        return [t.detach().numpy().tobytes() for t in (y, *found)]

    before = zincir.get_num_threads()
    try:
        zincir.set_num_threads(1)
        one = bits()
        zincir.set_num_threads(2)
        assert bits() == one
    finally:
        zincir.set_num_threads(before)
