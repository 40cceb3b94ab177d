"""Activations: arguments that do not fit, changes in place, NaN."""

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, DTypeError, ShapeError

F = nn.functional


def test_activation_arguments() -> None:
    with pytest.raises(ArgumentError, match="gelu: unknown approximation"):
        F.gelu(zincir.ones(1), "quick")
    with pytest.raises(ArgumentError, match="min_val is above max_val"):
        F.hardtanh(zincir.ones(1), 1.0, -1.0)
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        assert F.softmax(zincir.ones(2, 4)).tolist() == [[0.25] * 4] * 2
    with pytest.raises(ShapeError, match="even size"):
        F.glu(zincir.ones(3))
    with pytest.raises(ShapeError, match=r"PReLU\(num_parameters=4\)"):
        F.prelu(zincir.ones(2, 4), zincir.ones(3))
    with pytest.raises(DTypeError, match=r"gelu: input: needs a floating tensor[\s\S]*x.float\(\)"):
        F.gelu(zincir.tensor([1]))


def test_in_place_activations() -> None:
    x = zincir.tensor([-1.0, 2.0])
    assert nn.ReLU(inplace=True)(x) is x
    assert x.tolist() == [0.0, 2.0]


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "elu", "hardswish", "softplus", "mish"])
def test_nan_is_never_hidden(name: str) -> None:
    assert np.isnan(getattr(F, name)(zincir.tensor([float("nan")])).item())


def test_prelu_of_a_number() -> None:
    y = nn.PReLU()(zincir.tensor(-4.0))
    assert (y.shape, y.item()) == ((), -1.0)
