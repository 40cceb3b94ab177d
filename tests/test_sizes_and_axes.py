"""Sizes and axes are whole numbers, of whatever type; anything else is refused and not cut off."""

from collections.abc import Callable

import numpy as np
import pytest

import zincir
from zincir.errors import DTypeError, ShapeError


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: zincir.zeros(1.5),
        lambda: zincir.randn(2, 1.5),
        lambda: zincir.full((1.5, 3), 0.0),
        lambda: zincir.eye(1.5),
        lambda: zincir.ones(2, 2).flip(0.5),
        lambda: zincir.ones(4).reshape(2.0, 2),
        lambda: zincir.ones(2, 2).sum(0.5),
        lambda: zincir.ones(2, 2).amax(1.0),
        lambda: zincir.ones(2, 2).softmax(1.0),
    ],
)
def test_fractions_are_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(DTypeError, match="must be a whole number"):
        wrong()


def test_whole_numbers_of_any_type() -> None:
    two, one = np.int64(2), zincir.tensor(1)
    assert zincir.zeros(two, one).shape == (2, 1)
    assert zincir.ones(2, 3).sum(np.int32(1)).tolist() == [3.0, 3.0]
    assert zincir.arange(6).reshape(two, -1).shape == (2, 3)
    assert zincir.ones(2, 3).flip(one).shape == (2, 3)


@pytest.mark.parametrize("sizes", [(2,), (5,), (3, 4), (2, -3), (), (-1, 3, 2)])
@pytest.mark.parametrize("leaf", [True, False])
def test_what_cannot_be_expanded(sizes: tuple[int, ...], leaf: bool) -> None:
    """Of known tensors too, which are looked at where they lie."""
    x = zincir.tensor([1.0, 2.0, 3.0])
    x = x if leaf else x * 2
    for call in (
        lambda: x.expand(sizes),
        lambda: zincir.broadcast_to(x, sizes),
        lambda: x.clone().requires_grad_().expand(sizes),
    ):
        with pytest.raises(ShapeError, match="cannot be expanded"):
            call()
