"""Gradients clipped: by norm and by value, alone and within compiled steps."""

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import GradientError
from zincir.nn.utils import clip_grad_norm_, clip_grad_value_, get_total_norm


def with_gradients(*grads: list[float]) -> list[zincir.Tensor]:
    out = [zincir.zeros(len(g), requires_grad=True) for g in grads]
    for p, g in zip(out, grads, strict=True):
        p.grad = zincir.tensor(g)
    return out


@pytest.mark.parametrize("kind", [1.0, 2.0, 3.5, float("inf"), "inf", 0.0])
def test_the_norm_is_that_of_one_long_vector(kind) -> None:
    numbers = [[3.0, -4.0], [0.5], [2.0, 1.0, -7.0]]
    parameters = with_gradients(*numbers)
    flat = np.concatenate(numbers)
    expected = float(kind) and np.linalg.norm(flat, float(kind))
    norm = clip_grad_norm_(parameters, 1.5, kind)
    if kind:
        assert norm.item() == pytest.approx(expected, rel=1e-6)
        clipped = np.concatenate([p.grad.numpy() for p in parameters])
        np.testing.assert_allclose(clipped, flat * 1.5 / (expected + 1e-6), 1e-6)
    else:
        assert norm.item() == 3  # of three norms that are not 0


def test_small_gradients_stay_and_missing_ones_do_not_count() -> None:
    parameters = [*with_gradients([0.25, 0.5]), zincir.zeros(2, requires_grad=True)]
    grad = parameters[0].grad
    assert clip_grad_norm_(parameters, 10.0).item() == pytest.approx(np.hypot(0.25, 0.5))
    assert grad.tolist() == [0.25, 0.5]
    assert parameters[0].grad is grad
    assert parameters[1].grad is None
    assert clip_grad_norm_([], 1.0).item() == 0.0
    with pytest.warns(UserWarning, match="empty generator"):
        clip_grad_norm_((p for p in ()), 1.0)


def test_norms_that_are_not_finite() -> None:
    (p,) = with_gradients([float("inf"), 1.0])
    with pytest.raises(GradientError, match="not finite, so they cannot be clipped"):
        clip_grad_norm_(p, 1.0, error_if_nonfinite=True)
    assert p.grad.tolist() == [float("inf"), 1.0]
    assert clip_grad_norm_(p, 1.0).item() == float("inf")
    np.testing.assert_array_equal(p.grad.numpy(), [np.nan, 0.0])


def test_values() -> None:
    parameters = with_gradients([5.0, -0.5], [-3.0])
    clip_grad_value_(parameters, 1)
    assert [p.grad.tolist() for p in parameters] == [[1.0, -0.5], [-1.0]]


def step_of(net, optimizer, clip):
    def step(x):
        optimizer.zero_grad()
        loss = net(x).square().mean()
        loss.backward()
        norm = clip(net.parameters())
        optimizer.step()
        return loss, norm

    return step


@pytest.mark.parametrize("strict", [False, True])
def test_a_compiled_step_clips_too(strict) -> None:
    def clip(parameters):
        return clip_grad_norm_(parameters, 0.1, error_if_nonfinite=strict)

    answers = []
    for wrap in (lambda f: f, zincir.compile(fullgraph=True)):
        zincir.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
        step = wrap(step_of(net, zincir.optim.Adam(net.parameters(), 0.1), clip))
        got = [[v.item() for v in step(zincir.ones(3, 4) * k)] for k in range(1, 6)]
        answers.append(got)
    np.testing.assert_allclose(answers[0], answers[1], 1e-5)
    if strict:
        with pytest.raises(RuntimeError, match="not finite, so they cannot be clipped"):
            step(zincir.ones(3, 4) * float("nan"))[1].item()


def test_the_norm_of_any_tensors() -> None:
    assert get_total_norm(zincir.tensor([3.0, 4.0])).item() == 5.0
    both = [zincir.ones(2, dtype=zincir.float64), zincir.ones(2)]
    assert get_total_norm(both).item() == pytest.approx(2.0)
