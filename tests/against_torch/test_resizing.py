"""Borders, interpolation, grids and shuffles beside PyTorch's: values, gradients, refusals."""

import itertools
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch

F = nn.functional


def numbers(*shape: int, seed: int = 0, span: float = 2.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-span, span, shape)


def answers(library: Any, name: str, arrays: list[np.ndarray], *args: Any, **options: Any) -> Any:
    """The result and the gradients of a function, or None where it refuses."""
    given = [library.from_numpy(array.copy()) for array in arrays]
    for tensor in given:
        tensor.requires_grad_(True)
    try:
        y = getattr(library.nn.functional, name)(*given, *args, **options)
    except (RuntimeError, ValueError, NotImplementedError):
        return None
    weights = library.from_numpy(numbers(*y.shape, seed=9).astype(arrays[0].dtype))
    (y * weights).sum().backward()
    return [y.detach().numpy(), *(t.grad.numpy() for t in given if t.grad is not None)]


def agree(
    name: str, arrays: list[np.ndarray], *args: Any, rtol: float = 1e-9, **options: Any
) -> None:
    ours, theirs = (answers(lib, name, arrays, *args, **options) for lib in (zincir, torch))
    case = f"{name}{[a.shape for a in arrays]} {args} {options}"
    assert (ours is None) == (theirs is None), case
    for mine, other in zip(ours or (), theirs or (), strict=True):
        assert mine.dtype == other.dtype, case
        assert mine.shape == other.shape, case
        np.testing.assert_allclose(mine, other, rtol, rtol, err_msg=case)


# --- borders ------------------------------------------------------------------------------------


def same_meaning(shape: tuple[int, ...], pads: list[int], mode: str) -> bool:
    """Whether PyTorch has a definite answer.

    It reads memory it has not written when a circular border is longer than what cropping left,
    and refuses empty results of the other modes in one and two dimensions only.
    """
    for k, n in enumerate(reversed(shape[len(shape) - len(pads) // 2 :])):
        pair = pads[2 * k : 2 * k + 2]
        left = n + min(pair[0], 0) + min(pair[1], 0)
        if mode == "circular" and (left < 1 or left < max(pair) <= n):
            return False
        if mode in ("reflect", "replicate") and n + sum(pair) < 1:
            return False
    return True


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    ("shape", "count"),
    [
        ((3, 5), 2), ((2, 3, 5), 2), ((1, 4, 5), 4), ((2, 3, 4, 5), 4), ((2, 3, 4, 3), 6),
        ((1, 2, 3, 4, 3), 6), ((0, 3, 5), 2), ((2, 3, 4, 5), 2), ((4, 5), 6),
    ],
)  # fmt: skip
def test_pad(mode: str, shape: tuple[int, ...], count: int) -> None:
    random, compared = np.random.default_rng(count), 0
    for low in (-3, 0):
        for _ in range(12):
            pads = random.integers(low, 4, count).tolist()
            if same_meaning(shape, pads, mode):
                options = {"value": 1.5} if mode == "constant" else {}
                agree("pad", [numbers(*shape)], pads, mode, **options)
                compared += 1
    assert compared > 3


# --- interpolation ------------------------------------------------------------------------------

SIZES: list[dict[str, Any]] = [
    {"size": 1}, {"size": 7}, {"size": (4, 9, 2)}, {"scale_factor": 2}, {"scale_factor": 3},
    {"scale_factor": 0.5}, {"scale_factor": 2.7}, {"scale_factor": (0.6, 1.7, 2.2)},
    {"scale_factor": 1.9, "recompute_scale_factor": True},
]  # fmt: skip
MODES = {
    "linear": [(2, 3, 7), (1, 1, 1)],
    "bilinear": [(2, 3, 5, 7), (1, 1, 1, 4)],
    # Wide enough: PyTorch 2.13 repeats the first row of an antialiased output one column wide
    "bicubic": [(2, 3, 5, 7), (1, 2, 1, 5)],
    "trilinear": [(1, 2, 3, 4, 5)],
    "nearest": [(2, 3, 7), (2, 3, 5, 7), (1, 2, 3, 4, 5)],
    "nearest-exact": [(2, 3, 7), (2, 3, 5, 7), (1, 2, 3, 4, 5)],
    "area": [(2, 3, 7), (2, 3, 5, 7), (1, 2, 3, 4, 5)],
}
INTERPOLATIONS = [
    (mode, corners, antialias)
    for mode in MODES
    for corners in ((None,) if mode[0] in "na" else (None, True))
    for antialias in ((False, True) if mode[0] == "b" else (False,))
]


@pytest.mark.parametrize(("mode", "corners", "antialias"), INTERPOLATIONS)
def test_interpolate(mode: str, corners: bool | None, antialias: bool) -> None:
    # Which of two equally near elements is taken depends on PyTorch's single precision
    kind, rtol = (np.float32, 1e-5) if mode.startswith("nearest") else (np.float64, 1e-9)
    for shape, sizes in itertools.product(MODES[mode], SIZES):
        options: dict[str, Any] = {
            k: v[: len(shape) - 2] if isinstance(v, tuple) else v for k, v in sizes.items()
        }
        options |= {"mode": mode, "align_corners": corners, "antialias": antialias}
        agree("interpolate", [numbers(*shape).astype(kind)], rtol=rtol, **options)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [False, True])
def test_bytes_are_mixed_in_whole_numbers(mode: str, antialias: bool) -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 9)).astype(np.uint8)
    for size in ((4, 13), (14, 9), (7, 4)):
        for corners in (False, True):
            ours, theirs = (
                library.nn.functional.interpolate(
                    library.tensor(x), size, mode=mode, align_corners=corners, antialias=antialias
                ).numpy()
                for library in (zincir, torch)
            )
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("exact", [False, True])
def test_nearest_takes_the_same_elements(exact: bool) -> None:
    mode = "nearest-exact" if exact else "nearest"
    for n, m in itertools.product((1, 2, 5, 14, 26, 31), (1, 3, 22, 41, 46)):
        x = np.arange(n, dtype=np.float32).reshape(1, 1, 1, n)
        ours = F.interpolate(zincir.from_numpy(x), (1, m), mode=mode).numpy()
        theirs = torch.nn.functional.interpolate(torch.from_numpy(x), (1, m), mode=mode).numpy()
        np.testing.assert_array_equal(ours, theirs, err_msg=f"{n} -> {m}")


