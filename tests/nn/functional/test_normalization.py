"""Norms as functions: gradients of both orders, passes over memory, every error."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

import zincir
from zincir import nn
from zincir.autograd import gradcheck, gradgradcheck
from zincir.compiler import stages
from zincir.compiler.snapshot import snapshot
from zincir.errors import ArgumentError, DTypeError, ShapeError

F = nn.functional
double = zincir.float64


def leaf(*shape: int, low: float = -2.0, seed: int = 0) -> zincir.Tensor:
    numbers = np.random.default_rng(seed).uniform(low, 2.0, shape)
    return zincir.from_numpy(numbers).requires_grad_()


NORMS: list[tuple[str, Callable[..., zincir.Tensor], tuple[int, ...], int]] = [
    ("batch", lambda x, *a: F.batch_norm(x, None, None, *a, training=True), (4, 2, 3), 2),
    (
        "batch, evaluation",
        lambda x, *a: F.batch_norm(
            x, zincir.ones(2, dtype=double), zincir.ones(2, dtype=double), *a
        ),
        (3, 2),
        2,
    ),
    ("instance", lambda x, *a: F.instance_norm(x, None, None, *a), (2, 2, 3), 2),
    ("group", lambda x, *a: F.group_norm(x, 2, *a), (2, 4, 2), 4),
    ("layer", lambda x, *a: F.layer_norm(x, (3,), *a), (2, 3), 3),
    ("rms", lambda x, w, b: F.rms_norm(x, (3,), w) + b, (2, 3), 3),
    (
        "local response",
        lambda x, w, b: F.local_response_norm(x, 3, 0.5) * w[:, None] + b[:, None],
        (2, 4, 2),
        4,
    ),
]


@pytest.mark.parametrize(
    ("norm", "shape", "width"), [row[1:] for row in NORMS], ids=[row[0] for row in NORMS]
)
def test_gradients_of_both_orders(norm: Any, shape: tuple[int, ...], width: int) -> None:
    inputs = (leaf(*shape), leaf(width, seed=1), leaf(width, seed=2))
    assert gradcheck(norm, inputs)
    assert gradgradcheck(norm, inputs)


def test_a_batch_norm_between_products_takes_two_passes_each_way() -> None:
    """Statistics in one pass and the result in the next; the same for their gradients."""
    n, c, places = 64, 16, 400
    before, after, columns = zincir.randn(c, 3), zincir.randn(2, c), zincir.randn(n, 3, places)
    weight, bias = zincir.randn(c), zincir.randn(c)
    for x in (before, after, columns, weight, bias):
        x.numpy()
        x.requires_grad_()
    y = F.batch_norm(before @ columns, None, None, weight, bias, training=True).relu()
    loss = (after @ y).square().sum()
    found = zincir.autograd.grad(loss, [before, weight, bias])
    text = stages(snapshot([loss._node, *[g._node for g in found]]).graph())["fuse"]
    whole = [line for line in text.splitlines() if line.startswith(f"nest [{n} {c} {places}")]
    assert len(whole) == 4, text
    assert [line.count("sum") for line in whole] == [2, 0, 2, 0]


@given(
    seed=st.integers(0, 100),
    n=st.integers(2, 40),
    c=st.integers(1, 5),
    length=st.integers(1, 7),
    offset=st.sampled_from([0.0, -3.0, 1e3]),
)
@hypothesis_settings(max_examples=15)
def test_batch_norm_standardises(seed: int, n: int, c: int, length: int, offset: float) -> None:
    x = np.random.default_rng(seed).normal(size=(n, c, length)) + offset
    mean, var = zincir.zeros(c, dtype=double), zincir.ones(c, dtype=double)
    y = F.batch_norm(zincir.from_numpy(x), mean, var, training=True, momentum=0.25, eps=0.0).numpy()
    np.testing.assert_allclose(y.mean((0, 2)), 0.0, atol=1e-9)
    np.testing.assert_allclose((y**2).mean((0, 2)), 1.0, 1e-9)
    np.testing.assert_allclose(mean.numpy(), 0.25 * x.mean((0, 2)), 1e-9, 1e-12)
    np.testing.assert_allclose(var.numpy(), 0.75 + 0.25 * x.var((0, 2), ddof=1), 1e-9)


def test_a_constant_channel_has_no_variance() -> None:
    """Rounding leaves nothing below 0 that the root would turn into NaN."""
    values = zincir.tensor([1.0, 0.1, -1e5, 7.990813e7, 2.014197e10, 9.506051e9])
    x = values.expand(20011, 6).clone().requires_grad_()
    var = zincir.ones(6)
    y = F.batch_norm(x, zincir.zeros(6), var, training=True)
    y.sum().backward()
    assert np.isfinite(y.detach().numpy()).all()
    assert np.isfinite(x.grad.numpy()).all()
    assert (var.numpy() >= 0.0).all()


def test_one_example_that_is_far_from_the_others() -> None:
    """It begins the batch, from whose first part the number near the mean is taken."""
    x = np.random.default_rng(0).normal(size=(20000, 1)).astype(np.float32)
    x[0] += 1e4
    y = F.batch_norm(zincir.from_numpy(x), None, None, training=True, eps=0.0).numpy()
    exact = x.astype(np.float64)
    exact = (exact - exact.mean()) / exact.std()
    np.testing.assert_allclose(y, exact, 1e-5, 1e-6)


def test_nan_and_infinity_are_not_hidden() -> None:
    x = zincir.tensor([[1.0, 1.0], [float("nan"), 2.0]])
    y = F.batch_norm(x, None, None, training=True).numpy()
    assert np.isnan(y[:, 0]).all()
    assert np.isfinite(y[:, 1]).all()


def test_the_same_bits_for_any_number_of_threads() -> None:
    def bits() -> list[bytes]:
        zincir.manual_seed(0)
        x = zincir.randn(70, 6, 13, 21, requires_grad=True)
        layer = nn.BatchNorm2d(6)
        y = F.group_norm(F.instance_norm(layer(x)) * x, 2)
        (F.local_response_norm(y, 3) * x).sum().backward()
        tensors = (y.detach(), x.grad, layer.weight.grad, layer.running_mean, layer.running_var)
        return [t.numpy().tobytes() for t in tensors]

    before = zincir.get_num_threads()
    try:
        zincir.set_num_threads(1)
        one = bits()
        zincir.set_num_threads(2)
        assert bits() == one
    finally:
        zincir.set_num_threads(before)


def test_what_needs_no_gradient_gets_none() -> None:
    x = zincir.ones(2, 3, 4)
    for y in (
        F.local_response_norm(x, 3),
        F.batch_norm(x, None, None, training=True),
        F.instance_norm(x),
    ):
        assert not y.requires_grad
    with zincir.no_grad():
        assert not F.local_response_norm(leaf(2, 3, 4), 3).requires_grad


# Errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1, 1)])
def test_one_value_has_no_variance(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="expected more than 1 value per channel when training"):
        F.batch_norm(zincir.ones(*shape), None, None, training=True)
    with pytest.raises(ShapeError, match=r"more than 1 value[\s\S]*got       input \(1, 3"):
        F.group_norm(zincir.ones(*shape), 3)


def test_axes_that_do_not_fit() -> None:
    with pytest.raises(
        ShapeError, match=r"batch_norm: input has too few axes[\s\S]*unsqueeze\(0\)"
    ):
        F.batch_norm(zincir.ones(3), None, None, training=True)
    with pytest.raises(ShapeError, match="instance_norm: input has too few axes"):
        F.instance_norm(zincir.ones(2, 3))
    with pytest.raises(ShapeError, match="instance_norm: expected more than 1 spatial element"):
        F.instance_norm(zincir.ones(2, 3, 1))
    with pytest.raises(ShapeError, match=r"local_response_norm: .*\n.*\n.*length"):
        F.local_response_norm(zincir.ones(2, 3), 2)
    with pytest.raises(ShapeError, match=r"rms_norm: the last axes[\s\S]*RMSNorm\(5\)"):
        F.rms_norm(zincir.ones(3, 5), (4,))


def test_channels_that_do_not_fit() -> None:
    x = zincir.ones(2, 3, 4)
    with pytest.raises(ShapeError) as error:
        F.batch_norm(x, zincir.zeros(4), zincir.ones(4))
    lines = str(error.value).splitlines()
    assert lines[0] == "batch_norm: input has 3 channels, running_mean is for 4"
    assert lines[1].startswith("  where     ")
    assert "test_normalization.py" in lines[1]
    assert lines[3] == "  got       input (2, 3, 4), running_mean (4,)"
    with pytest.raises(ShapeError, match="weight is for 2"):
        F.instance_norm(x, weight=zincir.ones(2))
    with pytest.raises(ShapeError, match="group_norm: 3 channels cannot be cut into 2 groups"):
        F.group_norm(x, 2)
    with pytest.raises(ShapeError, match="cannot be cut into 0 groups"):
        F.group_norm(x, 0)


def test_statistics_that_are_missing() -> None:
    with pytest.raises(ArgumentError, match=r"no running statistics[\s\S]*training=True"):
        F.batch_norm(zincir.ones(2, 3), None, zincir.ones(3))
    with pytest.raises(
        ArgumentError, match=r"instance_norm: no running[\s\S]*use_input_stats=True"
    ):
        F.instance_norm(zincir.ones(2, 3, 4), use_input_stats=False)


def test_types_that_do_not_fit() -> None:
    whole = zincir.ones(2, 3, 4, dtype=zincir.int64)
    calls: list[Callable[[], Any]] = [
        lambda: F.batch_norm(whole, None, None, training=True),
        lambda: F.instance_norm(whole),
        lambda: F.group_norm(whole, 3),
        lambda: F.rms_norm(whole, (4,)),
        lambda: F.local_response_norm(whole, 2),
    ]
    for call in calls:
        with pytest.raises(
            DTypeError, match=r"_norm: input: needs a floating tensor[\s\S]*x.float"
        ):
            call()
    with pytest.raises(DTypeError, match="batch_norm: input is float64, running_mean is float32"):
        nn.BatchNorm1d(3)(zincir.ones(2, 3, dtype=double))
    with pytest.raises(DTypeError, match=r"layer_norm: input is float32, [\s\S]*x.double\(\)"):
        nn.LayerNorm(3).double()(zincir.ones(2, 3))


def test_a_size_that_is_none() -> None:
    with pytest.raises(ArgumentError, match="local_response_norm: size is not a number"):
        F.local_response_norm(zincir.ones(1, 2, 3), 0)


def test_layer_norm_shapes() -> None:
    with pytest.raises(ShapeError, match=r"the last axes[\s\S]*try       LayerNorm\(5\)"):
        nn.LayerNorm(4)(zincir.ones(3, 5))
    with pytest.raises(ShapeError, match=r"weight and bias \(5,\)"):
        F.layer_norm(zincir.ones(3, 5), (5,), zincir.ones(4))
