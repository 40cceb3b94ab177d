"""Borders as layers: what is not said of every layer in tests/conformance."""

import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError

KINDS = ("ZeroPad", "ConstantPad", "ReflectionPad", "ReplicationPad", "CircularPad")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_numbers(kind: str, axes: int) -> None:
    make = getattr(nn, f"{kind}{axes}d")
    value = (2.0,) if kind == "ConstantPad" else ()
    x = zincir.arange(2 * 3**axes).reshape(2, *[3] * axes).float()
    one, each = make(2, *value), make([2] * 2 * axes, *value)
    assert one.padding == each.padding == (2,) * 2 * axes
    assert one(x).tolist() == each(x).tolist()
    assert one(x).shape == (2, *[7] * axes)
    with pytest.raises(ArgumentError, match=rf"{kind}{axes}d: wrong number of sides[\s\S]*\(left"):
        make((1, 1, 1), *value)


def test_kinds() -> None:
    x = zincir.tensor([[1.0, 2.0, 3.0]])
    assert [getattr(nn, f"{kind}1d")(1)(x).tolist()[0] for kind in KINDS if kind[0] != "C"] == [
        [0.0, 1.0, 2.0, 3.0, 0.0],
        [2.0, 1.0, 2.0, 3.0, 2.0],
        [1.0, 1.0, 2.0, 3.0, 3.0],
    ]
    assert nn.ConstantPad1d(1, 5.0)(x).tolist() == [[5.0, 1.0, 2.0, 3.0, 5.0]]
    assert nn.CircularPad1d(1)(x).tolist() == [[3.0, 1.0, 2.0, 3.0, 1.0]]


def test_looks() -> None:
    assert repr(nn.ReflectionPad1d(1)) == "ReflectionPad1d((1, 1))"
    assert repr(nn.ConstantPad1d((1, 2), 0.5)) == "ConstantPad1d(padding=(1, 2), value=0.5)"
