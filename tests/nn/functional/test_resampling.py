"""Interpolation: values of a slow twin, gradients, compiled steps, every error."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.autograd import gradcheck, gradgradcheck
from zincir.errors import ArgumentError, DTypeError, ShapeError

F = nn.functional
WAYS: list[tuple[int, dict[str, Any]]] = [
    (1, {"mode": "nearest"}),
    (2, {"mode": "nearest-exact"}),
    (3, {"mode": "nearest"}),
    (1, {"mode": "linear"}),
    (1, {"mode": "linear", "align_corners": True}),
    (2, {"mode": "bilinear"}),
    (2, {"mode": "bilinear", "antialias": True}),
    (2, {"mode": "bicubic"}),
    (2, {"mode": "bicubic", "align_corners": True}),
    (3, {"mode": "trilinear"}),
    (2, {"mode": "area"}),
]
ways = pytest.mark.parametrize(("axes", "options"), WAYS, ids=str)
SPATIAL = (4, 3, 2)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


@ways
def test_gradients_of_two_orders(axes: int, options: dict[str, Any]) -> None:
    x = zincir.from_numpy(numbers(1, 2, *SPATIAL[:axes])).requires_grad_()
    for size in ([8, 2, 3][:axes], [3, 6, 2][:axes]):
        assert gradcheck(lambda x, size=size: F.interpolate(x, size, **options), x, fast_mode=True)
        assert gradgradcheck(
            lambda x, size=size: F.interpolate(x.square(), size, **options), x, fast_mode=True
        )


@ways
def test_a_compiled_step_is_the_plain_one(axes: int, options: dict[str, Any]) -> None:
    def step(w: zincir.Tensor, x: zincir.Tensor) -> tuple[zincir.Tensor, zincir.Tensor]:
        y = F.interpolate(x * w, scale_factor=2, **options)
        loss = (F.interpolate(y.tanh(), 3, **options) ** 2).sum()
        (g,) = zincir.autograd.grad(loss, [w])
        return loss, g

    w = zincir.from_numpy(numbers(2, *[1] * axes)).requires_grad_()
    compiled = zincir.compile(step)
    for seed in range(3):
        x = np.random.default_rng(seed).standard_normal((2, 2, *SPATIAL[:axes]))
        for one, other in zip(
            compiled(w, zincir.from_numpy(x)), step(w, zincir.from_numpy(x)), strict=True
        ):
            np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), 1e-9)


@ways
def test_views_types_and_empty_batches(axes: int, options: dict[str, Any]) -> None:
    x = numbers(*SPATIAL[:axes], 3, 2)
    view = np.moveaxis(x, (-1, -2), (0, 1))
    ours = zincir.from_numpy(x).permute(axes + 1, axes, *range(axes))
    y = F.interpolate(ours, 5, **options)
    expected = F.interpolate(zincir.from_numpy(np.ascontiguousarray(view)), 5, **options)
    np.testing.assert_allclose(y.numpy(), expected.numpy(), 1e-12)
    single = F.interpolate(ours.float(), 5, **options)
    assert single.dtype is zincir.float32
    np.testing.assert_allclose(single.numpy(), y.numpy(), 1e-4, 1e-5)
    empty = F.interpolate(zincir.zeros(0, 3, *SPATIAL[:axes]), 5, **options)
    assert empty.numpy().shape == (0, 3, *[5] * axes)


def test_sizes() -> None:
    x = zincir.arange(6).reshape(1, 1, 2, 3)
    assert F.interpolate(x, scale_factor=(2, 1)).tolist()[0][0] == [
        [0, 1, 2], [0, 1, 2], [3, 4, 5], [3, 4, 5]
    ]  # fmt: skip
    assert F.interpolate(x, scale_factor=1.5).shape == (1, 1, 3, 4)
    assert F.interpolate(x, size=4).shape == (1, 1, 4, 4)
    one, two = (
        F.interpolate(x.double(), scale_factor=1.9, mode="bilinear", recompute_scale_factor=again)
        for again in (None, True)
    )
    assert one.shape == two.shape
    assert one.tolist() != two.tolist()


def test_what_is_a_view_or_a_sum_stays_one() -> None:
    """Whole factors need no table of places, forwards or backwards."""
    x = zincir.ones(1, 2, 4, 6, requires_grad=True)
    for factor in (3, 0.5):
        y = F.interpolate(x, scale_factor=factor)
        (g,) = zincir.autograd.grad(y.sum(), [x])
        for root in (y, g):
            seen, waiting = set(), [root._node]
            while waiting:
                node = waiting.pop()
                seen.add(node.op.name)
                waiting += node.inputs
            assert not seen & {"take", "scatter", "matmul"}


@pytest.mark.parametrize(
    ("shape", "options", "error", "text"),
    [
        ((1, 1, 4), {"size": 2, "scale_factor": 2}, ArgumentError, "contradict each other"),
        ((1, 1, 4), {}, ArgumentError, "no size is given"),
        ((1, 1, 4), {"size": (2, 2)}, ArgumentError, r"size has 2 numbers for 1 axes"),
        ((1, 1, 4), {"scale_factor": (2, 2)}, ArgumentError, "scale_factor has 2 numbers"),
        ((1, 1, 4), {"size": 2.0}, ArgumentError, "size is not made of ints"),
        ((1, 1, 4), {"scale_factor": -1}, ArgumentError, "scale_factor is not positive"),
        ((1, 1, 4), {"scale_factor": 0.1}, ShapeError, r"1 or more[\s\S]*\(1, 1, 0\)"),
        ((1, 1, 0), {"size": 3}, ShapeError, r"1 or more[\s\S]*\(1, 1, 0\)"),
        ((1, 1, 4), {"size": 2, "recompute_scale_factor": True}, ArgumentError, "to recompute"),
        ((1, 1, 4), {"size": 2, "mode": "cubic"}, ArgumentError, r"unknown mode[\s\S]*'bicubic'"),
        ((1, 1, 4), {"size": 2, "align_corners": False}, ArgumentError, "has no align_corners"),
        ((1, 1, 4), {"size": 2, "mode": "area", "align_corners": True}, ArgumentError, "'area'"),
        ((1, 1, 4), {"size": 2, "mode": "bilinear"}, ShapeError, r"3 dim[\s\S]*mode='linear'"),
        ((1, 1, 4, 4), {"size": 2, "mode": "trilinear"}, ShapeError, r"4 dim[\s\S]*\(N, C, D,"),
        ((4, 4), {"size": 2}, ShapeError, r"2 dimensions[\s\S]*unsqueeze"),
        ((1, 1, 4), {"size": 2, "antialias": True}, ArgumentError, "'nearest' has no antialias"),
    ],
)  # fmt: skip
def test_errors(
    shape: tuple[int, ...], options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=f"interpolate: .*{text}") as raised:
        F.interpolate(zincir.ones(shape), **options)
    assert "test_resampling.py" in str(raised.value)


def test_integers_are_copied_and_not_mixed() -> None:
    x = zincir.arange(2).reshape(1, 1, 2)
    assert F.interpolate(x, 3).dtype is zincir.int64
    with pytest.raises(DTypeError, match="interpolate: input: needs a floating tensor"):
        F.interpolate(x, 3, mode="linear")
