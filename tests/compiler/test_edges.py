"""The ends of integers and bools, and operands without elements, in compiled code."""

import numpy as np
import pytest

import zincir
from zincir import tensor
from zincir.errors import IndexOutOfRange

INTEGERS = [(zincir.int32, -(2**31)), (zincir.int64, -(2**63))]
COUNTS = [1, 3, 8, 37]
"""Of elements: scalar code, and vectors of several lengths with and without a rest."""


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(("dtype", "smallest"), INTEGERS)
def test_the_smallest_integer_by_minus_one(dtype: zincir.DType, smallest: int, count: int):
    x = tensor([smallest] * count, dtype=dtype)
    for y in (tensor([-1] * count, dtype=dtype), -1):
        assert (x // y).tolist() == [smallest] * count
        assert (x % y).tolist() == [0] * count
        assert zincir.div(x, y, rounding_mode="trunc").tolist() == [smallest] * count
        assert zincir.div(x, y, rounding_mode="floor").tolist() == [smallest] * count
        assert zincir.fmod(x, y).tolist() == [0] * count


@pytest.mark.parametrize(("dtype", "smallest"), INTEGERS)
def test_division_beside_the_smallest_integer(dtype: zincir.DType, smallest: int):
    x = tensor([smallest, smallest + 1, 7, -7, -7, 7, smallest], dtype=dtype)
    y = tensor([1, -1, -1, -1, 2, -2, 2], dtype=dtype)
    largest = -(smallest + 1)
    assert (x // y).tolist() == [smallest, largest, -7, 7, -4, -4, smallest // 2]
    assert (x % y).tolist() == [0, 0, 0, 0, 1, -1, 0]
    trunc = zincir.div(x, y, rounding_mode="trunc")
    assert trunc.tolist() == [smallest, largest, -7, 7, -3, -3, smallest // 2]
    assert zincir.fmod(x, y).tolist() == [0, 0, 0, 0, -1, 1, 0]


def test_the_largest_byte_is_not_minus_one():
    x = tensor([255, 200, 7, 128], dtype=zincir.uint8)
    y = tensor([255, 255, 2, 255], dtype=zincir.uint8)
    assert (x // y).tolist() == [1, 0, 3, 0]
    assert (x % y).tolist() == [0, 200, 1, 128]


@pytest.mark.parametrize("count", COUNTS)
def test_smallest_and_largest_of_bools(count: int):
    yes, no = (tensor(np.full((2, count), value)) for value in (True, False))
    for dim in (0, 1):
        rest = [True] * (count if dim == 0 else 2)
        zeros = [0] * len(rest)
        assert yes.amin(dim).tolist() == yes.amax(dim).tolist() == rest
        assert no.amin(dim).tolist() == no.amax(dim).tolist() == [not x for x in rest]
        for x in (yes, no):
            assert x.min(dim)[1].tolist() == x.max(dim)[1].tolist() == zeros
    mixed = tensor([[False] * count + [True], [True] * count + [False]])
    assert mixed.amin(1).tolist() == [False, False]
    assert mixed.amax(1).tolist() == [True, True]
    assert mixed.min(1)[1].tolist() == [0, count]
    assert mixed.argmax(1).tolist() == [count, 0]


@pytest.mark.parametrize("dtype", [zincir.uint8, zincir.int32, zincir.int64])
def test_smallest_and_largest_at_the_ends_of_integers(dtype: zincir.DType):
    limits = np.iinfo(dtype.numpy)
    for value in (limits.min, limits.max):
        x = tensor([value] * 19, dtype=dtype)
        assert x.amin().item() == x.amax().item() == value


def test_nothing_is_read_of_what_has_no_elements():
    v = tensor([-1, -1])[tensor([], dtype=zincir.int64)]
    v[:, None] += 2
    assert (v == 1).all().item() is True
    assert v.sum().item() == 0
    assert v.prod().item() == 1


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (2, 0, 3)])
def test_sums_and_products_over_nothing(shape: tuple[int, ...]):
    x = zincir.zeros(shape)
    for dim in range(len(shape)):
        rest = tuple(n for i, n in enumerate(shape) if i != dim)
        for dtype in (zincir.float32, zincir.int64):
            y = x.to(dtype) + 1
            assert np.array_equal(y.sum(dim).numpy(), np.zeros(rest))
            assert np.array_equal(y.prod(dim).numpy(), np.ones(rest))
    assert (x + 1).sum().item() == 0
    assert x.any().item() is False
    assert x.all().item() is True


def test_a_product_over_nothing_is_zero_and_goes_on():
    a, b = zincir.ones(3, 0), zincir.ones(0, 2)
    assert (a @ b).tolist() == [[0, 0]] * 3
    assert ((a * 2) @ b + 1).relu().tolist() == [[1, 1]] * 3


def test_rows_of_an_empty_table_are_refused_before_anything_is_read():
    table = zincir.zeros(0, 1 << 20)
    with pytest.raises(IndexOutOfRange, match="picks 1 rows, of none"):
        _ = table[tensor([1]) - 1]
    assert table[tensor([], dtype=zincir.int64)].shape == (0, 1 << 20)
