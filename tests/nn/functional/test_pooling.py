"""Pooling: numbers worked out by hand, who gets the gradient, programs, and every error."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.autograd import gradcheck, gradgradcheck
from zincir.errors import ArgumentError, DTypeError, ShapeError

F = nn.functional
NAN, INF = math.nan, math.inf


def numbers(*shape: int, seed: int = 0) -> zincir.Tensor:
    return zincir.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def distinct(*shape: int, seed: int = 0) -> zincir.Tensor:
    """Numbers so far from each other that small steps change no maximum."""
    order = np.random.default_rng(seed).permutation(math.prod(shape))
    return zincir.from_numpy(order.reshape(shape).astype(float))


def slowly(x: np.ndarray, kernel: Any, stride: Any, padding: Any, fold: Callable[..., Any]) -> Any:
    """Pooling over the last two axes as a loop over windows."""
    (k1, k2), (s1, s2), (p1, p2) = kernel, stride, padding
    h, w = x.shape[-2:]
    rows = [(i, min(i + k1, h + p1)) for i in range(-p1, h + p1 - k1 + 1, s1)]
    columns = [(j, min(j + k2, w + p2)) for j in range(-p2, w + p2 - k2 + 1, s2)]
    return np.stack(
        [
            np.stack([fold(x[..., max(i, 0) : a, max(j, 0) : b]) for j, b in columns], -1)
            for i, a in rows
        ],
        -2,
    )


WINDOWS = [
    ((2, 2), (2, 2), (0, 0)),
    ((3, 3), (2, 2), (1, 1)),
    ((3, 2), (1, 3), (1, 0)),
    ((1, 3), (2, 1), (0, 1)),
    ((4, 5), (1, 2), (2, 1)),  # more taps than are written out: one axis, then the other
    ((1, 26), (1, 1), (0, 13)),  # along one axis
    ((5, 5), (5, 5), (0, 0)),  # one window in each column, and more room than it fills
    ((6, 7), (1, 1), (0, 0)),  # all of it
]


@pytest.mark.parametrize(("kernel", "stride", "padding"), WINDOWS)
def test_values_are_those_of_a_loop(kernel: Any, stride: Any, padding: Any) -> None:
    x = numbers(2, 3, 6, 7 if kernel[1] < 9 else 30)
    y = F.max_pool2d(x, kernel, stride, padding)
    expected = slowly(x.numpy(), kernel, stride, padding, lambda w: w.max((-1, -2)))
    np.testing.assert_array_equal(y.numpy(), expected)
    y = F.avg_pool2d(x, kernel, stride, padding)
    expected = slowly(x.numpy(), kernel, stride, padding, lambda w: w.sum((-1, -2)))
    np.testing.assert_allclose(y.numpy(), expected / math.prod(kernel), 1e-12)
    y = F.avg_pool2d(x, kernel, stride, padding, count_include_pad=False)
    expected = slowly(x.numpy(), kernel, stride, padding, lambda w: w.mean((-1, -2)))
    np.testing.assert_allclose(y.numpy(), expected, 1e-12)


@pytest.mark.parametrize(("kernel", "stride", "padding"), WINDOWS)
def test_derivatives(kernel: Any, stride: Any, padding: Any) -> None:
    x = distinct(1, 6, 7 if kernel[1] < 9 else 16).requires_grad_()

    def both(x: zincir.Tensor) -> zincir.Tensor:
        y = F.max_pool2d(x, kernel, stride, padding)
        return y * (F.avg_pool2d(x, kernel, stride, padding) + 0.5)

    assert gradcheck(both, (x,))


@pytest.mark.parametrize("number", [1, 4])
def test_second_derivatives(number: int) -> None:
    x = distinct(1, 6, 7).requires_grad_()
    assert gradgradcheck(lambda x: F.max_pool2d(x, *WINDOWS[number]) ** 2, (x,))
    assert gradgradcheck(lambda x: F.avg_pool2d(x, *WINDOWS[number]) ** 2, (x,))


def test_derivatives_along_one_and_three_axes() -> None:
    x, v = distinct(2, 7).requires_grad_(), distinct(1, 2, 4, 3).requires_grad_()
    y = (numbers(1, 5).abs() + 0.5).detach().requires_grad_()
    assert gradcheck(
        lambda v: F.max_pool3d(v, 2, 1, 1) * F.avg_pool3d(v, 2, (1, 2, 3), 1)[0, 0, 1, 0], (v,)
    )
    for check in (gradcheck, gradgradcheck):
        assert check(lambda x: F.max_pool1d(x, 2, 1, 1, 2) ** 2, (x,))
        assert check(lambda y: F.lp_pool1d(y, 3.0, 2, 1), (y,))


@pytest.mark.parametrize(
    ("row", "kernel", "at"),
    [
        ([2.0, 5.0, 5.0, 5.0], 4, 1),
        ([-INF, -INF, -INF, -INF], 4, 0),
        ([1.0, NAN, 2.0, NAN], 4, 3),
        ([NAN, 9.0, INF, 2.0], 4, 0),
        ([INF, 1.0, INF, -INF], 4, 0),
    ],
)
@pytest.mark.parametrize("wide", [False, True])
def test_one_element_gets_the_gradient(row: list[float], kernel: int, at: int, wide: bool) -> None:
    """The first of equals, the last NaN, in a window of few elements and of many."""
    rows = [row] * (4 if wide else 1)
    if wide and NAN in row:
        at += 4 * 3
    x = zincir.tensor([rows], requires_grad=True)
    y, where = F.max_pool2d(x, (len(rows), kernel), return_indices=True)
    assert where.tolist() == [[[at]]]
    assert where.dtype is zincir.int64
    (y * 3.0).sum().backward()
    expected = [0.0] * (4 * len(rows))
    expected[at] = 3.0
    assert x.grad.flatten().tolist() == expected


def test_a_border_is_never_chosen() -> None:
    x = zincir.full((1, 3, 3), -INF, requires_grad=True)
    y, where = F.max_pool2d(x, 3, 2, 1, return_indices=True)
    assert where.tolist() == [[[0, 1], [3, 4]]]
    y.sum().backward()
    assert x.grad.tolist() == [[[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]
    _, where = F.max_pool2d(zincir.full((1, 4, 4), -INF), 2, 2, 1, 3, return_indices=True)
    assert where.tolist() == [[[10, 9], [6, 5]]]


def test_windows_that_overlap_add_up() -> None:
    x = zincir.tensor([[1.0, 7.0, 2.0, 7.0, 3.0]], requires_grad=True)
    F.max_pool1d(x, 3, 1).sum().backward()
    assert x.grad.tolist() == [[0.0, 2.0, 0.0, 1.0, 0.0]]


def test_integers() -> None:
    x = np.array([[[-5, -4, -9], [-7, -8, -6], [3, -1, -2]]])
    for kind in (np.int32, np.int64):
        y, where = F.max_pool2d(zincir.from_numpy(x.astype(kind)), 2, 1, 1, return_indices=True)
        expected = [[-5, -4, -4, -9], [-5, -4, -4, -6], [3, 3, -1, -2], [3, 3, -1, -2]]
        assert y.tolist() == [expected]
        assert y.numpy().dtype == kind
        assert where[0, 0].tolist() == [0, 1, 1, 2]
    y = F.max_pool1d(zincir.tensor([[1, 255, 0, 7]], dtype=zincir.uint8), 2)
    assert y.tolist() == [[255, 7]]
    assert y.dtype is zincir.uint8
    y = F.max_pool1d(zincir.full((1, 3), -(2**63), dtype=zincir.int64), 2, 1)
    assert y.tolist() == [[-(2**63), -(2**63)]]
    assert F.avg_pool1d(zincir.tensor([[1, 2, -1, -2]]), 2).tolist() == [[1, -1]]


def test_sizes_rounded_up() -> None:
    assert F.max_pool1d(zincir.ones(1, 6), 3, 2).shape == (1, 2)
    assert F.max_pool1d(zincir.ones(1, 6), 3, 2, ceil_mode=True).shape == (1, 3)
    # The third window would begin in the border on the right: there is none
    assert F.max_pool1d(zincir.ones(1, 3), 2, 2, 1, ceil_mode=True).shape == (1, 2)
    assert F.max_pool1d(zincir.ones(1, 3), 4, 2, ceil_mode=True).shape == (1, 1)
    y = F.avg_pool1d(zincir.tensor([[1.0, 1.0, 1.0]]), 2, 2, ceil_mode=True)
    assert y.tolist() == [[1.0, 1.0]]
    y = F.lp_pool1d(zincir.tensor([[3.0, 4.0, 2.0]]), 2, 2, ceil_mode=True)
    np.testing.assert_allclose(y.numpy(), [[5.0, math.sqrt(8.0)]], 1e-6)


def test_what_counts_as_elements() -> None:
    x = zincir.ones(1, 2, 2)
    np.testing.assert_allclose(F.avg_pool2d(x, 3, 2, 1).numpy(), [[[4 / 9]]], 1e-6)
    assert F.avg_pool2d(x, 3, 2, 1, count_include_pad=False).tolist() == [[[1.0]]]
    assert F.avg_pool2d(x, 3, 2, 1, divisor_override=2).tolist() == [[[2.0]]]


def test_norms_have_no_slope_at_zero() -> None:
    x = zincir.tensor([[0.0, 0.0, 3.0, -4.0]], requires_grad=True)
    F.lp_pool1d(x, 2, 2).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0.0, 0.0, 0.6, -0.8]], 1e-6)


@pytest.mark.parametrize("pool", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize("options", [(2,), (3, 2, 1), (4, 1, 2), (8,)])
def test_no_samples(pool: str, options: tuple[int, ...]) -> None:
    x = zincir.ones(0, 3, 8, 8, requires_grad=True)
    y = getattr(F, pool)(x, *options)
    assert y.shape == (0, *getattr(F, pool)(zincir.ones(3, 8, 8), *options).shape)
    y.sum().backward()
    assert x.grad.shape == (0, 3, 8, 8)


def test_views_and_layouts() -> None:
    x = numbers(5, 2, 9, 7)
    for view in (x.permute(1, 0, 3, 2), x[:, :, 1::2, ::3], x.expand(3, 5, 2, 9, 7)[1].flip(3)):
        for pool in (F.max_pool2d, F.avg_pool2d):
            y, same = pool(view, 2, 1), pool(view.contiguous(), 2, 1)
            np.testing.assert_array_equal(y.numpy(), same.numpy())


@pytest.mark.parametrize(
    "layer",
    [
        nn.MaxPool2d(2),
        nn.MaxPool2d(3, 2, 1),
        nn.MaxPool2d(2, 1, 1, 2),
        nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        nn.LPPool2d(2, 2),
        nn.AdaptiveAvgPool2d(3),
        nn.AdaptiveMaxPool2d((2, 3)),
        nn.Unfold(2),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_training_step(layer: nn.Module) -> None:
    """Compiled and node by node: the same loss and the same weights after some steps."""
    x = numbers(4, 2, 8, 7)

    def run(compiled: bool) -> tuple[list[float], Any]:
        weight = zincir.from_numpy(np.full((2, 1, 1), 0.5)).requires_grad_()
        optimizer = zincir.optim.SGD([weight], lr=0.05)

        def step(x: zincir.Tensor) -> zincir.Tensor:
            optimizer.zero_grad()
            loss = ((layer((x * weight).tanh()) - 0.3) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        run_ = zincir.compile(step) if compiled else step
        return [run_(x + k).item() for k in range(3)], weight.detach().numpy().copy()

    (losses, weight), (again, other) = run(False), run(True)
    np.testing.assert_allclose(again, losses, 1e-12)
    np.testing.assert_allclose(other, weight, 1e-12)
    assert not np.allclose(weight, 0.5)


def test_without_gradients() -> None:
    x = zincir.ones(1, 2, 2, requires_grad=True)
    with zincir.no_grad():
        for y in (F.max_pool2d(x, 2), F.avg_pool2d(x, 2), F.unfold(x, 2)):
            assert not y.requires_grad
    assert not F.max_pool2d(x, 2, return_indices=True)[1].requires_grad


def explained(call: Callable[[], Any], kind: type[Exception], *parts: str) -> None:
    with pytest.raises(kind) as error:
        call()
    text = str(error.value)
    assert f"{__file__.rsplit('/', 1)[-1]}:" in text
    for part in parts:
        assert part in text


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_windows_that_do_not_fit(name: str) -> None:
    pool = getattr(F, name)
    x = zincir.ones(1, 4, 5)
    explained(
        lambda: pool(x, 7, padding=1),
        ShapeError,
        f"{name}: the window is larger than the input with its padding",
        "expected  windows that reach over no more than (6, 7)",
        "got       windows that reach over (7, 7)",
        "a smaller kernel_size",
    )
    explained(
        lambda: pool(x, (2, 3), padding=(1, 2)),
        ArgumentError,
        f"{name}: padding is more than half of the window",
        "padding up to (1, 1)",
        "got       padding=(1, 2), kernel_size=(2, 3)",
    )
    explained(
        lambda: pool(x, 2, 0),
        ArgumentError,
        f"{name}: stride does not fit",
        "expected  an int, 1 or more, or 2 of them",
        "got       stride=0",
    )
    for kernel in (0, (2, 2, 2), 2.0, "2", (2, -1)):
        explained(lambda kernel=kernel: pool(x, kernel), ArgumentError, f"kernel_size={kernel!r}")
    explained(lambda: pool(x, 2, padding=-1), ArgumentError, "padding does not fit", "0 or more")
    explained(
        lambda: pool(x[0], 2),
        ShapeError,
        f"{name}: the input has a wrong shape",
        "(batch, channels, height, width) or (channels, height, width)",
        "got       (4, 5) float32",
        "x.unsqueeze(0)",
    )
    explained(lambda: pool(x.reshape(1, 1, 1, 4, 5), 2), ShapeError, "x.flatten(0, 1)")
    explained(lambda: pool(zincir.ones(2, 0, 4, 4), 2), ShapeError, "only the batch may be 0")
    explained(lambda: pool(np.ones((1, 4, 5)), 2), DTypeError, f"{name}: input: not a tensor")


def test_what_else_is_refused() -> None:
    x = zincir.ones(1, 4)
    explained(lambda: F.max_pool1d(x, 2, dilation=4), ShapeError, "reach over (5,)", "than (4,)")
    explained(lambda: F.max_pool1d(x, 2, dilation=0), ArgumentError, "dilation does not fit")
    explained(lambda: F.max_pool1d(x, (2, 2)), ArgumentError, "an int, 1 or more\n")
    explained(lambda: F.max_pool1d(x > 0, 2), DTypeError, "has no numbers", "bool (1, 4)")
    explained(lambda: F.avg_pool1d(x.int(), 2), DTypeError, "floating tensor", "x.float()")
    explained(lambda: F.lp_pool1d(x.long(), 2, 2), DTypeError, "floating tensor")
    explained(lambda: F.lp_pool1d(x, 0, 2), ArgumentError, "there is no norm of type 0")
    explained(
        lambda: F.avg_pool2d(x.reshape(1, 2, 2), 2, divisor_override=0),
        ArgumentError,
        "avg_pool2d: divisor_override is 0",
    )
    explained(lambda: F.max_pool3d(x, 2), ShapeError, "channels, depth, height, width")


def test_layers_look_as_in_pytorch() -> None:
    assert repr(nn.MaxPool2d(3, 2)) == (
        "MaxPool2d(kernel_size=3, stride=2, padding=0, dilation=1, ceil_mode=False)"
    )
    assert repr(nn.AvgPool2d((2, 1))) == "AvgPool2d(kernel_size=(2, 1), stride=(2, 1), padding=0)"
    assert repr(nn.LPPool1d(2, 3)) == (
        "LPPool1d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False)"
    )
    assert repr(nn.AdaptiveMaxPool2d((None, 2))) == "AdaptiveMaxPool2d(output_size=(None, 2))"
    assert repr(nn.MaxUnpool2d(2)) == "MaxUnpool2d(kernel_size=2, stride=2, padding=0)"
    assert repr(nn.Fold(4, 2)) == (
        "Fold(output_size=4, kernel_size=2, dilation=1, padding=0, stride=1)"
    )


def test_indices_from_layers() -> None:
    x = distinct(1, 2, 4, 6)
    y, where = nn.MaxPool2d(2, return_indices=True)(x)
    flat = np.take_along_axis(x.numpy().reshape(2, 24), where.numpy().reshape(2, 6), 1)
    np.testing.assert_array_equal(flat.reshape(1, 2, 2, 3), y.numpy())


def test_looks_of_one_axis() -> None:
    assert repr(nn.AvgPool1d(3, 2, 1)) == "AvgPool1d(kernel_size=(3,), stride=(2,), padding=(1,))"
    assert nn.AvgPool1d(2)(zincir.tensor([[1.0, 3.0, 5.0, 7.0]])).tolist() == [[2.0, 6.0]]
