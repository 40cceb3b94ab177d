"""Grids: places worked out by hand, gradients, edges, every error."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.autograd import gradcheck, gradgradcheck
from zincir.errors import ArgumentError, DTypeError, ShapeError

F = nn.functional


def numbers(*shape: int, low: float = -1.0, high: float = 1.0) -> zincir.Tensor:
    return zincir.from_numpy(np.random.default_rng(0).uniform(low, high, shape))


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_the_identity(mode: str, corners: bool) -> None:
    x = numbers(2, 3, 4, 5)
    theta = zincir.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).double().expand(2, 2, 3)
    grid = F.affine_grid(theta, x.shape, align_corners=corners)
    y = F.grid_sample(x, grid, mode, align_corners=corners)
    np.testing.assert_allclose(y.numpy(), x.numpy(), atol=1e-12)


def test_a_mirror_and_a_turn() -> None:
    x = numbers(1, 1, 3, 3)
    for matrix, expected in (
        ([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], x.numpy()[..., ::-1]),
        ([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], x.numpy().swapaxes(2, 3)),
    ):
        grid = F.affine_grid(zincir.tensor([matrix]).double(), x.shape)
        np.testing.assert_allclose(F.grid_sample(x, grid).numpy(), expected, atol=1e-12)
    volume = numbers(1, 2, 2, 3, 4)
    upside = zincir.tensor([[[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, -1.0, 0]]]).double()
    y = F.grid_sample(volume, F.affine_grid(upside, volume.shape))
    np.testing.assert_allclose(y.numpy(), volume.numpy()[:, :, ::-1], atol=1e-12)


def test_edges() -> None:
    x = zincir.tensor([[[[1.0, 2.0, 4.0]]]])
    grid = zincir.tensor([[[[-3.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [5.0 / 3, 0.0]]]])
    read = {
        edge: F.grid_sample(x, grid, padding_mode=edge, align_corners=False).flatten().tolist()
        for edge in ("zeros", "border", "reflection")
    }
    assert read["zeros"] == [0.0, 0.5, 2.0, 0.0]
    assert read["border"] == [1.0, 1.0, 4.0, 4.0]
    np.testing.assert_allclose(read["reflection"], [4.0, 1.0, 4.0, 3.0], rtol=1e-6)


def test_what_lies_outside_is_not_read() -> None:
    """Places beyond every integer, and values that must not leak through a weight of 0."""
    x = zincir.tensor([[[[float("inf"), 1.0]]]])
    grid = zincir.tensor([[[[1e30, 0.0], [-1e30, 0.0], [3.0, 0.0]]]])
    for mode in ("nearest", "bilinear"):
        assert F.grid_sample(x, grid, mode).flatten().tolist() == [0.0, 0.0, 0.0]
    y = F.grid_sample(x, grid, "nearest", "border")
    assert y.flatten().tolist() == [1.0, float("inf"), 1.0]


@pytest.mark.parametrize("edge", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_gradients_of_two_orders(mode: str, edge: str) -> None:
    x, grid = numbers(1, 2, 3, 3).requires_grad_(), numbers(1, 2, 2, 2, low=-1.6, high=1.6)
    moved = [x, grid] if mode == "nearest" else [x, grid.requires_grad_()]
    assert gradcheck(lambda *t: F.grid_sample(*t, mode, edge), moved, fast_mode=True)
    if (mode, edge) in (("bilinear", "zeros"), ("bilinear", "reflection"), ("bicubic", "border")):
        assert gradgradcheck(
            lambda x, g: F.grid_sample(x.square(), g, mode, edge), moved, fast_mode=True
        )


def test_a_compiled_step_is_the_plain_one() -> None:
    def step(theta: zincir.Tensor, x: zincir.Tensor) -> tuple[zincir.Tensor, zincir.Tensor]:
        y = F.grid_sample(x, F.affine_grid(theta, x.shape), padding_mode="border")
        loss = (y * x).sum()
        (g,) = zincir.autograd.grad(loss, [theta])
        return loss, g

    theta, compiled = numbers(2, 2, 3).requires_grad_(), zincir.compile(step)
    for seed in range(3):
        x = zincir.from_numpy(np.random.default_rng(seed).standard_normal((2, 3, 4, 5)))
        for one, other in zip(compiled(theta, x), step(theta, x), strict=True):
            np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), 1e-10)


@pytest.mark.parametrize(
    ("x", "grid", "options", "error", "text"),
    [
        ((1, 1, 2, 2), (1, 3, 3, 2), {"mode": "linear"}, ArgumentError, r"mode[\s\S]*'bicubic'"),
        ((1, 1, 2, 2, 2), (1, 3, 3, 3, 3), {"mode": "bicubic"}, ArgumentError, "unknown mode"),
        ((1, 1, 2, 2), (1, 3, 3, 2), {"padding_mode": "wrap"}, ArgumentError, "padding_mode"),
        ((1, 1, 2, 2), (1, 2, 3, 3), {}, ShapeError, r"do not fit[\s\S]*permute\(0, 2, 3, 1\)"),
        ((1, 1, 2, 2), (2, 3, 3, 2), {}, ShapeError, r"do not fit[\s\S]*grid \(2, 3, 3, 2\)"),
        ((1, 1, 2), (1, 3, 1), {}, ShapeError, "do not fit"),
        ((1, 1, 0, 2), (1, 3, 3, 2), {}, ShapeError, "do not fit"),
    ],
)  # fmt: skip
def test_errors(
    x: tuple[int, ...], grid: tuple[int, ...], options: dict[str, Any], error: Any, text: str
) -> None:
    with pytest.raises(error, match=f"grid_sample: .*{text}") as raised:
        F.grid_sample(zincir.ones(x), zincir.ones(grid), **options)
    assert "test_resampling_grid.py" in str(raised.value)


def test_more_errors() -> None:
    with pytest.raises(DTypeError, match=r"different types[\s\S]*grid\.to\(input\.dtype\)"):
        F.grid_sample(zincir.ones(1, 1, 2, 2), zincir.ones(1, 2, 2, 2).double())
    with pytest.raises(ShapeError, match=r"affine_grid: .*\n[\s\S]*theta \(1, 2, 2\), size \(1,"):
        F.affine_grid(zincir.ones(1, 2, 2), (1, 1, 3, 3))
    with pytest.raises(ShapeError, match="affine_grid: theta and size do not fit together"):
        F.affine_grid(zincir.ones(2, 2, 3), (1, 1, 3, 3))


def test_a_place_beside_an_element_is_not_reflected_onto_it():
    """0.9999995 lies between the elements 0 and 1, where the image is flat."""
    x = zincir.zeros(1, 1, 1, 13)
    x[..., 2] = 10.0
    place = zincir.tensor([[[[-0.769230842590332, 0.0]]]], requires_grad=True)
    value = F.grid_sample(x, place, padding_mode="reflection", align_corners=False)
    value.sum().backward()
    assert value.item() == 0
    assert place.grad is not None
    assert place.grad.tolist() == [[[[0.0, 0.0]]]]
