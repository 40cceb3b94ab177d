"""Rows looked up by number: large rows, counted gradients, given weights."""

import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, ShapeError
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


def test_sparse_gradients_are_refused() -> None:
    with pytest.raises(ArgumentError, match="gradients are never sparse"):
        nn.Embedding(3, 2, sparse=True)(zincir.tensor([0]))
