"""Distances: what does not fit, and the gradient at 0."""

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ShapeError

F = nn.functional


def test_similarity_broadcasts() -> None:
    assert F.cosine_similarity(zincir.ones(2), zincir.ones(1, 2), dim=0).tolist() == [1.0, 1.0]
    assert F.cosine_similarity(zincir.tensor(3.0), zincir.tensor(-2.0), dim=0).item() == -1.0
    with pytest.raises(ShapeError):
        F.cosine_similarity(zincir.ones(2), zincir.ones(3), dim=0)
    x = zincir.zeros(1, 2, requires_grad=True)
    F.cosine_similarity(x, zincir.ones(1, 2)).sum().backward()
    assert np.isfinite(x.grad.numpy()).all()
