"""Convolutions of 3x3 taps by transformed tiles: where they are used, and what they give."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings as hypothesis_settings, strategies as st

import zincir
import zincir.nn.functional as F
from random_graphs import compiled, data
from zincir import settings
from zincir.compiler import stages
from zincir.compiler.snapshot import snapshot
from zincir.graph.node import Node
from zincir.interpret import interpret
from zincir.operations import elementwise as el
from zincir.operations.convolution import convolution, convolution_p
from zincir.operations.movement import permute, reshape
from zincir.operations.winograd import (
    winograd_p,
    winograd_sums_p,
    winograd_taps_p,
    winograd_weight_p,
)

Shape = tuple[int, ...]


def problem(n: int, high: int, wide: int, c: int, m: int, pad: int = 1) -> list[Node]:
    """A result of so many places, and both gradients; operands are computed, not given."""
    rng = np.random.default_rng(n + high + wide + c + m)
    room = (n, high + 2 - 2 * pad, wide + 2 - 2 * pad, 1, c)
    x = el.tanh(data(rng.standard_normal(room).astype(np.float32)))
    w = data((rng.standard_normal((m, c, 3, 3)) / np.sqrt(9 * c)).astype(np.float32))
    kernel = reshape(permute(w, (2, 3, 1, 0)), (3, 3, 1, c, m))
    y = convolution(x, kernel, (1, 1), (1, 1), (pad, pad), (pad, pad))
    x.needs_grad = kernel.needs_grad = True
    g = el.tanh(data(rng.standard_normal(y.shape).astype(np.float32)))
    assert convolution_p.vjp is not None
    return [y, *convolution_p.vjp(g, y, x, kernel, *y.attrs)]


def kernels(outputs: list[Node]) -> set[str]:
    """The transforms that a program of `outputs` calls."""
    text = stages(snapshot(outputs).graph())["legalise"]
    names = (winograd_p, winograd_sums_p, winograd_taps_p, winograd_weight_p)
    return {p.name for p in names if f"= {p.name} " in text}


EVERY = {"winograd", "winograd_sums", "winograd_taps", "winograd_weight"}


@pytest.mark.parametrize(
    "shape",
    [
        (1, 16, 16, 32, 32),
        (3, 10, 14, 48, 32),
        (16, 4, 4, 32, 80),
        (7, 22, 2, 64, 32),
        (13, 8, 8, 32, 32),
        (2, 16, 16, 320, 320),
        (5, 7, 7, 48, 64),
        (2, 15, 8, 32, 32),
        (4, 6, 13, 64, 32, 0),
        (9, 5, 5, 32, 32),
        (64, 2, 2, 96, 48),
        (4, 16, 8, 160, 256),
        (5, 8, 8, 64, 64, 0),
        (4, 12, 12, 32, 64, 2),
    ],
    ids=str,
)
def test_values_and_gradients(shape: Shape) -> None:
    outputs = problem(*shape)
    assert kernels(outputs) == EVERY
    one = compiled(outputs, 1)
    for got, want in zip(one, interpret(outputs, double=True), strict=True):
        scale = float(np.abs(want).max())
        np.testing.assert_allclose(got, want, rtol=0, atol=4e-6 * scale)
    for threads in (2, 3, 20):
        for got, again in zip(one, compiled(outputs, threads), strict=True):
            assert got.tobytes() == again.tobytes()


@hypothesis_settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(1, 20),
    st.integers(1, 17),
    st.integers(1, 17),
    st.sampled_from([16, 32, 48, 96]),
    st.sampled_from([16, 32, 64, 80]),
    st.integers(0, 2),
    st.integers(1, 4),
)
def test_any_shape(n: int, high: int, wide: int, c: int, m: int, pad: int, threads: int) -> None:
    assume(min(high, wide) + 2 - 2 * pad > 0)
    outputs = problem(n, high, wide, c, m, pad)
    for got, want in zip(compiled(outputs, threads), interpret(outputs, double=True), strict=True):
        scale = float(np.abs(want).max())
        np.testing.assert_allclose(got, want, rtol=0, atol=6e-6 * scale)


def test_rounding_is_near_that_of_plain_sums() -> None:
    outputs = problem(4, 16, 16, 64, 64)
    exact = interpret(outputs, double=True)
    tiled = compiled(outputs, 2)
    with settings.using(winograd=False):
        plain = compiled(outputs, 2)
    for a, b, want in zip(tiled, plain, exact, strict=True):
        errors = [float(np.sqrt(np.mean((got - want) ** 2))) for got in (a, b)]
        assert errors[0] < 1.5 * errors[1]


@pytest.mark.parametrize("target", ["avx2", "generic"])
def test_narrower_vectors_give_the_same_bits(target: str) -> None:
    outputs = problem(2, 12, 16, 32, 48)
    wide = compiled(outputs, 2)
    with settings.using(target=target):
        narrow = compiled(outputs, 2)
    assert [a.tobytes() for a in wide] == [a.tobytes() for a in narrow]


@pytest.mark.parametrize(
    "shape",
    [
        (64, 3, 3, 32, 32),
        (8, 16, 16, 24, 32),
        (8, 16, 16, 32, 16),
        (1, 8, 8, 64, 64),
        (1, 16, 16, 256, 256),
    ],
    ids=["mostly edge", "ragged channels", "few channels", "few tiles", "few for its channels"],
)
def test_others_are_plain_sums(shape: Shape) -> None:
    outputs = problem(*shape)
    assert not kernels(outputs)


def test_strides_dilation_groups_and_double_precision_are_plain_sums() -> None:
    x, w = zincir.randn(4, 64, 32, 32), zincir.randn(64, 64, 3, 3)
    results = [
        F.conv2d(x, w, stride=2, padding=1),
        F.conv2d(x, w, dilation=2, padding=2),
        F.conv2d(x, zincir.randn(64, 32, 3, 3), groups=2, padding=1),
        F.conv2d(x.double(), w.double(), padding=1),
    ]
    for y in results:
        assert not kernels([y._node])


def test_channels_first_from_outside_are_laid_out_for_them() -> None:
    x, w = zincir.randn(2, 32, 16, 16), zincir.randn(32, 32, 3, 3)
    y = F.conv2d(x, w, padding=1)
    assert kernels([y._node]) == {"winograd", "winograd_weight"}
    (want,) = interpret([y._node], double=True)
    np.testing.assert_allclose(y.numpy(), want, rtol=0, atol=1e-4)


def test_a_setting_turns_them_off() -> None:
    outputs = problem(1, 16, 16, 32, 32)
    with settings.using(winograd=False):
        assert not kernels(outputs)
    assert kernels(outputs) == EVERY


def test_what_follows_runs_behind_each_block() -> None:
    rng = np.random.default_rng(0)
    x = data(rng.standard_normal((3, 16, 16, 1, 32)).astype(np.float32))
    w = data(rng.standard_normal((3, 3, 1, 32, 32)).astype(np.float32))
    bias = data(rng.standard_normal(32).astype(np.float32))
    y = convolution(x, w, (1, 1), (1, 1), (1, 1), (1, 1))
    z = el.tanh(y + bias) + x
    again = convolution(z, w, (1, 1), (1, 1), (1, 1), (1, 1))
    outputs = [z, again]
    text = stages(snapshot(outputs).graph())["fuse"]
    assert any(
        line.startswith("matmul") and "winograd[" in line and "add[" in line
        for line in text.splitlines()
    )
    for got, want in zip(compiled(outputs, 2), interpret(outputs, double=True), strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=4e-6 * float(np.abs(want).max()))


def test_infinities_stay_within_their_tiles() -> None:
    x = np.ones((1, 32, 16, 16), np.float32)
    x[0, 3, 8, 8] = np.inf
    w = zincir.ones(32, 32, 3, 3)
    y = F.conv2d(zincir.tensor(x), w, padding=1).numpy()
    bad = ~np.isfinite(y).all((0, 1))
    assert bad[7:10, 7:10].all()
    assert not bad[:6].any()
    assert not bad[10:].any()
    assert not bad[:, :6].any()
    assert not bad[:, 10:].any()


def test_second_derivatives() -> None:
    def penalty(conv_settings: bool) -> np.ndarray:
        with settings.using(winograd=conv_settings):
            rng = np.random.default_rng(0)
            x = zincir.tensor(rng.standard_normal((2, 32, 12, 12)).astype(np.float32))
            k = (rng.standard_normal((32, 32, 3, 3)) / 17).astype(np.float32)
            w = zincir.tensor(k, requires_grad=True)
            x.requires_grad = True
            y = zincir.tanh(F.conv2d(x, w, padding=1))
            (dx,) = zincir.autograd.grad((y * y).sum(), [x], create_graph=True)
            (dx * dx).sum().backward()
            assert w.grad is not None
            return w.grad.numpy()

    tiled, plain = penalty(True), penalty(False)
    assert tiled.tobytes() != plain.tobytes()
    np.testing.assert_allclose(tiled, plain, rtol=0, atol=2e-5 * float(np.abs(plain).max()))
