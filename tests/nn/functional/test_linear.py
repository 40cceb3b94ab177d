"""Linear: every shape and type that does not fit."""

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import DTypeError, ShapeError

F = nn.functional


def test_linear_says_what_does_not_fit() -> None:
    with pytest.raises(ShapeError) as error:
        nn.Linear(784, 10)(zincir.ones(32, 100))
    lines = str(error.value).splitlines()
    assert lines[0] == "linear: input has 100 features, weight takes 784"
    assert lines[1].startswith("  where     Linear (")
    assert lines[3] == "  got       input (32, 100) float32, weight (10, 784) float32, bias (10,)"
    assert lines[4].startswith("  try       Linear(in_features=100, ...)")
    with pytest.raises(ShapeError, match=r"nn\.Flatten"):
        nn.Linear(784, 10)(zincir.ones(32, 1, 28, 28))
    with pytest.raises(ShapeError, match="weight or bias has a wrong shape"):
        F.linear(zincir.ones(2, 3), zincir.ones(4, 3), zincir.ones(5))
    with pytest.raises(
        DTypeError, match=r"linear: input is float64, weight is float32[\s\S]*float\("
    ):
        nn.Linear(3, 4)(zincir.ones(2, 3, dtype=zincir.float64))
    with pytest.raises(DTypeError, match="linear: input: not a tensor"):
        nn.Linear(3, 4)(np.ones((2, 3)))
