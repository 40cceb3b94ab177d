"""Pixel and channel shuffles: numbers worked out by NumPy, gradients, errors."""

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.autograd import gradcheck
from zincir.errors import ArgumentError, ShapeError

F = nn.functional


@pytest.mark.parametrize("shape", [(8, 2, 3), (1, 18, 1, 2), (2, 3, 4, 3, 1)])
def test_pixels(shape: tuple[int, ...]) -> None:
    r = 3 if shape[1] == 18 else 2
    x = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    y = F.pixel_shuffle(zincir.from_numpy(x), r)
    c = shape[-3] // r**2
    assert y.shape == (*shape[:-3], c, shape[-2] * r, shape[-1] * r)
    for i in range(r):
        for j in range(r):
            np.testing.assert_array_equal(
                y.numpy()[..., i::r, j::r], x[..., i * r + j :: r * r, :, :]
            )
    np.testing.assert_array_equal(F.pixel_unshuffle(y, r).numpy(), x)


def test_channels() -> None:
    x = np.arange(24.0).reshape(2, 6, 2)
    y = F.channel_shuffle(zincir.from_numpy(x), 3)
    np.testing.assert_array_equal(y.numpy(), x[:, [0, 2, 4, 1, 3, 5]])
    np.testing.assert_array_equal(F.channel_shuffle(y, 2).numpy(), x)


def test_gradients() -> None:
    x = zincir.randn(1, 8, 2, 2, dtype=zincir.float64, requires_grad=True)
    assert gradcheck(lambda x: F.pixel_shuffle(x, 2).square(), x)
    assert gradcheck(lambda x: F.pixel_unshuffle(x, 2).square(), x)
    assert gradcheck(lambda x: F.channel_shuffle(x, 4).square(), x)


def test_empty_batches_and_views() -> None:
    assert F.pixel_shuffle(zincir.ones(0, 4, 3, 2), 2).numpy().shape == (0, 1, 6, 4)
    assert F.channel_shuffle(zincir.ones(0, 4, 3), 2).numpy().shape == (0, 4, 3)
    x = zincir.randn(3, 2, 8).permute(2, 0, 1)
    np.testing.assert_array_equal(
        F.pixel_shuffle(x, 2).numpy(), F.pixel_shuffle(x.contiguous(), 2).numpy()
    )


def test_errors() -> None:
    x = zincir.ones(2, 6, 4, 5)
    with pytest.raises(ShapeError, match=r"pixel_shuffle: the channels do not divide by 2 \* 2"):
        F.pixel_shuffle(x, 2)
    with pytest.raises(ShapeError, match=r"height and width do not divide by 2[\s\S]*pad"):
        F.pixel_unshuffle(x, 2)
    with pytest.raises(ShapeError, match="channels do not divide into 4 groups"):
        F.channel_shuffle(x, 4)
    with pytest.raises(ShapeError, match="at least three dimensions"):
        F.channel_shuffle(zincir.ones(2, 6), 2)
    with pytest.raises(
        ArgumentError, match=r"upscale_factor is not a positive int[\s\S]*2\.0 \(float"
    ):
        F.pixel_shuffle(x, 2.0)
    for layer in ("PixelShuffle", "PixelUnshuffle", "ChannelShuffle"):
        with pytest.raises(ArgumentError, match=f"{layer}: .* is not a positive int"):
            getattr(nn, layer)(0)
