"""Windows as columns, and back."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.autograd import gradcheck, gradgradcheck
from zincir.errors import ArgumentError, ShapeError

F = nn.functional


def numbers(*shape: int, seed: int = 0) -> zincir.Tensor:
    return zincir.from_numpy(np.random.default_rng(seed).standard_normal(shape))


OPTIONS: list[dict[str, Any]] = [
    {"kernel_size": 2},
    {"kernel_size": (2, 3), "stride": (2, 1)},
    {"kernel_size": 2, "stride": 2, "padding": 1},
    {"kernel_size": 3, "dilation": (1, 2), "padding": (0, 3), "stride": (3, 2)},
    {"kernel_size": 1, "stride": 2},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_convolution_is_a_product(options: dict[str, Any]) -> None:
    """The columns are those of a convolution written as a loop."""
    x = numbers(2, 3, 5, 6)
    columns = F.unfold(x, **options).numpy()

    def pair(name: str, default: int) -> tuple[int, int]:
        value = options.get(name, default)
        return value if isinstance(value, tuple) else (value, value)

    (k1, k2), (d1, d2) = pair("kernel_size", 1), pair("dilation", 1)
    (p1, p2), (s1, s2) = pair("padding", 0), pair("stride", 1)
    wide = np.pad(x.numpy(), ((0, 0), (0, 0), (p1, p1), (p2, p2)))
    expected = [
        wide[:, :, i : i + d1 * (k1 - 1) + 1 : d1, j : j + d2 * (k2 - 1) + 1 : d2].reshape(2, -1)
        for i in range(0, wide.shape[2] - d1 * (k1 - 1), s1)
        for j in range(0, wide.shape[3] - d2 * (k2 - 1), s2)
    ]
    np.testing.assert_array_equal(columns, np.stack(expected, -1))


@pytest.mark.parametrize("options", OPTIONS)
def test_fold_is_the_transpose(options: dict[str, Any]) -> None:
    """<unfold(x), y> = <x, fold(y)>, as functions and as gradients of one another."""
    x = numbers(2, 3, 5, 6).requires_grad_()
    columns = F.unfold(x, **options)
    y = numbers(*columns.shape, seed=1).requires_grad_()
    image = F.fold(y, (5, 6), **options)
    assert (columns * y).sum().item() == pytest.approx((x * image).sum().item(), rel=1e-12)
    (columns * y.detach()).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), image.detach().numpy(), 1e-12)
    (image * x.detach()).sum().backward()
    np.testing.assert_allclose(y.grad.numpy(), columns.detach().numpy(), 1e-12)


def test_derivatives() -> None:
    x = numbers(1, 3, 4).requires_grad_()
    y = numbers(4, 6).requires_grad_()
    for check in (gradcheck, gradgradcheck):
        assert check(lambda x: F.unfold(x, 2, 2, 1) ** 2, (x,))
        assert check(lambda y: F.fold(y, (3, 4), 2) ** 2, (y,))


def test_no_samples() -> None:
    x = zincir.ones(0, 2, 4, 4, requires_grad=True)
    y = F.unfold(x, 3)
    assert y.shape == (0, 18, 4)
    image = F.fold(y, 4, 3)
    assert image.shape == (0, 2, 4, 4)
    image.sum().backward()
    assert x.grad.shape == x.shape


def test_views() -> None:
    x = numbers(4, 2, 6, 5)
    view = x.permute(1, 0, 3, 2)[:, ::2, :, 1:]
    np.testing.assert_array_equal(F.unfold(view, 2).numpy(), F.unfold(view.contiguous(), 2).numpy())


def explained(call: Any, kind: type[Exception], *parts: str) -> None:
    with pytest.raises(kind) as error:
        call()
    assert "test_unfold.py:" in str(error.value)
    for part in parts:
        assert part in str(error.value)


def test_errors() -> None:
    x = zincir.ones(1, 4, 4)
    explained(
        lambda: F.fold(zincir.ones(1, 8, 10), 4, 2),
        ShapeError,
        "fold: the columns do not fit the output",
        "(batch, channels * 4, 9)",
        "3 x 3 windows in (4, 4)",
        "got       (1, 8, 10)",
        "that unfold was given",
    )
    for shape in ((1, 7, 9), (8,), (1, 1, 8, 9), (1, 0, 9)):
        explained(lambda s=shape: F.fold(zincir.ones(s), 4, 2), ShapeError, "do not fit the output")
    explained(lambda: F.fold(zincir.ones(4, 9), (4, 4, 4), 2), ArgumentError, "output_size")
    explained(lambda: F.fold(zincir.ones(4, 9), 1, 2), ShapeError, "fold: the window is larger")
    explained(lambda: F.unfold(x, 5), ShapeError, "unfold: the window is larger")
    explained(lambda: F.unfold(x, 2, stride=0), ArgumentError, "unfold: stride does not fit")
    explained(lambda: F.unfold(x[0], 2), ShapeError, "unfold: the input has a wrong shape")
    assert F.unfold(x.bool(), 2).dtype is zincir.bool