def test_single_precision_and_views() -> None:
    x = numbers(5, 7, 3, 2).astype(np.float32)
    for mode in ("bilinear", "bicubic", "nearest", "area"):
        ours, theirs = (
            lib.nn.functional.interpolate(lib.from_numpy(x).permute(3, 2, 0, 1), 9, mode=mode)
            for lib in (zincir, torch)
        )
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), 1e-4, 1e-5)


# --- grids --------------------------------------------------------------------------------------


@pytest.mark.parametrize("edge", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_grid_sample(mode: str, edge: str) -> None:
    for x, grid in (
        ((2, 3, 4, 5), (2, 6, 7, 2)), ((1, 1, 1, 3), (1, 2, 2, 2)), ((2, 2, 3, 4), (2, 0, 2, 2)),
        ((2, 2, 3, 4, 5), (2, 2, 3, 2, 3)),
    ):  # fmt: skip
        for corners in (False, True):
            arrays = [numbers(*x), numbers(*grid, seed=1, span=3.0)]
            ours, theirs = (
                answers(lib, "grid_sample", arrays, mode, edge, corners) for lib in (zincir, torch)
            )
            assert (ours is None) == (theirs is None) == (mode == "bicubic" and len(x) == 5)
            for mine, other in zip(ours or (), theirs or (), strict=mode != "nearest"):
                np.testing.assert_allclose(mine, other, 1e-9, 1e-9)
            if mode == "nearest":
                assert not theirs[2].any()  # What is 0 there, is not computed here
                assert len(ours) == 2


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("size", [(2, 3, 4, 5), (1, 2, 2, 3), (2, 2, 3, 4, 5)])
def test_affine_grid(size: tuple[int, ...], corners: bool) -> None:
    agree("affine_grid", [numbers(size[0], len(size) - 2, len(size) - 1)], size, corners)


# --- shuffles -----------------------------------------------------------------------------------


def test_shuffles() -> None:
    for shape, r in (((2, 8, 3, 5), 2), ((9, 1, 2), 3), ((2, 3, 4, 2, 2), 2), ((2, 6, 2, 2), 2)):
        agree("pixel_shuffle", [numbers(*shape)], r)
    for shape, r in (((2, 2, 6, 4), 2), ((1, 3, 6), 3), ((2, 2, 6, 5), 2)):
        agree("pixel_unshuffle", [numbers(*shape)], r)
    for shape, groups in (((2, 6, 3), 3), ((1, 6, 2, 3), 2), ((2, 6, 2), 4), ((1, 1, 1), 1)):
        agree("channel_shuffle", [numbers(*shape)], groups)


# --- layers -------------------------------------------------------------------------------------

LAYERS: list[tuple[str, tuple[Any, ...], tuple[int, ...]]] = [
    *((f"{kind}1d", ((2, 1),), (2, 3, 4)) for kind in ("ZeroPad", "ReflectionPad", "CircularPad")),
    *((f"{kind}2d", (1,), (3, 4, 5)) for kind in ("ZeroPad", "ReflectionPad", "ReplicationPad")),
    *((f"{kind}3d", (1,), (2, 3, 4, 2)) for kind in ("ZeroPad", "ReplicationPad", "CircularPad")),
    ("ConstantPad2d", ((1, 0, 2, 1), -0.5), (1, 2, 3, 4)),
    ("PixelShuffle", (2,), (1, 4, 2, 3)),
    ("PixelUnshuffle", (2,), (1, 1, 4, 6)),
    ("ChannelShuffle", (2,), (1, 4, 2)),
    ("Upsample", (None, (2.0, 1.5), "bilinear"), (1, 2, 3, 4)),
    ("Upsample", (5,), (1, 2, 3)),
    ("UpsamplingNearest2d", (None, 2), (1, 2, 3, 4)),
    ("UpsamplingBilinear2d", ((4, 5),), (1, 2, 3, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "shape"), LAYERS)
def test_layers(name: str, args: tuple[Any, ...], shape: tuple[int, ...]) -> None:
    x = numbers(*shape)
    ours, theirs = (getattr(lib.nn, name)(*args) for lib in (zincir, torch))
    assert repr(ours) == repr(theirs)
    y = theirs(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours(zincir.from_numpy(x)).numpy(), y, 1e-9, 1e-12)
