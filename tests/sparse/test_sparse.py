"""Sparse tensors of coordinates and values: products, gradients, and what they refuse."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, ShapeError

PLACES = [[0, 1, 1, 0], [2, 0, 0, 1]]
DENSE = [[0.0, 4.0, 1.0], [5.0, 0.0, 0.0]]


def made(values: Any = (1.0, 2.0, 3.0, 4.0)) -> zincir.Tensor:
    return zincir.sparse_coo_tensor(PLACES, values, (2, 3))


def test_what_it_is() -> None:
    s = made()
    assert (s.is_sparse, s.shape, s.layout, s._nnz()) == (True, (2, 3), zincir.sparse_coo, 4)
    assert (s.sparse_dim(), s.dense_dim(), s.is_coalesced()) == (2, 0, False)
    assert s.to_dense().tolist() == DENSE
    assert not s.to_dense().is_sparse
    gathered = s.coalesce()
    assert gathered.indices().tolist() == [[0, 0, 1], [1, 2, 0]]
    assert gathered.values().tolist() == [4.0, 1.0, 5.0]
    assert gathered.coalesce() is gathered
    assert zincir.tensor(DENSE).to_sparse().indices().tolist() == [[0, 0, 1], [1, 2, 0]]
    assert zincir.tensor(DENSE).to_sparse(1).values().shape == (2, 3)
    assert repr(gathered) == (
        "tensor(indices=tensor([[0, 0, 1],\n                       [1, 2, 0]]),\n"
        "       values=tensor([4., 1., 5.]),\n"
        "       size=(2, 3), nnz=3, layout=torch.sparse_coo)"
    )


def test_products_and_gradients_are_those_of_the_dense_matrix() -> None:
    x = zincir.arange(6.0).reshape(3, 2).requires_grad_()
    weight = zincir.tensor([[1.0, 2.0], [3.0, 5.0]])
    for product in (
        lambda s: s @ x,
        lambda s: zincir.mm(s, x),
        lambda s: zincir.matmul(s, x),
        lambda s: zincir.sparse.mm(s, x),
        lambda s: zincir.sparse.addmm(zincir.zeros(2, 2), s, x),
    ):
        values = zincir.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
        x.grad = None
        y = product(made(values)) * weight
        y.sum().backward()
        assert np.array_equal(
            y.detach().numpy(), weight.numpy() * (np.array(DENSE) @ x.detach().numpy())
        )
        assert x.grad is not None
        assert values.grad is not None
        assert np.array_equal(x.grad.numpy(), np.array(DENSE).T @ weight.numpy())
        rows = weight.numpy() @ x.detach().numpy().T
        assert values.grad.tolist() == [rows[i, j] for i, j in zip(*PLACES, strict=True)]
    assert (made() @ zincir.ones(3)).tolist() == [5.0, 5.0]
    assert (made().t() @ zincir.ones(2)).tolist() == [5.0, 4.0, 1.0]


def test_other_operations_are_those_of_the_dense_tensor() -> None:
    s = made()
    assert (zincir.ones(2, 3) + s).tolist() == (np.array(DENSE) + 1).tolist()
    assert (s * 2).tolist() == (np.array(DENSE) * 2).tolist()
    assert s.sum(dim=1).tolist() == [5.0, 5.0]
    assert zincir.sparse.sum(s, 0).to_dense().tolist() == [5.0, 4.0, 1.0]
    assert zincir.sparse.sum(s).item() == 10.0
    part = zincir.sparse.softmax(s, 1).to_dense()
    assert np.allclose(part.numpy(), [[0, 1 / (1 + np.exp(-3)), 1 / (1 + np.exp(3))], [1, 0, 0]])
    for same in (s.double(), s.detach(), s.clone(), copy.deepcopy(s)):
        assert same.is_sparse
        assert same.to_dense().tolist() == DENSE


def test_it_is_a_buffer_and_an_argument() -> None:
    class Graph(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("edges", made())

        def forward(self, x: zincir.Tensor) -> zincir.Tensor:
            return self.edges @ x

    net = Graph()
    assert net(zincir.ones(3, 1)).tolist() == [[5.0], [5.0]]
    assert copy.deepcopy(net)(zincir.ones(3, 1)).tolist() == [[5.0], [5.0]]
    step = zincir.compile(lambda edges, x: edges @ x)
    for factor in (1.0, 2.0, 3.0):
        values = [factor * v for v in (1.0, 2.0, 3.0, 4.0)]
        assert step(made(values), zincir.ones(3)).tolist() == [5.0 * factor] * 2
    closed = zincir.compile(lambda x: net(x))
    assert closed(zincir.ones(3, 1)).tolist() == [[5.0], [5.0]]
    net.edges = made((2.0, 4.0, 6.0, 8.0))
    assert closed(zincir.ones(3, 1)).tolist() == [[10.0], [10.0]]


def test_parts_are_copies_and_the_whole_does_not_change() -> None:
    s = made()
    s._values().mul_(2.0)
    assert s.to_dense().tolist() == DENSE
    for change in (
        lambda: s.mul_(2.0),
        lambda: s[0].fill_(1.0),
        lambda: s.requires_grad_(),
        lambda: setattr(s, "data", zincir.ones(2, 3)),
        lambda: s.numpy(),
    ):
        with pytest.raises(ArgumentError, match=r"sparse tensor.*\n.*\n.*to_dense"):
            change()
    assert s.to_dense().tolist() == DENSE


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: zincir.sparse_coo_tensor([[2], [0]], [1.0], (2, 2)), ArgumentError, "range"),
        (lambda: zincir.sparse_coo_tensor([[-1]], [1.0]), ArgumentError, "out of range"),
        (lambda: zincir.sparse_coo_tensor([[0, 1]], [1.0], (2,)), ShapeError, "do not fit"),
        (lambda: zincir.sparse_coo_tensor([[0]], [1.0], (2, 2)), ShapeError, "do not fit"),
        (
            lambda: zincir.sparse_coo_tensor([[0]], [1.0], requires_grad=True),
            ArgumentError,
            "values",
        ),
        (lambda: made().indices(), ArgumentError, "coalesce"),
        (lambda: zincir.ones(2).coalesce(), ArgumentError, "not sparse"),
        (lambda: made() @ zincir.ones(2), ShapeError, "shapes do not fit"),
        (lambda: made() @ zincir.ones(3).double(), ArgumentError, "types differ"),
        (lambda: zincir.sparse.mm(made(), zincir.ones(3, 1), "mean"), ArgumentError, "reduce"),
        (lambda: zincir.sparse.sum(zincir.ones(2)), ArgumentError, "not sparse"),
    ],
)
def test_refused(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
