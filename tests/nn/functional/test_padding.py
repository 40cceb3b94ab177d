"""Borders: numbers worked out by NumPy, gradients, and every error."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.autograd import gradcheck, gradgradcheck
from zincir.errors import ArgumentError, DTypeError, ShapeError

F = nn.functional
NUMPY = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
modes = pytest.mark.parametrize("mode", NUMPY)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


@modes
@pytest.mark.parametrize(
    ("shape", "pad"),
    [
        ((2, 5), (1, 3)),
        ((1, 2, 5), (4, 0)),
        ((2, 3, 4), (2, 1, 0, 2)),
        ((1, 2, 3, 4), (0, 3, 2, 1)),
        ((2, 3, 4, 3), (1, 2, 3, 0, 1, 2)),
        ((1, 2, 3, 2, 2), (1, 1, 0, 0, 2, 1)),
        ((0, 2, 3), (1, 2)),
    ],
)
def test_as_numpy_pads(mode: str, shape: tuple[int, ...], pad: tuple[int, ...]) -> None:
    x = numbers(*shape)
    pairs = list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    widths = [(0, 0)] * (len(shape) - len(pairs)) + pairs
    y = F.pad(zincir.from_numpy(x), pad, mode)
    np.testing.assert_array_equal(y.numpy(), np.pad(x, widths, NUMPY[mode]))


@modes
def test_inputs_that_are_views(mode: str) -> None:
    x = numbers(6, 4, 8)
    view = zincir.from_numpy(x).permute(1, 2, 0)[:, ::2]
    expected = np.pad(x.transpose(1, 2, 0)[:, ::2], [(0, 0), (0, 0), (2, 1)], NUMPY[mode])
    np.testing.assert_array_equal(F.pad(view, (2, 1), mode).numpy(), expected)


@modes
def test_gradients_of_two_orders(mode: str) -> None:
    x = zincir.from_numpy(numbers(2, 3, 4)).requires_grad_()
    assert gradcheck(lambda x: F.pad(x, (3, 1, -1, 2), mode), x)
    assert gradgradcheck(lambda x: F.pad(x, (2, 1, 1, 2), mode).square(), x)


@modes
def test_a_compiled_step_is_the_plain_one(mode: str) -> None:
    def step(w: zincir.Tensor, x: zincir.Tensor) -> tuple[zincir.Tensor, zincir.Tensor]:
        loss = (F.pad(x * w, (1, 2, 2, 0), mode).tanh() ** 2).sum()
        (g,) = zincir.autograd.grad(loss, [w])
        return loss, g

    w = zincir.from_numpy(numbers(3, 1, 1)).requires_grad_()
    compiled = zincir.compile(step)
    for seed in range(3):
        x = zincir.from_numpy(np.random.default_rng(seed).standard_normal((2, 3, 3, 4)))
        for one, other in zip(compiled(w, x), step(w, x), strict=True):
            np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), 1e-12)


def test_cropping() -> None:
    x = zincir.arange(5).reshape(1, 5)
    assert F.pad(x, (-1, 2)).tolist() == [[1, 2, 3, 4, 0, 0]]
    assert F.pad(x, (-2, -3)).shape == (1, 0)
    assert F.pad(x, (-4, 3), "reflect").tolist() == [[4, 3, 2, 1]]
    assert F.pad(x, (-5, 3), "replicate").tolist() == [[4, 4, 4]]
    assert F.pad(x, (-2, 3), "circular").tolist() == [[2, 3, 4, 2, 3, 4]]
    assert F.pad(x, ()).tolist() == x.tolist()


def test_values_take_the_type_of_the_input() -> None:
    assert F.pad(zincir.arange(2), (1, 0), value=2.7).tolist() == [2, 0, 1]
    assert F.pad(zincir.tensor([True, False]), (0, 1), value=1.0).tolist() == [True, False, True]
    assert F.pad(zincir.ones(1), (1, 0), value=float("-inf")).tolist() == [float("-inf"), 1.0]


@pytest.mark.parametrize(
    ("pad", "options", "error", "text"),
    [
        ((1,), {}, ArgumentError, r"an odd number of numbers[\s\S]*got +pad=\(1,\) for input"),
        ((1, 1) * 4, {}, ArgumentError, "more numbers than the input has sides"),
        ((1, 2.0), {}, ArgumentError, "the numbers are not whole"),
        (3, {}, ArgumentError, "an odd number of numbers"),
        ((1, 1), {"mode": "mirror"}, ArgumentError, r"unknown mode\n[\s\S]*'circular'"),
        ((1, 1), {"mode": "reflect", "value": 1.0}, ArgumentError, "takes no value"),
        ((-3, -3), {}, ShapeError, "dimension 2 has only 5 elements, and more are cropped"),
        ((-6, 9), {"mode": "replicate"}, ShapeError, "more are cropped"),
        ((5, 0), {"mode": "reflect"}, ShapeError, r"size 5 by 5[\s\S]*expected +at most 4"),
        ((0, 6), {"mode": "circular"}, ShapeError, r"size 5 by 6[\s\S]*expected +at most 5"),
        ((-3, 4), {"mode": "circular"}, ShapeError, "size 2 by 4"),
        ((-3, -2), {"mode": "reflect"}, ShapeError, "nothing is left of dimension 2"),
        ((1, 1) * 3, {"mode": "reflect"}, ShapeError, r"3 of 3[\s\S]*\(N, C, D, H, W\)"),
        ((), {"mode": "circular"}, ShapeError, "0 of 3 dimensions"),
    ],
)  # fmt: skip
def test_errors(pad: Any, options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=f"pad: .*{text}") as raised:
        F.pad(zincir.ones(2, 3, 5), pad, **options)
    assert "test_padding.py" in str(raised.value)


def test_more_errors() -> None:
    with pytest.raises(ShapeError, match=r"does not pad 1 of 4[\s\S]*\(N, C, W\)[\s\S]*unsqueeze"):
        F.pad(zincir.ones(1, 2, 3, 4), (1, 1), "reflect")
    with pytest.raises(ShapeError, match=r"size 0 by 1[\s\S]*mode='constant'"):
        F.pad(zincir.ones(2, 0), (1, 1), "replicate")
    with pytest.raises(DTypeError, match="pad: input: not a tensor"):
        F.pad(np.ones(3), (1, 1))
