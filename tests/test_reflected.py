"""Operators between tensors and objects that know tensors."""

import operator

import pytest

import zincir


class Pair(tuple):
    """Two tensors that are computed with as one."""

    __slots__ = ()

    def __rmul__(self, other):
        return Pair(other * x for x in self)

    def __radd__(self, other):
        return Pair(other + x for x in self)

    def __rmatmul__(self, other):
        return "product"

    def __rpow__(self, other):
        return "power"

    def __gt__(self, other):
        return "greater"


def test_the_other_side_is_asked():
    t, pair = zincir.tensor([2.0]), Pair((zincir.tensor([1.0]), zincir.tensor([3.0])))
    assert [x.tolist() for x in t * pair] == [[2.0], [6.0]]
    assert [x.tolist() for x in t + pair] == [[3.0], [5.0]]
    assert t @ pair == "product"
    assert t**pair == "power"
    assert (t < pair) == "greater"


def test_also_where_the_tensor_would_change_in_place():
    t = before = zincir.tensor([2.0])
    t += Pair((zincir.tensor([1.0]),))
    assert t[0].tolist() == [3.0]
    assert before.tolist() == [2.0]


def test_who_cannot_help_is_not_asked():
    class Plain:
        pass

    for symbol in (operator.mul, operator.add, operator.matmul, operator.sub):
        with pytest.raises(TypeError, match="Plain"):
            symbol(zincir.ones(2), Plain())
    with pytest.raises(TypeError, match="cannot use a list with a tensor"):
        zincir.ones(2) * [1, 2]


def test_errors_between_tensors_stay():
    with pytest.raises(TypeError):
        zincir.tensor([True]) - zincir.tensor([True])
    with pytest.raises(zincir.errors.ShapeError):
        zincir.ones(2) + zincir.ones(3)
