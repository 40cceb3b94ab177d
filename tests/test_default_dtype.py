"""The type of floating numbers that come without one."""

from collections.abc import Iterator

import pytest

import zincir
from zincir import nn
from zincir.errors import DTypeError


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    zincir.set_default_dtype(zincir.float32)


WITHOUT_A_TYPE = {
    "a number": lambda: zincir.tensor(1.5),
    "nothing": lambda: zincir.tensor([]),
    "a number beside whole ones": lambda: zincir.tensor([1]) * 1.5,
    "a quotient": lambda: zincir.tensor([1]) / 2,
    "a power": lambda: zincir.tensor(2) ** 0.5,
    "a function": lambda: zincir.tensor([True]).exp(),
    "ones": lambda: zincir.ones(2),
    "full": lambda: zincir.full((2,), 1.5),
    "arange": lambda: zincir.arange(0.0, 2),
    "linspace": lambda: zincir.linspace(0, 1, 3),
    "eye": lambda: zincir.eye(2),
    "rand": lambda: zincir.rand(2),
    "normal": lambda: zincir.normal(0.0, 1.0, (2,)),
    "Tensor of sizes": lambda: zincir.Tensor(2),
    "Tensor of data": lambda: zincir.Tensor([1]),
    "a weight": lambda: nn.Linear(2, 3).weight,
    "a lazy weight": lambda: nn.LazyLinear(2)(zincir.ones(2, 3)),
    "a buffer": lambda: nn.BatchNorm1d(3).running_mean,
    "where": lambda: zincir.where(zincir.tensor([True]), 1.0, zincir.tensor([2])),
}


@pytest.mark.parametrize("kind", WITHOUT_A_TYPE)
def test_what_has_no_type_has_this(kind: str) -> None:
    for dtype in (zincir.float64, zincir.float32):
        zincir.set_default_dtype(dtype)
        assert WITHOUT_A_TYPE[kind]().dtype is dtype is zincir.get_default_dtype()


def test_types_that_are_given_stay() -> None:
    zincir.set_default_dtype(zincir.float64)
    x = zincir.ones(2, dtype=zincir.float32)
    assert (x * 1.5).dtype is zincir.float32
    assert zincir.tensor([1, 2]).dtype is zincir.int64


def test_compiled_functions_follow() -> None:
    @zincir.compile
    def half(x: zincir.Tensor) -> zincir.Tensor:
        return x / 2

    x = zincir.tensor([3])
    found = []
    for dtype in (zincir.float32, zincir.float64) * 3:
        zincir.set_default_dtype(dtype)
        found.append(half(x).dtype)
    assert found == [zincir.float32, zincir.float64] * 3


def test_a_type_that_is_not_floating() -> None:
    with pytest.raises(DTypeError, match="not a floating type"):
        zincir.set_default_dtype(zincir.int64)
