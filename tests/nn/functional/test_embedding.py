"""Rows looked up by number: large rows, counted gradients, given weights."""

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError
from zincir.nn import functional as F


def test_rows_that_are_too_long() -> None:
    weight = zincir.tensor([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]], requires_grad=True)
    y = F.embedding(zincir.tensor([[0, 1], [0, 0]]), weight, max_norm=1.0)
    y.sum().backward()
    assert weight.flatten().tolist() == pytest.approx([0.6, 0.8, 0.3, 0.4, 6.0, 8.0], abs=1e-6)
    assert y.flatten().tolist() == pytest.approx([0.6, 0.8, 0.3, 0.4, 0.6, 0.8, 0.6, 0.8], abs=1e-6)
    assert weight.grad.tolist() == [[3, 3], [1, 1], [0, 0]]
    F.embedding(zincir.tensor([2]), weight, max_norm=7.0, norm_type=1.0)
    assert weight[2].tolist() == pytest.approx([3.0, 4.0], abs=1e-5)


def test_gradients_divided_by_how_often() -> None:
    weight = zincir.ones(3, 1, requires_grad=True)
    y = F.embedding(zincir.tensor([0, 2, 0, 0]), weight, scale_grad_by_freq=True)
    (y * zincir.tensor([[1.0], [5.0], [2.0], [6.0]])).sum().backward()
    assert y.tolist() == [[1], [1], [1], [1]]
    assert weight.grad.tolist() == [[3], [0], [5]]
    layer = nn.Embedding(3, 1, 0, scale_grad_by_freq=True)
    layer(zincir.tensor([0, 1, 1])).sum().backward()
    assert layer.weight.grad.tolist() == [[0], [1], [0]]


def test_given_weights() -> None:
    rows = zincir.tensor([[1.0, 2.0], [3.0, 4.0]])
    layer = nn.Embedding(2, 2, _weight=rows, _freeze=True)
    assert layer.weight.tolist() == rows.tolist()
    assert not layer.weight.requires_grad
    layer = nn.Embedding.from_pretrained(rows, False, 1, 2.5)
    assert (layer.padding_idx, layer.max_norm, layer.weight.requires_grad) == (1, 2.5, True)
    assert repr(layer) == "Embedding(2, 2, padding_idx=1, max_norm=2.5)"
    assert layer.weight.tolist() == rows.tolist()
    with pytest.raises(ShapeError, match="_weight has another shape"):
        nn.Embedding(3, 2, _weight=rows)
    with pytest.raises(ShapeError, match="embeddings are not a table"):
        nn.Embedding.from_pretrained(zincir.ones(2))


def test_what_does_not_go_with_sparse() -> None:
    with pytest.raises(ArgumentError, match="scale_grad_by_freq does not go with sparse"):
        nn.Embedding(3, 2, sparse=True, scale_grad_by_freq=True)(zincir.tensor([0]))


def test_embedding_errors() -> None:
    words = nn.Embedding(5, 2)
    with pytest.raises(DTypeError, match=r"not made of row numbers[\s\S]*x.long\(\)"):
        words(zincir.ones(3))
    with pytest.raises(IndexOutOfRange, match="index: value 5 at position 1"):
        words(zincir.tensor([0, 5])).detach().tolist()
    with pytest.raises(ArgumentError, match=r"padding_idx: there is no such row\n.*\n.*-5 <="):
        nn.Embedding(5, 2, padding_idx=5)
    with pytest.raises(ShapeError, match="weight is not a table"):
        F.embedding(zincir.tensor([1]), zincir.ones(3))


def test_an_index_out_of_range_inside_a_sum() -> None:
    with pytest.raises(IndexOutOfRange, match="index: value 5 at position 1"):
        nn.Embedding(5, 2)(zincir.tensor([0, 5])).sum().item()


def test_embedding_padding_and_pretrained() -> None:
    words = nn.Embedding(5, 2, padding_idx=-1)
    assert words.weight[4].tolist() == [0.0, 0.0]
    words(zincir.tensor([4, 0, 0])).sum().backward()
    assert words.weight.grad.tolist() == [[2.0, 2.0]] + [[0.0, 0.0]] * 4
    frozen = nn.Embedding.from_pretrained(zincir.tensor([[1.0], [2.0]]))
    assert frozen(zincir.tensor([1])).tolist() == [[2.0]]
    assert not frozen.weight.requires_grad


