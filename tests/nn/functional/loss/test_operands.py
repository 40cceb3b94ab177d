"""Losses between two tensors: shapes, types and factors that do not fit, and derivatives."""

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.autograd import gradcheck, gradgradcheck
from zincir.errors import DTypeError, ShapeError

F = nn.functional


PAIRS = (
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div",
    "binary_cross_entropy", "binary_cross_entropy_with_logits",
)  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_no_silent_broadcast(name: str) -> None:
    loss = getattr(F, name)
    with pytest.raises(ShapeError) as error:
        loss(zincir.ones(5, 1), zincir.ones(5))
    text = str(error.value)
    assert text.startswith(f"{name}: input and target have different shapes")
    assert "would have broadcast to (5, 5)" in text
    assert "try       input.squeeze(-1), or target.unsqueeze(-1)" in text
    with pytest.raises(ShapeError, match=r"target.squeeze\(-1\)"):
        loss(zincir.ones(5), zincir.ones(5, 1))
    with pytest.raises(ShapeError, match="make both the same shape"):
        loss(zincir.ones(5), zincir.ones(4))


@pytest.mark.parametrize("name", PAIRS)
def test_targets_that_are_whole_numbers(name: str) -> None:
    loss = getattr(F, name)
    if name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
        assert loss(zincir.ones(5), zincir.tensor([2] * 5)).dtype is zincir.float32
        assert loss(zincir.ones(5), zincir.tensor([1] * 5)).item() == 0.0
        return
    with pytest.raises(DTypeError, match=r"target is not floating[\s\S]*target.float\(\)"):
        loss(zincir.ones(5), zincir.tensor([1] * 5))


@pytest.mark.parametrize("name", [n for n in PAIRS if n not in ("l1_loss", "kl_div")])
def test_second_order(name: str) -> None:
    low = name == "binary_cross_entropy"
    x = np.random.default_rng(0).uniform(0.2 if low else -3, 0.8 if low else 3, 6)
    target = zincir.from_numpy(np.random.default_rng(1).uniform(0, 1, 6))
    loss = lambda x: getattr(F, name)(x, target).reshape(1)  # noqa: E731
    assert gradcheck(loss, (zincir.from_numpy(x).requires_grad_(),))
    assert gradgradcheck(loss, (zincir.from_numpy(x).requires_grad_(),))


@pytest.mark.parametrize("name", ["softplus", "logsigmoid", "binary_cross_entropy_with_logits"])
def test_derivatives_at_zero(name: str) -> None:
    x = zincir.zeros(1, dtype=zincir.float64, requires_grad=True)
    target = zincir.zeros(1, dtype=zincir.float64)
    y = getattr(F, name)(x, target) if name.startswith("bin") else getattr(F, name)(x)
    (first,) = zincir.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = zincir.autograd.grad(first.sum(), x)
    assert first.item() == 0.5
    assert second.item() == (-0.25 if name == "logsigmoid" else 0.25)


def test_logits_far_out() -> None:
    x = zincir.tensor([-200.0, 200.0, 15.0], requires_grad=True)
    t = zincir.tensor([0.0, 1.0, 1.0])
    loss = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    assert loss.tolist()[:2] == [0.0, 0.0]
    assert loss[2].item() == pytest.approx(3.059e-7, rel=1e-3)
    loss.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_factors_that_do_not_fit() -> None:
    x = zincir.zeros(4, 3)
    with pytest.raises(ShapeError, match="pos_weight does not fit the input"):
        F.binary_cross_entropy_with_logits(x, x, pos_weight=zincir.ones(4))
    with pytest.raises(ShapeError, match="weight does not fit"):
        nn.BCELoss(weight=zincir.ones(2, 4, 3))(x, x)
