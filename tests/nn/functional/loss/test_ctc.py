"""Connectionist temporal classification: all alignments, counted one by one."""

import itertools

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.autograd import gradcheck
from zincir.errors import ArgumentError, DTypeError, GradientError, ShapeError

F = nn.functional


def read(path: tuple[int, ...]) -> list[int]:
    """What a path of classes says: without repetitions, then without blanks (0)."""
    return [c for c, _ in itertools.groupby(path) if c]


@pytest.mark.parametrize("labels", [[], [1], [1, 2], [1, 1], [2, 1, 2]])
def test_it_is_the_sum_over_all_alignments(labels: list[int]) -> None:
    logits = np.random.default_rng(0).standard_normal((4, 3))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    paths = itertools.product(range(3), repeat=4)
    total = sum(
        np.prod([p[t, c] for t, c in enumerate(path)]) for path in paths if read(path) == labels
    )
    given = zincir.tensor(np.array(labels, np.int64).reshape(1, -1))
    x = zincir.tensor(logits).log_softmax(-1).unsqueeze(1)
    loss = F.ctc_loss(x, given, [4], [len(labels)], reduction="sum")
    assert loss.item() == pytest.approx(-np.log(total), rel=1e-12)


def test_gradient_of_logits() -> None:
    x = np.random.default_rng(1).standard_normal((5, 2, 3))
    targets = zincir.tensor([[1, 2], [2, 2]])

    def loss(logits: zincir.Tensor) -> zincir.Tensor:
        return F.ctc_loss(logits.log_softmax(-1), targets, (5, 4), (2, 2), reduction="none")

    assert gradcheck(loss, (zincir.tensor(x).requires_grad_(),))


def test_it_is_part_of_a_compiled_step() -> None:
    head, targets = nn.Linear(4, 3), zincir.tensor([[1, 2], [2, 1]])
    optimizer = zincir.optim.SGD(head.parameters(), lr=0.5)

    @zincir.compile(fullgraph=True)
    def step(x: zincir.Tensor, times: zincir.Tensor) -> zincir.Tensor:
        optimizer.zero_grad()
        loss = F.ctc_loss(head(x).log_softmax(-1), targets, times, (2, 2))
        loss.backward()
        optimizer.step()
        return loss

    x = zincir.randn(6, 2, 4)
    losses = [step(x, zincir.tensor([6, 5])).item() for _ in range(40)]
    assert losses[-1] < 0.6 * losses[0]


def test_what_it_refuses() -> None:
    x = zincir.zeros(5, 2, 4).log_softmax(-1)
    y = zincir.tensor([[1, 2], [3, 3]])
    for times, lengths, words in (
        ((5, 6), (2, 2), "input_lengths are out of range"),
        ((5, 5), (2, 3), "target_lengths are out of range"),
        ((5, -1), (2, 2), "expected  0 to 5"),
    ):
        with pytest.raises(ArgumentError, match=words):
            F.ctc_loss(x, y, times, lengths).item()
    with pytest.raises(ArgumentError, match=r"targets are out of range[\s\S]*0 to 3[\s\S]*1 to 9"):
        F.ctc_loss(x, zincir.tensor([[1, 2], [9, 3]]), (5, 5), (2, 2)).item()
    with pytest.raises(ArgumentError, match="targets and target_lengths disagree"):
        F.ctc_loss(x, zincir.tensor([1, 2, 3]), (5, 5), (2, 2)).item()
    with pytest.raises(ArgumentError, match="blank is no class"):
        F.ctc_loss(x, y, (5, 5), (2, 2), blank=4)
    with pytest.raises(ShapeError, match="input_lengths do not fit"):
        F.ctc_loss(x, y, (5, 5, 5), (2, 2))
    with pytest.raises(DTypeError, match="target_lengths are not integers"):
        F.ctc_loss(x, y, (5, 5), zincir.tensor([2.0, 2.0]))
    logits = zincir.zeros(5, 2, 4, requires_grad=True)
    loss = F.ctc_loss(logits.log_softmax(-1), y, (5, 5), (2, 2))
    (slope,) = zincir.autograd.grad(loss, logits, create_graph=True)
    with pytest.raises(GradientError, match="its gradient has no gradient"):
        slope.sum().backward()
