"""Max pooling undone."""

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.autograd import gradcheck, gradgradcheck
from zincir.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError

F = nn.functional


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("batch", [(), (2,), (0,)])
def test_the_way_back(rank: int, batch: tuple[int, ...]) -> None:
    shape = (*batch, 3, *(4, 6, 2)[:rank])
    x = zincir.from_numpy(np.random.default_rng(0).uniform(1.0, 2.0, shape))
    pool = getattr(nn, f"MaxPool{rank}d")(2, return_indices=True)
    unpool = getattr(nn, f"MaxUnpool{rank}d")(2)
    y, where = pool(x)
    back = unpool(y, where)
    assert back.shape == x.shape
    chosen = back.numpy() != 0
    np.testing.assert_array_equal(back.numpy()[chosen], x.numpy()[chosen])
    assert chosen.sum() == y.numel()
    np.testing.assert_array_equal(pool(back)[0].numpy(), y.numpy())


def test_derivatives() -> None:
    x = zincir.from_numpy(np.random.default_rng(0).standard_normal((2, 2, 2))).requires_grad_()
    where = zincir.tensor([[[3, 0], [8, 6]], [[1, 2], [11, 7]]])
    for check in (gradcheck, gradgradcheck):
        assert check(lambda x: F.max_unpool2d(x, where, 2, output_size=(3, 4)) ** 2, (x,))


def test_sizes() -> None:
    x, where = zincir.ones(1, 2, 2), zincir.zeros(1, 2, 2, dtype=zincir.int64)
    assert F.max_unpool2d(x, where, 3, 2, 1).shape == (1, 3, 3)
    assert F.max_unpool2d(x, where, 3, (2, 1)).shape == (1, 5, 4)
    assert F.max_unpool2d(x, where, 2, output_size=(5, 4)).shape == (1, 5, 4)
    assert F.max_unpool2d(x.reshape(1, 1, 2, 2), where.reshape(1, 1, 2, 2), 2,
                          output_size=(1, 1, 5, 4)).shape == (1, 1, 5, 4)  # fmt: skip


def test_errors() -> None:
    x, where = zincir.ones(1, 2, 2), zincir.zeros(1, 2, 2, dtype=zincir.int64)
    with pytest.raises(ArgumentError, match=r"output_size is not one[\s\S]*3\.\.5 x 3\.\.5"):
        F.max_unpool2d(x, where, 2, output_size=(6, 4))
    with pytest.raises(ArgumentError, match="output_size is not one"):
        F.max_unpool2d(x, where, 2, output_size=(4,))
    with pytest.raises(ShapeError, match="input and indices have different shapes"):
        F.max_unpool2d(x, where[:, :1], 2)
    with pytest.raises(DTypeError, match="indices are not integers"):
        F.max_unpool2d(x, x, 2)
    with pytest.raises(ShapeError, match="max_unpool2d: the input has a wrong shape"):
        F.max_unpool2d(x[0], where[0], 2)
    two = zincir.ones(2, 2, 2), zincir.zeros(2, 2, 2, dtype=zincir.int64)
    for wrong in (16, -1):  # of the first plane this would be an element of another
        with pytest.raises(IndexOutOfRange, match="indices"):
            F.max_unpool2d(two[0], two[1] + wrong, 2).numpy()
