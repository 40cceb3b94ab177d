"""Losses with margins, of pairs and triplets, of overlaps: by hand, and what they refuse."""

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.autograd import gradcheck
from zincir.errors import ArgumentError, IndexOutOfRange, ShapeError

F = nn.functional
X = np.random.default_rng(0).standard_normal((4, 3))


def test_focal_loss_by_its_formula() -> None:
    t = np.array([[1.0, 0.0, 1.0]]).repeat(4, 0)
    p = 1 / (1 + np.exp(-X))
    right = np.where(t == 1, p, 1 - p)
    expected = -np.where(t == 1, 0.25, 0.75) * (1 - right) ** 2 * np.log(right)
    mine = F.sigmoid_focal_loss(zincir.tensor(X), zincir.tensor(t))
    np.testing.assert_allclose(mine.numpy(), expected, 1e-12)
    plain = F.sigmoid_focal_loss(zincir.tensor(X), zincir.tensor(t), -1, 0, "mean")
    entropy = F.binary_cross_entropy_with_logits(zincir.tensor(X), zincir.tensor(t))
    assert plain.item() == pytest.approx(entropy.item(), rel=1e-12)
    assert nn.SigmoidFocalLoss()(zincir.tensor(X), zincir.tensor(t)).item() == pytest.approx(
        expected.mean()
    )


def test_dice_loss_by_its_formula() -> None:
    x, t = np.abs(X).reshape(2, 2, 3) / 4, (X > 0).astype(float).reshape(2, 2, 3)
    expected = 1 - (2 * (x * t).sum(-1) + 0.5) / (x.sum(-1) + t.sum(-1) + 0.5)
    mine = F.dice_loss(zincir.tensor(x), zincir.tensor(t), 0.5, "none")
    np.testing.assert_allclose(mine.numpy(), expected, 1e-12)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_quantile_loss_is_least_at_the_quantile(q: float) -> None:
    sample = zincir.from_numpy(np.arange(101.0))
    costs = [F.quantile_loss(zincir.full_like(sample, k), sample, q).item() for k in range(101)]
    assert int(np.argmin(costs)) == round(100 * q)


def test_gradients() -> None:
    x, y = zincir.tensor(X).requires_grad_(), zincir.tensor(X[::-1].copy()).requires_grad_()
    t = zincir.tensor((X > 0).astype(float))
    for loss in (
        lambda x, y: F.sigmoid_focal_loss(x, t, gamma=1.5),
        lambda x, y: F.dice_loss(x.sigmoid(), t),
        lambda x, y: F.quantile_loss(x, y, 0.3),
        lambda x, y: F.cosine_embedding_loss(x, y, zincir.tensor([1, -1, 1, -1])),
        lambda x, y: F.triplet_margin_loss(x, y, t, margin=5.0),
        lambda x, y: F.gaussian_nll_loss(x, t, y.exp()),
        lambda x, y: F.pdist(x, 3.0),
    ):
        assert gradcheck(lambda x, y, loss=loss: loss(x, y).reshape(-1), (x, y))


def test_labels_that_are_no_classes() -> None:
    x = zincir.tensor(X)
    with pytest.raises(IndexOutOfRange, match="label: value 3"):
        F.multi_margin_loss(x, zincir.tensor([0, 1, 2, 3])).item()
    with pytest.raises(IndexOutOfRange, match="label: value -2"):
        F.multilabel_margin_loss(x[0], zincir.tensor([0, -1, -2])).item()


def test_what_does_not_fit() -> None:
    x = zincir.tensor(X)
    for call, words in (
        (
            lambda: F.multi_margin_loss(x, zincir.tensor([0, 1])),
            "integers \\(4,\\)",
        ),
        (
            lambda: F.multi_margin_loss(x, zincir.ones(4)),
            "got       input \\(4, 3\\), target float32",
        ),
        (lambda: F.multilabel_margin_loss(x, zincir.tensor([0, 1])), "integers \\(4, 3\\)"),
        (lambda: F.cosine_embedding_loss(x, x, zincir.ones(4, 1)), "inputs \\(N, D\\) and target"),
        (lambda: F.triplet_margin_loss(x, x[0], x), "different numbers of axes"),
        (lambda: F.margin_ranking_loss(x, x, zincir.ones(3)), "different numbers of axes"),
        (lambda: F.gaussian_nll_loss(x, x, zincir.ones(3)), "var does not fit the input"),
        (
            lambda: F.linear_cross_entropy(x, x[:, :2], zincir.ones(4).long()),
            "does not fit the input",
        ),
        (lambda: F.pdist(x[0]), "no matrix"),
    ):
        with pytest.raises(ShapeError, match=words):
            call()


def test_settings_out_of_range() -> None:
    x = zincir.tensor(X)
    for call, words in (
        (lambda: F.multi_margin_loss(x, zincir.tensor([0, 1, 2, 0]), p=3), "p is not 1 or 2"),
        (lambda: nn.MultiMarginLoss(p=3), "p is not 1 or 2"),
        (lambda: nn.TripletMarginLoss(margin=0), "margin is not positive"),
        (lambda: F.triplet_margin_loss(x, x, x, margin=-1.0), "margin is not positive"),
        (lambda: F.gaussian_nll_loss(x, x, -x.abs()).item(), "var is negative"),
        (lambda: F.gaussian_nll_loss(x, x, -0.5).item(), "var is negative"),
        (lambda: F.gaussian_nll_loss(x, x, x, eps=0.0), "eps is not positive"),
        (lambda: F.quantile_loss(x, x, 1.0), "quantile is out of range"),
        (lambda: F.soft_margin_loss(x, x, reduction="nope"), "reduction is not known"),
    ):
        with pytest.raises(ArgumentError, match=words):
            call()
