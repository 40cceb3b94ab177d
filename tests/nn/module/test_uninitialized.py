"""Parameters without a shape: what can be done with them, and what they say when it cannot."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ShapeError


def test_what_is_known() -> None:
    p, b = nn.UninitializedParameter(), nn.UninitializedBuffer(dtype=zincir.float64)
    assert repr(p) == "<UninitializedParameter>"
    assert repr(b) == "<UninitializedBuffer>"
    assert (p.dtype, p.requires_grad, p.grad) == (zincir.float32, True, None)
    assert (b.dtype, b.requires_grad, b.grad) == (zincir.float64, False, None)
    assert isinstance(p, nn.Parameter)
    assert not isinstance(b, nn.Parameter)
    assert nn.LazyLinear(2).weight.is_floating_point()
    assert not nn.LazyLinear(2).weight.is_complex()


@pytest.mark.parametrize(
    "use",
    [
        lambda p: p.shape,
        lambda p: p.numel(),
        lambda p: p + 1,
        lambda p: 1 - p,
        lambda p: zincir.ones(2) * p,
        lambda p: p.sum(),
        lambda p: p.tolist(),
        lambda p: p.numpy(),
        lambda p: p.zero_(),
        lambda p: nn.init.normal_(p),
        lambda p: nn.functional.linear(zincir.ones(1, 2), p),
        lambda p: zincir.compile(lambda x: x)(p),
    ],
)
def test_every_use_says_what_to_do(use: Any) -> None:
    with pytest.raises(ShapeError, match="no shape and no values yet") as raised:
        use(nn.UninitializedParameter())
    text = str(raised.value)
    assert "call the net once on a batch, net(x), before this line" in text
    assert "test_uninitialized.py" in text


def test_becomes_an_ordinary_parameter_and_stays_itself() -> None:
    p = nn.UninitializedParameter(dtype=zincir.float64)
    before = id(p)
    p.materialize((2, 3))
    assert id(p) == before
    assert type(p) is nn.Parameter
    assert (p.shape, p.dtype, p.requires_grad, p.is_leaf) == ((2, 3), zincir.float64, True, True)
    with zincir.no_grad():
        p.fill_(2.0)
    (p * p).sum().backward()
    assert p.grad.tolist() == [[4.0] * 3] * 2
    other = pickle.loads(pickle.dumps(p))
    assert type(other) is nn.Parameter
    assert other.tolist() == p.tolist()
    assert set(vars(p)) <= set(vars(nn.Parameter(zincir.ones(2)))) | {"_grad", "_writes"}


def test_type_and_training_are_remembered() -> None:
    p, b = nn.UninitializedParameter(), nn.UninitializedBuffer()
    p.requires_grad_(False)
    p.data = p.detach().to(zincir.float64)
    p.materialize([4])
    b.materialize((), dtype=zincir.int64)
    assert (p.shape, p.dtype, p.requires_grad) == ((4,), zincir.float64, False)
    assert (b.shape, b.dtype, type(b)) == ((), zincir.int64, zincir.Tensor)
    p = nn.UninitializedParameter(False)
    p.requires_grad = True
    p.data = zincir.tensor([1.0, 2.0])
    assert p.requires_grad
    assert p.tolist() == [1.0, 2.0]


def test_takes_shape_and_values_of_another() -> None:
    p = nn.UninitializedParameter()
    with zincir.no_grad():
        assert p.copy_(nn.UninitializedParameter()) is p
        assert repr(p) == "<UninitializedParameter>"
        p.copy_(zincir.tensor([[1.0], [2.0]], dtype=zincir.float64))
    assert (p.tolist(), p.dtype, p.requires_grad) == ([[1.0], [2.0]], zincir.float32, True)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_copies(duplicate: Any) -> None:
    p = nn.UninitializedParameter(False, "cpu", zincir.float64)
    both = duplicate([p, p])
    assert both[0] is both[1] is not p
    assert repr(both[0]) == repr(p)
    both[0].materialize((3,))
    assert (both[0].dtype, both[0].requires_grad) == (zincir.float64, False)
    assert repr(p) == "<UninitializedParameter>"


def test_values_are_zeros_until_set() -> None:
    p = nn.UninitializedParameter()
    p.materialize((2,))
    np.testing.assert_array_equal(p.detach().numpy(), 0)
