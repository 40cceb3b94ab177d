"""Geometry of augmentation beside PyTorch's resampling, put together as torchvision does."""

import math

import numpy as np
import pytest

from zincir.data import augment as A
from zincir.data.augment import affine, sampling, tone

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch
F = torch.nn.functional


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape).astype(np.float32)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("shape", [(8, 3, 12, 17), (8, 1, 9, 9), (1, 2, 5, 4)])
def test_affine_maps(interpolation: str, shape: tuple[int, ...]) -> None:
    x = images(*shape)
    n, _, h, w = shape
    turn = A.RandomAffine(50, (0.2, 0.3), (0.6, 1.4), (-15, 15, -10, 10), interpolation, 0.25)
    chain = A.Compose([turn])
    out = chain(x, epoch=0, index=range(n))
    (maps,) = chain.draw(shape, epoch=0, index=range(n))
    theta = torch.from_numpy(maps.reshape(n, 2, 3)).double()
    # torchvision: coordinates in pixels from the middle, maps scaled to -1 .. 1 of grid_sample
    across, down = torch.arange(w) - (w - 1) / 2, torch.arange(h) - (h - 1) / 2
    base = torch.stack([across.expand(h, w), down[:, None].expand(h, w), torch.ones(h, w)], -1)
    grid = base.double() @ theta.transpose(1, 2)[:, None] / torch.tensor([w / 2, h / 2]).double()
    both = torch.cat([torch.from_numpy(x), torch.ones(n, 1, h, w)], 1).double()
    got = F.grid_sample(both, grid, interpolation, "zeros", align_corners=False)
    mask = got[:, -1:]
    want = got[:, :-1] * (mask > 0.5) + 0.25 * (mask <= 0.5)
    if interpolation == "bilinear":
        want = got[:, :-1] + 0.25 * (1 - mask)
    off = np.abs(out - want.numpy())
    if interpolation == "bilinear":
        assert off.max() < 1e-4
    else:  # places in the middle of two pixels may go either way
        assert (off > 1e-5).mean() < 0.01


@pytest.mark.parametrize("size", [(8, 9), (5, 23), (31, 4), (13, 17), 7])
def test_resize_is_antialiased_interpolation(size: int | tuple[int, int]) -> None:
    x = images(2, 3, 13, 17)
    out = A.Compose([A.Resize(size)])(x, epoch=0, index=[0, 1])
    want = F.interpolate(
        torch.from_numpy(x), out.shape[2:], mode="bilinear", antialias=True, align_corners=False
    )
    np.testing.assert_allclose(out, want.numpy(), atol=1e-5)
    near = A.Compose([A.Resize(size, "nearest")])(x, epoch=0, index=[0, 1])
    want = F.interpolate(torch.from_numpy(x), near.shape[2:], mode="nearest-exact")
    np.testing.assert_array_equal(near, want.numpy())


def test_resized_crops_are_crops_resized() -> None:
    x = images(16, 3, 20, 26)
    chain = A.Compose([A.RandomResizedCrop((9, 12))])
    out = chain(x, epoch=0, index=range(16))
    (boxes,) = chain.draw(x.shape, epoch=0, index=range(16))
    for n, (top, left, height, width) in enumerate(boxes.astype(int)):
        part = torch.from_numpy(x[n : n + 1, :, top : top + height, left : left + width])
        want = F.interpolate(part, (9, 12), mode="bilinear", antialias=True)
        np.testing.assert_allclose(out[n], want[0].numpy(), atol=1e-5)


def test_sharpness_is_a_convolution() -> None:
    x = images(4, 3, 8, 9)
    factor = np.array([0.0, 0.4, 1.0, 1.9], np.float32)
    kernel = torch.tensor([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]])[None, None] / 13
    blurred = torch.from_numpy(x.copy())
    blurred[:, :, 1:-1, 1:-1] = F.conv2d(torch.from_numpy(x), kernel.repeat(3, 1, 1, 1), groups=3)
    f = factor[:, None, None, None]
    want = np.clip(f * x + (1 - f) * blurred.numpy(), 0, 1)
    np.testing.assert_allclose(tone.sharpen(x, factor), want, atol=1e-6)


@pytest.mark.parametrize(("padding", "sides"), [(2, (2, 2, 2, 2)), ((1, 3), (1, 1, 3, 3)),
                                                ((4, 0, 1, 2), (4, 1, 0, 2))])  # fmt: skip
@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
def test_margins(padding: int | tuple[int, ...], sides: tuple[int, ...], mode: str) -> None:
    x = images(2, 3, 6, 7)
    out = A.Compose([A.Pad(padding, 0.25, mode)])(x, epoch=0, index=[0, 1])
    theirs = {"edge": "replicate"}.get(mode, mode)
    value = 0.25 if mode == "constant" else None
    want = F.pad(torch.from_numpy(x), sides, theirs, value)  # left, right, top, bottom
    np.testing.assert_array_equal(out, want.numpy())


@pytest.mark.parametrize("kernel", [1, 3, 7, (5, 3), (1, 9)])
def test_blur_is_a_convolution_with_a_gaussian(kernel: int | tuple[int, int]) -> None:
    x = images(3, 2, 9, 10)
    chain = A.Compose([A.GaussianBlur(kernel, (0.3, 2.5))])
    out = chain(x, epoch=0, index=range(3))
    (sigmas,) = chain.draw(x.shape, epoch=0, index=range(3))
    assert 0.3 <= sigmas.min() < sigmas.max() <= 2.5
    wide, high = (kernel, kernel) if isinstance(kernel, int) else kernel
    for i, sigma in enumerate(sigmas[:, 0].tolist()):
        lines = []
        for size in (high, wide):  # as torchvision computes it
            end = (size - 1) / (2 * math.sqrt(2))
            lines.append(torch.softmax(-((torch.linspace(-end, end, size) / sigma) ** 2), 0))
        weights = torch.outer(*lines)[None, None].repeat(2, 1, 1, 1)
        margins = (wide // 2, wide // 2, high // 2, high // 2)
        padded = F.pad(torch.from_numpy(x[i : i + 1]), margins, "reflect")
        want = F.conv2d(padded, weights, groups=2)
        np.testing.assert_allclose(out[i], want[0].numpy(), atol=1e-5)


def test_a_rotation_of_45_degrees_keeps_the_middle() -> None:
    x = np.zeros((1, 1, 15, 15), np.float32)
    x[0, 0, 7, 7:] = 1
    maps = affine.inverse_map((1, 15, 15), np.array([-45.0]))
    out = sampling.affine(x, maps, "bilinear")
    bright = np.argwhere(out[0, 0] > 0.3)
    assert bright[:, 0].max() <= 8  # counter-clockwise: to the right turns up
    assert out[0, 0, 7, 7] == pytest.approx(1)
    assert out[0, 0, 4, 10] > 0.5
    assert math.isclose(float(out.sum()), 8, rel_tol=0.15)
