"""Pooling at drawn places: batches without examples, and places that are given."""

import zincir
from zincir.nn import functional as F


def test_no_examples() -> None:
    x = zincir.zeros(0, 1, 4, 4, 4, requires_grad=True)
    y, where = F.fractional_max_pool3d(x, 2, 2, return_indices=True)
    assert y.shape == where.shape == (0, 1, 2, 2, 2)
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_places_for_more_examples_than_there_are() -> None:
    samples = zincir.tensor([[[0.1, 0.9]], [[0.5, 0.5]]])
    x = zincir.arange(25.0).reshape(1, 5, 5)
    y = F.fractional_max_pool2d(x, 2, 2, _random_samples=samples)
    both = F.fractional_max_pool2d(x.expand(2, 1, 5, 5), 2, 2, _random_samples=samples)
    assert y.tolist() == both[0].tolist()
