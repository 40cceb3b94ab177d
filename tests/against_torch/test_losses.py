"""Losses beside PyTorch: what its own samples of modules leave out."""

import itertools
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch

REDUCTIONS = ("none", "mean", "sum")


def numbers(*shape: int, seed: int = 0, whole: bool = False) -> np.ndarray:
    drawn = np.random.default_rng(seed).uniform(-3, 3, shape)
    return np.round(drawn) / 2 if whole else drawn


def both(name: str, *given: Any, fixed: int = -1, **options: Any) -> None:
    """The same result, and the same gradients of all that is floating but not `fixed`."""
    answers = []
    for library in (zincir, torch):
        args = [library.tensor(a) if isinstance(a, np.ndarray) else a for a in given]
        free = [a for k, a in enumerate(args) if isinstance(a, library.Tensor) and k != fixed]
        moved = [a for a in free if a.dtype.is_floating_point]
        for a in moved:
            a.requires_grad_()
        y = getattr(library.nn.functional, name)(*args, **options)
        weights = np.linspace(0.5, 1.5, y.numel()).reshape(tuple(y.shape))
        (y * library.tensor(weights)).sum().backward()
        grads = [None if a.grad is None else a.grad.numpy() for a in moved]
        answers.append((y.detach().numpy(), grads))
    (mine, my_grads), (other, other_grads) = answers
    assert mine.shape == other.shape
    np.testing.assert_allclose(mine, other, 1e-9, 1e-12)
    for a, b in zip(my_grads, other_grads, strict=True):
        if b is not None:
            np.testing.assert_allclose(a, b, 1e-9, 1e-12)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("whole", [False, True])  # whole numbers meet the corners
def test_margins(reduction: str, whole: bool) -> None:
    x, y = numbers(4, 5, whole=whole), numbers(4, 5, seed=1, whole=whole)
    sign = np.array([[1.0, -1, 1, -1, 0]]).repeat(4, 0)
    both("hinge_embedding_loss", x, sign, 0.5, reduction=reduction)
    both("margin_ranking_loss", x, y, sign, 0.5, reduction=reduction)
    both("soft_margin_loss", x, sign, fixed=1, reduction=reduction)
    label = np.array([0, 4, 2, 2])
    for p, margin in ((1, 1.0), (2, 0.5)):
        both(
            "multi_margin_loss",
            x,
            label,
            p,
            margin,
            numbers(5, seed=3),
            fixed=4,
            reduction=reduction,
        )
    both("multi_margin_loss", x[0], np.array(4), reduction=reduction)
    both("multi_margin_loss", x[0], label[1:2], reduction=reduction)
    both("multi_margin_loss", x[:1], np.array(4), reduction=reduction)
    rows = np.array([[1, 1, 0, -1, 4], [-1, 0, 1, 2, 3], [0, 1, 2, 3, 4], [3, -1, -1, 2, 2]])
    both("multilabel_margin_loss", x, rows, reduction=reduction)
    both("multilabel_margin_loss", x[3], rows[3], reduction=reduction)
    target = (sign > 0).astype(float)
    both("multilabel_soft_margin_loss", x, target, numbers(5, seed=4), reduction=reduction)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_likelihoods(reduction: str) -> None:
    x, count = numbers(3, 4), np.array([[0.0, 1, 2, 5]]).repeat(3, 0)
    for full in (False, True):
        both("poisson_nll_loss", x, count, True, full, fixed=1, reduction=reduction)
        both("poisson_nll_loss", abs(x), count, False, full, fixed=1, reduction=reduction)
        for var in (abs(x), abs(x[:, :1]), abs(x[:1]), abs(x[:, 0]), 0.5, np.zeros((3, 4))):
            both("gaussian_nll_loss", x, count, var, full, reduction=reduction)
    both("kl_div", x, np.array([0.0, 0.5, 0.25, 0.25])[None].repeat(3, 0), reduction="sum")


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_pairs_and_triplets(reduction: str) -> None:
    a, b, c = numbers(4, 5), numbers(4, 5, seed=1), numbers(4, 5, seed=2)
    both("cosine_embedding_loss", a, b, np.array([1, -1, 1, -1]), 0.2, reduction=reduction)
    both("cosine_embedding_loss", a[0], b[0], np.array(-1), reduction=reduction)
    for p, swap in itertools.product((1.0, 2.0, 3.0), (False, True)):
        options = {"margin": 2.0, "p": p, "swap": swap, "reduction": reduction}
        both("triplet_margin_loss", a, b, c, **options)
        both("triplet_margin_loss", a[0], b[0], c[0], **options)
    both("triplet_margin_with_distance_loss", a, b, c, swap=True, reduction=reduction)
    distance = {"distance_function": lambda x, y: (x * y).sum(-1)}
    both("triplet_margin_with_distance_loss", a, b, c, **distance, reduction=reduction)


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0, float("inf")])
def test_distances(p: float) -> None:
    a, b = numbers(4, 5), numbers(4, 5, seed=1)
    both("pairwise_distance", a, b, p)
    both("pairwise_distance", a, b[0], p, 0.1, True)
    both("pdist", a, p)
    both("pdist", a[:1], p)


LENGTHS = [((12, 12, 12), (3, 3, 3)), ((12, 7, 5), (3, 0, 2)), ((2, 12, 0), (3, 1, 0))]


@pytest.mark.parametrize(("times", "lengths"), LENGTHS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("forgiving", [False, True])
def test_ctc(times: Any, lengths: Any, reduction: str, forgiving: bool) -> None:
    logits, labels = numbers(12, 3, 5), np.array([[1, 1, 2], [3, 4, 4], [2, 4, 2]])
    joined = np.concatenate([row[:n] for row, n in zip(labels, lengths, strict=True)])
    answers = []
    for library in (zincir, torch):
        for given in (labels, joined):
            for kind in (tuple, library.tensor):
                x = library.tensor(logits, requires_grad=True)
                loss = library.nn.functional.ctc_loss(
                    x.log_softmax(-1),
                    library.tensor(given),
                    kind(times),
                    kind(lengths),
                    blank=0,
                    reduction=reduction,
                    zero_infinity=forgiving,
                )
                loss.sum().backward()
                answers.append((loss.detach().numpy(), x.grad.numpy()))
    for mine, other in zip(answers[:4], answers[4:], strict=True):
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_allclose(a, b, 1e-7, 1e-10)


def test_ctc_of_one_sample_and_its_own_gradient() -> None:
    logs = torch.tensor(numbers(6, 4)).log_softmax(-1).numpy()
    for reduction in REDUCTIONS:
        both("ctc_loss", logs, np.array([1, 2]), np.array(6), np.array(2), reduction=reduction)


def test_layers_have_the_arguments_of_pytorch() -> None:
    a, b, c = (zincir.tensor(numbers(4, 5, seed=k)) for k in range(3))
    x, y, z = (torch.tensor(numbers(4, 5, seed=k)) for k in range(3))
    options = {"margin": 0.5, "p": 1.0, "swap": True, "reduction": "sum"}
    mine = nn.TripletMarginLoss(**options)(a, b, c)
    np.testing.assert_allclose(mine.item(), torch.nn.TripletMarginLoss(**options)(x, y, z).item())
    mine = nn.TripletMarginWithDistanceLoss(margin=3.0)(a, b, c)
    theirs = torch.nn.TripletMarginWithDistanceLoss(margin=3.0)(x, y, z)
    np.testing.assert_allclose(mine.item(), theirs.item())
