"""Convolutions: compiled code against the interpreter, and what a chain of layers becomes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import zincir
import zincir.nn.functional as F
from random_graphs import compiled, data
from zincir.compiler import stages
from zincir.compiler.snapshot import snapshot
from zincir.graph.node import Node
from zincir.interpret import interpret
from zincir.operations import movement as mv
from zincir.operations.convolution import convolution, convolution_p
from zincir.runtime import native

CHANNELS = st.sampled_from([1, 1, 2, 3, 7, 16, 17])


@st.composite
def problems(draw: st.DrawFn) -> tuple[Node, Node, Node]:
    """A convolution, its input and its weight, in memory in whatever order."""
    rank = draw(st.integers(1, 3))
    groups, n = draw(st.sampled_from([1, 1, 2, 17])), draw(st.sampled_from([1, 2, 8]))
    c, m = draw(CHANNELS), draw(CHANNELS)
    kernel = [draw(st.integers(1, 3)) for _ in range(rank)]
    steps, spread = ([draw(st.sampled_from([1, 1, 2, 3])) for _ in range(rank)] for _ in "sd")
    before, after = ([draw(st.integers(-1, 2)) for _ in range(rank)] for _ in "ba")
    room = draw(st.integers(0, 5))
    sizes = [
        max(1 - min(b, 0) - min(a, 0), d * (k - 1) + 1 + room - b - a)
        for k, d, b, a in zip(kernel, spread, before, after, strict=True)
    ]
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    shape = (n, *sizes, groups, c)
    order = tuple(draw(st.permutations(range(rank + 3))))
    stored = rng.standard_normal([shape[a] for a in order]).astype(np.float32)
    x = mv.permute(data(stored), tuple(order.index(a) for a in range(rank + 3)))
    w = data(rng.standard_normal((groups, m, c, *kernel)).astype(np.float32))
    w = mv.permute(w, (*range(3, rank + 3), 0, 2, 1))
    y = convolution(x, w, tuple(steps), tuple(spread), tuple(before), tuple(after))
    return y, x, w


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(problems())
def test_values_and_gradients_equal_the_interpreter(problem: tuple[Node, Node, Node]) -> None:
    y, x, w = problem
    g = data(np.random.default_rng(0).standard_normal(y.shape).astype(np.float32))
    x.needs_grad = w.needs_grad = True
    dx, dw = convolution_p.vjp(g, y, x, w, *y.attrs)
    outputs = [y, dx, dw]
    one = compiled(outputs, 1)
    for got, want in zip(one, interpret(outputs, double=True), strict=True):
        scale = max(1.0, float(np.abs(want).max(initial=0.0)))
        np.testing.assert_allclose(got, want, rtol=3e-5, atol=3e-5 * scale)
    for got, again in zip(one, compiled(outputs, 3), strict=True):
        assert got.tobytes() == again.tobytes()


def training_step() -> list[Node]:
    """Two layers with batch norm, forward and backward, on images with channels first."""
    zincir.manual_seed(0)
    x = zincir.randn(4, 3, 8, 8)
    weights = [zincir.randn(16, 3, 3, 3), zincir.randn(16, 16, 3, 3)]
    for w in weights:
        w.requires_grad_()
    for t in (x, *weights):
        t.detach().numpy()
    y = x
    for w in weights:
        y = F.relu(F.batch_norm(F.conv2d(y, w, padding=1), None, None, training=True))
    y.mean((2, 3)).square().sum().backward()
    return [w.grad._node for w in weights]


def test_between_convolutions_nothing_is_put_into_another_order() -> None:
    text = stages(snapshot(training_step()).graph())
    groups = text["fuse"].splitlines()
    # Forward two, gradients of two weights, and of one input.
    assert sum("matmul" in line for line in groups) == 5
    # Everything as large as an image is computed with its 16 channels last.
    images = [line for line in groups if "[4, 8, 8, " in line or "[4, 16, 8, 8" in line]
    assert images
    assert not [line for line in groups if "[4, 16, 8, 8" in line or "copy[4," in line]


def test_a_convolution_of_single_channels_is_one_loop_nest() -> None:
    x, w = zincir.randn(2, 16, 8, 8), zincir.randn(16, 1, 3, 3)
    for t in (x, w):
        t.numpy()
    y = F.conv2d(x, w, padding=1, groups=16)
    text = stages(snapshot([y._node]).graph())
    assert "matmul" not in text["fuse"]
    assert [line.split()[0] for line in text["fuse"].splitlines()] == ["assembly", "nest"]


@pytest.mark.parametrize("batch", [1, 5])
def test_another_batch_size_compiles_nothing(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(n: int) -> None:
        x, w = zincir.randn(n, 8, 12, 12), zincir.randn(32, 8, 3, 3, requires_grad=True)
        F.conv2d(x, w, padding=1).square().sum().backward()
        w.grad.numpy()

    run(16)
    seen: list[str] = []
    link = native._link

    def counted(*args: object) -> object:
        seen.append(str(args[1]))
        return link(*args)

    monkeypatch.setattr(native, "_link", counted)
    run(16 - batch)
    assert not seen
