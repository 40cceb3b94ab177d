"""Convolutions beside PyTorch's: values, gradients of both orders, layers, training runs."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import DTypeError

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning"),
]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def run(library: Any, function: str, arrays: dict[str, Any], layout: str, **options: Any) -> Any:
    """The result, all gradients, and (if plain) those of the sum of their squares."""
    given = {k: library.from_numpy(a.copy()).requires_grad_(True) for k, a in arrays.items()}
    call = dict(given)
    if layout == "channels last":
        swapped = np.ascontiguousarray(np.moveaxis(arrays["input"], -1, 0))
        given["input"] = library.from_numpy(swapped).requires_grad_(True)
        call["input"] = given["input"].permute(*range(1, swapped.ndim), 0)
    elif layout == "flipped":
        given["input"] = library.from_numpy(np.flip(arrays["input"], -1).copy())
        given["input"].requires_grad_(True)
        call["input"] = given["input"].flip(-1)
    y = getattr(library.nn.functional, function)(**call, **options)
    leaves = list(given.values())
    loss = (y * library.from_numpy(numbers(*y.shape, seed=9))).sum() + (y * y).sum()
    first = library.autograd.grad(loss, leaves, create_graph=layout == "plain")
    second = []
    if layout == "plain":
        second = library.autograd.grad(sum((g * g).sum() for g in first), leaves)
    return [t.detach().numpy() for t in (y, *first, *second)]


def agree(function: str, arrays: dict[str, Any], layout: str = "plain", **options: Any) -> None:
    ours = run(zincir, function, arrays, layout, **options)
    theirs = run(torch, function, arrays, layout, **options)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype
        assert mine.shape == other.shape
        size = np.abs(other).max(initial=1.0)
        np.testing.assert_allclose(mine, other, 1e-8, 1e-11 * size)


def operands(
    shape: tuple[int, ...], out: int, kernel: tuple[int, ...], groups: int = 1, back: bool = False
) -> dict[str, np.ndarray]:
    channels = shape[-len(kernel) - 1]
    weight = (channels, out // groups) if back else (out, channels // groups)
    return {
        "input": numbers(*shape),
        "weight": numbers(*weight, *kernel, seed=1),
        "bias": numbers(out, seed=2),
    }


# input, channels out, kernel, options
CONVOLUTIONS: list[tuple[tuple[int, ...], int, tuple[int, ...], dict[str, Any]]] = [
    ((2, 1, 8, 9), 1, (1, 1), {}),
    ((3, 7, 5, 6), 13, (1, 1), {"stride": 2}),
    ((1, 13, 6, 5), 7, (3, 3), {"padding": 1}),
    ((2, 7, 11, 9), 5, (5, 4), {"padding": (2, 0), "stride": (3, 2)}),
    ((2, 3, 12, 12), 4, (2, 3), {"dilation": (3, 2), "stride": (2, 3)}),
    ((1, 2, 10, 9), 3, (3, 3), {"dilation": 2, "padding": 3, "stride": 2}),
    ((2, 6, 7, 7), 9, (3, 2), {"groups": 3, "padding": 1}),
    ((2, 13, 7, 6), 13, (3, 3), {"groups": 13, "padding": "same"}),
    ((1, 7, 9, 8), 14, (5, 5), {"groups": 7, "stride": 2, "padding": 2}),
    ((2, 4, 9, 9), 4, (3, 3), {"groups": 4, "dilation": 2, "stride": 2, "padding": (2, 1)}),
    ((2, 3, 6, 5), 2, (4, 2), {"padding": "same", "dilation": (1, 3)}),
    ((2, 3, 6, 5), 2, (6, 5), {"padding": "valid"}),
    ((3, 8, 7), 5, (3, 4), {"padding": 1}),
    ((0, 3, 6, 6), 4, (3, 3), {"padding": 1, "stride": 2}),
    ((2, 3, 4, 4), 4, (2, 2), {"stride": 5, "padding": 4}),
    ((2, 5, 17), 7, (5,), {"stride": 3, "padding": 2}),
    ((13, 12), 13, (3,), {"dilation": 4, "groups": 13}),
    ((1, 6, 9), 4, (4,), {"padding": "same", "groups": 2}),
    ((2, 3, 4, 6, 5), 5, (2, 3, 3), {"padding": (0, 1, 2), "stride": (1, 2, 3)}),
    ((4, 3, 5, 4), 4, (3, 2, 1), {"dilation": (1, 2, 1), "groups": 2}),
]


@pytest.mark.parametrize(("shape", "out", "kernel", "options"), CONVOLUTIONS)
def test_convolutions(shape: Any, out: int, kernel: Any, options: dict[str, Any]) -> None:
    arrays = operands(shape, out, kernel, options.get("groups", 1))
    agree(f"conv{len(kernel)}d", arrays, **options)
    del arrays["bias"]
    if 0 not in shape:
        for layout in ("channels last", "flipped"):
            agree(f"conv{len(kernel)}d", arrays, layout, **options)


TRANSPOSED: list[tuple[tuple[int, ...], int, tuple[int, ...], dict[str, Any]]] = [
    ((2, 1, 4, 5), 1, (1, 1), {}),
    ((1, 13, 3, 4), 7, (3, 3), {"padding": 1}),
    ((2, 7, 3, 4), 5, (3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    ((2, 3, 3, 2), 4, (2, 5), {"stride": (3, 2), "output_padding": (2, 0)}),
    ((1, 3, 4, 3), 2, (3, 2), {"dilation": (2, 3), "padding": (1, 2), "output_padding": (1, 2)}),
    ((2, 4, 3, 4), 6, (3, 2), {"stride": 2, "dilation": 2, "groups": 2, "padding": 1}),
    ((2, 5, 4, 4), 5, (4, 4), {"groups": 5, "stride": 2, "padding": 1}),
    ((3, 4, 5), 2, (2, 2), {"stride": 4, "output_padding": (3, 1)}),
    ((0, 3, 4, 4), 2, (3, 3), {"stride": 2}),
    ((2, 3, 5), 4, (4,), {"stride": 3, "padding": 2, "output_padding": 2}),
    ((6, 4), 9, (3,), {"groups": 3, "dilation": 2, "stride": 3}),
    ((1, 2, 2, 3, 2), 3, (2, 3, 1), {"stride": (1, 2, 2), "padding": (0, 1, 0)}),
]


@pytest.mark.parametrize(("shape", "out", "kernel", "options"), TRANSPOSED)
def test_transposed(shape: Any, out: int, kernel: Any, options: dict[str, Any]) -> None:
    arrays = operands(shape, out, kernel, options.get("groups", 1), back=True)
    agree(f"conv_transpose{len(kernel)}d", arrays, **options)
    del arrays["bias"]
    if 0 not in shape:
        agree(f"conv_transpose{len(kernel)}d", arrays, "channels last", **options)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64"])
@pytest.mark.parametrize("groups", [1, 4])
def test_whole_numbers(dtype: str, groups: int) -> None:
    rng = np.random.default_rng(0)
    x, w, b = (
        rng.integers(0, 100, shape).astype(dtype)
        for shape in ((2, 4, 6, 5), (8, 4 // groups, 3, 3), (8,))
    )
    names = ("conv2d", "conv_transpose2d") if dtype == "int64" else ("conv2d",)
    for name in names:
        kernel = w[:4] if "transpose" in name else w
        bias = b[: kernel.shape[1] * groups] if "transpose" in name else b
        ours, theirs = (
            getattr(library.nn.functional, name)(
                *map(library.tensor, (x, kernel, bias)), stride=2, padding=1, groups=groups
            ).numpy()
            for library in (zincir, torch)
        )
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


def test_types_that_are_not_multiplied() -> None:
    for name, dtype in (("conv1d", "bool"), ("conv_transpose1d", "int32")):
        x = zincir.ones(1, 2, 5, dtype=getattr(zincir, dtype))
        with pytest.raises(DTypeError, match="one type of numbers"):
            getattr(nn.functional, name)(x, x[:, :, :3])


LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("Conv1d", (3, 4, 3, 2, 1), {"padding_mode": "circular"}, (2, 3, 8)),
    ("Conv2d", (3, 6, (3, 2)), {"groups": 3, "bias": False}, (2, 3, 6, 5)),
    ("Conv2d", (3, 2, (4, 3)), {"padding": "same", "padding_mode": "reflect"}, (2, 3, 6, 5)),
    ("Conv2d", (3, 2, 3, 2, (2, 1)), {"padding_mode": "replicate"}, (3, 6, 5)),
    ("Conv2d", (3, 2, 3, 1, 0), {"padding_mode": "circular", "dilation": 2}, (3, 6, 5)),
    ("Conv3d", (2, 3, 2, 1, (1, 0, 1)), {"padding_mode": "replicate"}, (1, 2, 3, 4, 3)),
    ("ConvTranspose1d", (3, 4, 3, 2, 1, 1), {}, (2, 3, 5)),
    ("ConvTranspose2d", (4, 6, 3, 2, 1, 1, 2, True, 2), {}, (2, 4, 3, 4)),
    ("ConvTranspose3d", (2, 3, 2, (1, 2, 3)), {"bias": False}, (1, 2, 2, 3, 2)),
]


@pytest.mark.parametrize(("name", "arguments", "options", "shape"), LAYERS)
def test_layers(name: str, arguments: Any, options: Any, shape: Any) -> None:
    ours = getattr(nn, name)(*arguments, **options)
    theirs = getattr(torch.nn, name)(*arguments, **options)
    assert repr(ours) == repr(theirs)
    state = theirs.state_dict()
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in state.items()
    }
    ours.load_state_dict({k: v.numpy() for k, v in state.items()})
    x = numbers(*shape).astype(np.float32)
    mine = ours(zincir.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(mine, theirs(torch.from_numpy(x)).detach().numpy(), 1e-4, 1e-5)


@pytest.mark.parametrize("name", ["Conv2d", "ConvTranspose2d"])
def test_output_size_and_bounds_of_first_values(name: str) -> None:
    for lib in (zincir, torch):
        lib.manual_seed(0)
    ours, theirs = (lib.nn.__dict__[name](6, 8, 3, stride=3, groups=2) for lib in (zincir, torch))
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        widest = np.abs(other.detach().numpy()).max()
        assert np.abs(mine.detach().numpy()).max() == pytest.approx(widest, rel=0.3)
    if name == "ConvTranspose2d":
        x = numbers(1, 6, 3, 3).astype(np.float32)
        ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
        y = ours(zincir.from_numpy(x), output_size=(9, 11)).detach().numpy()
        other = theirs(torch.from_numpy(x), output_size=(9, 11)).detach().numpy()
        np.testing.assert_allclose(y, other, 1e-4, 1e-5)


def net(library: Any) -> Any:
    n = library.nn
    return n.Sequential(
        n.Conv2d(1, 8, 3, padding=1), n.ReLU(),
        n.Conv2d(8, 8, 3, stride=2, padding=1, groups=8), n.ReLU(),
        n.Conv2d(8, 13, 1), n.ReLU(),
        n.Conv2d(13, 16, 3, padding="same", dilation=2, groups=1), n.ReLU(),
        n.ConvTranspose2d(16, 4, 2, stride=2), n.ReLU(),
        n.Conv2d(4, 4, 4, stride=4, padding_mode="circular", padding=2),
        n.Flatten(), n.Linear(36, 5),
    )  # fmt: skip


def test_a_training_run() -> None:
    """Twenty compiled steps: the losses and the parameters that PyTorch comes to."""
    theirs, ours = net(torch), net(zincir)
    ours.load_state_dict({k: v.numpy().copy() for k, v in theirs.state_dict().items()})
    images, labels = numbers(6, 1, 8, 8).astype(np.float32), np.arange(6) % 5
    losses: list[list[float]] = []
    for library, model in ((torch, theirs), (zincir, ours)):
        optimizer = library.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        x, target = library.from_numpy(images), library.from_numpy(labels)

        def step(x: Any, target: Any, library=library, model=model, optimizer=optimizer) -> Any:
            optimizer.zero_grad()
            loss = library.nn.functional.cross_entropy(model(x), target)
            loss.backward()
            optimizer.step()
            return loss

        step = zincir.compile(step) if library is zincir else step
        losses.append([step(x, target).item() for _ in range(20)])
    np.testing.assert_allclose(losses[1], losses[0], 1e-4)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), 1e-3, 1e-4)
