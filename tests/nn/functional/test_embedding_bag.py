"""Bags of embeddings within compiled steps; what they refuse."""

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError

F = nn.functional
TABLE = zincir.tensor(np.arange(12.0).reshape(6, 2))


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_a_compiled_step_is_the_plain_one(mode: str) -> None:
    index = zincir.tensor([1, 2, 4, 5, 4])
    answers = []
    for wrap in (lambda f: f, zincir.compile(fullgraph=True)):
        zincir.manual_seed(0)
        bag = nn.EmbeddingBag(6, 3, mode=mode)
        optimizer = zincir.optim.Adam(bag.parameters(), 0.1)

        def step(index, offsets, bag=bag, optimizer=optimizer):
            optimizer.zero_grad()
            loss = bag(index, offsets).square().sum()
            loss.backward()
            optimizer.step()
            return loss

        run = wrap(step)
        ends = [[0, 2, 2], [0, 1, 4], [0, 0, 3], [0, 5, 5]]
        answers.append([run(index, zincir.tensor(e)).item() for e in ends])
    np.testing.assert_allclose(answers[0], answers[1], 1e-5)


def test_gumbel_softmax_chooses_by_probabilities() -> None:
    logits = zincir.tensor([[0.0, 1.0, -1.0]]).expand(20000, 3).clone().requires_grad_()
    hard = F.gumbel_softmax(logits, hard=True)
    assert set(hard.detach().sum(1).tolist()) == {1.0}
    shares = hard.detach().mean(0).numpy()
    np.testing.assert_allclose(shares, F.softmax(logits[0], 0).detach().numpy(), atol=0.015)
    (hard * zincir.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert logits.grad.abs().sum().item() > 0


def test_random_slopes_lie_between_the_bounds() -> None:
    y = nn.RReLU(0.25, 0.75)(zincir.full((1000,), -1.0))
    assert 0.25 <= -y.max().item() < -y.min().item() <= 0.75
    assert nn.RReLU()(zincir.ones(3)).tolist() == [1.0] * 3


def test_what_does_not_fit() -> None:
    index, offsets = zincir.tensor([1, 2, 3]), zincir.tensor([0, 1])
    for call, error, words in (
        (lambda: F.embedding_bag(index, TABLE), ShapeError, r"offsets None"),
        (lambda: F.embedding_bag(index.reshape(1, 3), TABLE, offsets), ShapeError, "do not fit"),
        (lambda: F.embedding_bag(index.float(), TABLE, offsets), DTypeError, "not whole numbers"),
        (lambda: F.embedding_bag(index, TABLE, offsets, mode="x"), ArgumentError, "'sum', 'mean'"),
        (
            lambda: F.embedding_bag(index, TABLE, offsets, per_sample_weights=zincir.ones(3)),
            ArgumentError,
            "'sum' beside per_sample_weights",
        ),
        (
            lambda: F.embedding_bag(index, TABLE, offsets, mode="max", sparse=True),
            ArgumentError,
            "neither scaled nor sparse",
        ),
        (
            lambda: F.embedding_bag(index, TABLE, zincir.tensor([1, 2])).tolist(),
            ArgumentError,
            "offsets do not begin with 0",
        ),
        (
            lambda: F.embedding_bag(index, TABLE, zincir.tensor([0, 2, 1])).tolist(),
            ArgumentError,
            "or fall",
        ),
        (
            lambda: F.embedding_bag(index, TABLE, zincir.tensor([0, 4])).tolist(),
            IndexOutOfRange,
            "offsets: value 4",
        ),
        (
            lambda: F.embedding_bag(zincir.tensor([6]), TABLE, zincir.tensor([0])).tolist(),
            IndexOutOfRange,
            "value 6",
        ),
        (lambda: F.bilinear(TABLE, TABLE, TABLE), ShapeError, "bilinear: inputs and weight"),
        (lambda: F.celu(TABLE, 0.0), ArgumentError, "alpha is 0"),
        (lambda: F.softshrink(TABLE, -1.0), ArgumentError, "lambd is negative"),
        (lambda: F.rrelu(TABLE, 0.5, 0.25), ArgumentError, "lower is above upper"),
        (lambda: nn.Softmax2d()(TABLE), ShapeError, "Softmax2d"),
        (lambda: nn.FractionalMaxPool2d(2), ArgumentError, "give one of"),
        (lambda: nn.FractionalMaxPool2d(2, output_ratio=2.0), ArgumentError, "between 0 and 1"),
        (
            lambda: F.fractional_max_pool2d(zincir.ones(1, 4, 4), 3, 3),
            ShapeError,
            "windows have no room",
        ),
    ):
        with pytest.raises(error, match=words):
            call()
