"""Windows and the way back from them, and in how many passes over memory they are computed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.compiler import stages
from zincir.compiler.snapshot import snapshot
from zincir.nn.functional.windows import counted, from_windows, padded, window_of, windows
from zincir.tensor import wrap

F = nn.functional


def test_counted() -> None:
    x = wrap(counted((2, 3, 1, 4), (50, 7, 100, 2), zincir.int32, -9))
    expected = -9 + sum(
        unit * index for unit, index in zip((50, 7, 100, 2), np.indices((2, 3, 1, 4)), strict=True)
    )
    np.testing.assert_array_equal(x.numpy(), expected)


@pytest.mark.parametrize(
    "options",
    [
        (2, 2, 0),
        (3, 2, 1),
        (3, 1, 1),
        (2, 3, 1),
        ((1, 5), (4, 5), (0, 2)),
        (7, 3, 3),
        ((2, 6), (1, 6), (1, 3)),
    ],
    ids=str,
)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_from_windows_is_the_transpose(options: tuple[Any, ...], ceil_mode: bool) -> None:
    """<windows(x), g in each of their elements> = <x, from_windows(g)>."""
    s = window_of("test", (8, 9), *options, 1, ceil_mode)
    random = np.random.default_rng(0)
    x = zincir.from_numpy(random.standard_normal((2, 8, 9)))
    g = zincir.from_numpy(random.standard_normal((2, *s.out_size)))
    w = wrap(windows(padded(x._node, s, 0), s))
    assert w.shape == (2, *s.kernel, *s.out_size)
    there = (w * g.unsqueeze(1).unsqueeze(1)).sum()
    back = (x * wrap(from_windows(g._node, s))).sum()
    assert there.item() == pytest.approx(back.item(), rel=1e-12)


def passes(function: Callable[[zincir.Tensor], zincir.Tensor]) -> list[str]:
    """The loops of a gradient with respect to an image, but for the output's own."""
    x = zincir.zeros(2, 3, 16, 16, requires_grad=True)
    y = function(x.relu())
    (g,) = zincir.autograd.grad([y], [x], [zincir.ones_like(y)])
    return stages(snapshot([y._node, g._node]).graph())["fuse"].splitlines()


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        # y and what it chose; the gradient of the pooling, in pieces; that of relu
        (lambda x: F.max_pool2d(x, 2), 3),
        # y; the gradient, with that of relu
        (lambda x: F.adaptive_avg_pool2d(x, 1), 2),
        # all in one: y, what it chose, and the gradient, with that of relu
        (lambda x: F.adaptive_max_pool2d(x, 1), 1),
        # a border for x, y, and for what was chosen and g; the gradient, with that of relu
        (lambda x: F.max_pool2d(x, 3, 1, 1), 5),
    ],
)
def test_few_passes(function: Callable[[zincir.Tensor], zincir.Tensor], expected: int) -> None:
    found = passes(function)
    assert len(found) == expected, "\n".join(found)