def test_one_hot_errors() -> None:
    with pytest.raises(IndexOutOfRange, match="label: value 3 at position 1"):
        F.one_hot(zincir.tensor([0, 3]), 3)
    with pytest.raises(DTypeError, match="one_hot: labels are not integers"):
        F.one_hot(zincir.ones(2))


ROWS = 3000


def trained(compiled: bool, optimizer: str, looked: bool, sparse: bool) -> list[np.ndarray]:
    zincir.manual_seed(0)
    words = zincir.nn.Embedding(ROWS, 4, sparse=sparse)
    words.weight.sum().item()
    make = getattr(zincir.optim, optimizer)
    steps = make(words.parameters(), 0.1)

    def step(index: zincir.Tensor) -> zincir.Tensor:
        steps.zero_grad()
        loss = words(index).sin().square().sum()
        loss.backward()
        steps.step()
        return loss

    run = zincir.compile(step) if compiled else step
    found = []
    for k in range(5):
        index = zincir.tensor([[k, 7, 7], [ROWS - 1, 2 * k, 11]])
        found.append(run(index).detach().numpy().copy())
        if looked or k == 4:
            grad = words.weight.grad
            assert grad is not None
            assert grad.shape == (ROWS, 4)
            assert words.weight.grad is grad
            found.append(grad.numpy().copy())
    return [*found, words.weight.detach().numpy().copy()]


@pytest.mark.parametrize("looked", [False, True])
@pytest.mark.parametrize(
    ("optimizer", "sparse"), [("SGD", False), ("SGD", True), ("SparseAdam", True), ("Adam", False)]
)
def test_compiled_steps_of_a_large_table(optimizer: str, sparse: bool, looked: bool) -> None:
    """Whose gradient nobody adds up before it is looked at."""
    for ours, plain in zip(
        trained(True, optimizer, looked, sparse),
        trained(False, optimizer, looked, sparse),
        strict=True,
    ):
        np.testing.assert_allclose(ours, plain, 1e-5, 1e-6)


def test_gradients_of_few_rows_are_those_of_their_call() -> None:
    words = zincir.nn.Embedding(ROWS, 2)
    index = zincir.tensor([1, 1, 2])

    @zincir.compile
    def step(index: zincir.Tensor, factor: zincir.Tensor) -> zincir.Tensor:
        words.weight.grad = None
        loss = (words(index) * factor).sum()
        loss.backward()
        return loss

    kept = []
    for factor in (1.0, 2.0, 3.0, 4.0):
        step(index, zincir.tensor(factor))
        assert words.weight.grad is not None
        kept.append(words.weight.grad)
        index.add_(1)
    for k, grad in enumerate(kept):
        assert grad[k + 1].tolist() == [2.0 * (k + 1)] * 2
        assert grad[k + 2].tolist() == [1.0 * (k + 1)] * 2
        assert grad.sum().item() == 6.0 * (k + 1)


def test_gradients_of_few_rows_are_added_to() -> None:
    words = zincir.nn.Embedding(ROWS, 2)

    @zincir.compile
    def step(index: zincir.Tensor) -> zincir.Tensor:
        loss = words(index).sum()
        loss.backward()
        return loss

    for _ in range(4):
        step(zincir.tensor([5, 5, 9]))
    assert words.weight.grad is not None
    assert words.weight.grad[5].tolist() == [8.0, 8.0]
    assert words.weight.grad.sum().item() == 24.0


def test_a_number_out_of_range_changes_nothing() -> None:
    words = zincir.nn.Embedding(ROWS, 2)
    steps = zincir.optim.SGD(words.parameters(), 0.5)

    @zincir.compile
    def step(index: zincir.Tensor) -> zincir.Tensor:
        steps.zero_grad()
        loss = words(index).sum()
        loss.backward()
        steps.step()
        return loss

    for _ in range(3):
        step(zincir.tensor([5, 6]))
    before = words.weight.detach().numpy().copy()
    with pytest.raises(IndexOutOfRange, match=str(ROWS)):
        step(zincir.tensor([5, ROWS]))
    assert (words.weight.detach().numpy() == before).all()
