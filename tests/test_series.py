"""Series of numbers, where NumPy does not count as PyTorch does."""

import pytest

import zincir
from zincir.errors import ArgumentError, DTypeError


def test_whole_numbers_are_cut_off_before_they_are_counted() -> None:
    assert zincir.arange(2.1, -2.9, -1.0, dtype=zincir.int64).tolist() == [2, 1, 0, -1]
    assert zincir.arange(0, 5, 1.5, dtype=zincir.int32).tolist() == [0, 1, 2, 3]
    assert zincir.linspace(-2.7, 5.9, 7, dtype=zincir.int64).tolist() == [-2, 0, 0, 1, 2, 3, 5]
    assert zincir.logspace(0.5, 3.5, 5, dtype=zincir.int64).tolist() == [1, 5, 31, 177, 1000]


def test_what_leads_nowhere() -> None:
    with pytest.raises(ArgumentError, match=r"(?s)arange: unsupported range.*0 -> inf"):
        zincir.arange(0, float("inf"))
    with pytest.raises(ArgumentError, match="step must be nonzero"):
        zincir.arange(0, 5, 0.5, dtype=zincir.int64)
    with pytest.raises(DTypeError, match="arange: not implemented for bool"):
        zincir.arange(2, dtype=zincir.bool)
