"""Norms beside PyTorch's: values, gradients, running statistics, state, whole training runs."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch


def numbers(*shape: int, seed: int = 0, low: float = -4.0, high: float = 4.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, shape)


def run(library: Any, function: str, arrays: dict[str, Any], layout: str, **options: Any) -> Any:
    """The result, all gradients, and the buffers after the call."""
    given: dict[str, Any] = {}
    for name, array in arrays.items():
        given[name] = None if array is None else library.from_numpy(array.copy())
        if array is not None and not name.startswith("running"):
            given[name].requires_grad_(True)
    call = dict(given)
    if layout == "transposed":
        swapped = np.ascontiguousarray(arrays["input"].swapaxes(0, -1))
        given["input"] = library.from_numpy(swapped).requires_grad_(True)
        call["input"] = given["input"].transpose(0, arrays["input"].ndim - 1)
    y = getattr(library.nn.functional, function)(**call, **options)
    (y * library.from_numpy(numbers(*y.shape, seed=9))).sum().backward()
    found = {"output": y.detach().numpy()}
    for name, x in given.items():
        if x is not None:
            found[name] = (x if name.startswith("running") else x.grad).numpy()
    return found


LAYOUTS = ("contiguous", "transposed")


def agree(function: str, arrays: dict[str, Any], *layouts: str, **options: Any) -> None:
    for layout in layouts or LAYOUTS[:1]:
        ours = run(zincir, function, arrays, layout, **options)
        theirs = run(torch, function, arrays, layout, **options)
        for name, other in theirs.items():
            assert ours[name].dtype == other.dtype
            np.testing.assert_allclose(ours[name], other, 1e-9, 1e-11, err_msg=f"{layout} {name}")


SHAPES = [(5, 3), (2, 3, 4), (33, 3, 1), (1, 3, 2, 5), (3, 1, 1, 7), (2, 3, 2, 3, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm(shape: tuple[int, ...]) -> None:
    c = shape[1]
    x = {"input": numbers(*shape) + 3.0}
    affine = {"weight": numbers(c, seed=1), "bias": numbers(c, seed=2)}
    running = {"running_mean": numbers(c, seed=3), "running_var": numbers(c, seed=4, low=0.1)}
    none = {"running_mean": None, "running_var": None}
    for training in (True, False):
        agree("batch_norm", {**x, **running, **affine}, *LAYOUTS, training=training, momentum=0.3)
        agree("batch_norm", {**x, **running}, training=training)
    agree("batch_norm", {**x, **none, "weight": affine["weight"]}, training=True, eps=0.1)


@pytest.mark.parametrize("shape", SHAPES[1:2] + SHAPES[3:], ids=str)
def test_instance_norm(shape: tuple[int, ...]) -> None:
    c = shape[1]
    x = {"input": numbers(*shape) + 3.0}
    affine = {"weight": numbers(c, seed=1), "bias": numbers(c, seed=2)}
    running = {"running_mean": numbers(c, seed=3), "running_var": numbers(c, seed=4, low=0.1)}
    for now in (True, False):
        agree("instance_norm", {**x, **running, **affine}, use_input_stats=now, momentum=0.3)
    agree("instance_norm", {**x, **affine}, *LAYOUTS, eps=0.1)
    agree("instance_norm", x)


@pytest.mark.parametrize(
    ("shape", "groups"),
    [((2, 6), 1), ((3, 6), 2), ((2, 6, 5), 3), ((1, 6, 3, 2), 6), ((2, 6, 1, 2, 3), 2)],
)
def test_group_norm(shape: tuple[int, ...], groups: int) -> None:
    affine = {"weight": numbers(6, seed=1), "bias": numbers(6, seed=2)}
    for extra in (affine, {"weight": affine["weight"]}, {}):
        agree("group_norm", {"input": numbers(*shape) + 3.0, **extra}, *LAYOUTS, num_groups=groups)


@pytest.mark.parametrize("over", [(4,), (3, 4)])
@pytest.mark.parametrize("eps", [None, 0.1])
def test_rms_norm(over: tuple[int, ...], eps: float | None) -> None:
    x = {"input": numbers(2, 3, 4)}
    agree("rms_norm", x, normalized_shape=over, eps=eps)
    agree("rms_norm", {**x, "weight": numbers(*over, seed=1)}, normalized_shape=over, eps=eps)


def test_rms_norm_knows_the_smallest_step_of_its_type() -> None:
    x = np.full((1, 3), 1e-4, np.float32)
    ours = nn.functional.rms_norm(zincir.from_numpy(x), (3,)).numpy()
    theirs = torch.nn.functional.rms_norm(torch.from_numpy(x), (3,)).numpy()
    np.testing.assert_allclose(ours, theirs, 1e-6)


@pytest.mark.parametrize(
    ("shape", "size"),
    [((2, 5, 3), 1), ((2, 5, 3), 2), ((1, 7, 2, 3), 3), ((2, 4, 2, 1, 3), 5), ((2, 4, 3, 3), 9)],
)
def test_local_response_norm(shape: tuple[int, ...], size: int) -> None:
    x = {"input": numbers(*shape)}
    agree("local_response_norm", x, size=size, alpha=0.5, beta=0.6, k=0.7)
    agree("local_response_norm", x, *LAYOUTS, size=size)


def test_an_empty_batch() -> None:
    """An empty output, gradients of zero, and no change of the statistics."""
    x = {"input": numbers(0, 3, 4)}
    affine = {"weight": numbers(3, seed=1), "bias": numbers(3, seed=2)}
    running = {"running_mean": numbers(3, seed=3), "running_var": numbers(3, seed=4, low=0.1)}
    agree("batch_norm", {**x, **running, **affine}, training=True)
    agree("batch_norm", {**x, **running, **affine}, training=False)
    agree("group_norm", {**x, **affine}, num_groups=3)
    agree("local_response_norm", x, size=3)


def layer_pair(name: str, arguments: tuple[Any, ...], **options: Any) -> tuple[Any, Any]:
    """The same layer from both, with parameters that differ from 1 and 0."""
    ours, theirs = (
        getattr(lib.nn, name)(*arguments, **options).double() for lib in (zincir, torch)
    )
    random = np.random.default_rng(5)
    state = theirs.state_dict()
    for value in state.values():
        if value.is_floating_point():
            value.copy_(torch.from_numpy(random.uniform(0.5, 2.0, tuple(value.shape))))
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict({k: v.numpy() for k, v in state.items()})
    assert repr(ours) == repr(theirs)
    return ours, theirs


LAYERS: list[tuple[str, tuple[Any, ...], tuple[int, ...], dict[str, Any]]] = [
    ("BatchNorm1d", (3,), (5, 3), {}),
    ("BatchNorm1d", (3,), (5, 3, 4), {"momentum": None}),
    ("BatchNorm1d", (3,), (5, 3), {"bias": False}),
    ("BatchNorm2d", (3,), (2, 3, 4, 5), {"affine": False, "momentum": 0.01}),
    ("BatchNorm2d", (3,), (2, 3, 4, 5), {"track_running_stats": False, "eps": 0.1}),
    ("BatchNorm3d", (3,), (2, 3, 2, 3, 2), {"momentum": 1.0}),
    ("SyncBatchNorm", (3,), (2, 3, 4), {"momentum": None}),
    ("InstanceNorm1d", (3,), (2, 3, 4), {}),
    ("InstanceNorm1d", (3,), (3, 4), {"affine": True}),
    ("InstanceNorm2d", (3,), (2, 3, 4, 5), {"track_running_stats": True, "momentum": 0.3}),
    ("InstanceNorm2d", (3,), (3, 4, 5), {"track_running_stats": True, "momentum": None}),
    ("InstanceNorm3d", (3,), (2, 3, 2, 3, 2), {"affine": True, "track_running_stats": True}),
    ("GroupNorm", (2, 4), (3, 4, 5), {}),
    ("GroupNorm", (2, 4), (3, 4), {"affine": False}),
    ("RMSNorm", ((3, 4),), (2, 3, 4), {}),
    ("RMSNorm", (4,), (2, 3, 4), {"elementwise_affine": False, "eps": 0.1}),
    ("LayerNorm", (4,), (2, 3, 4), {}),
    ("LocalResponseNorm", (2,), (2, 5, 3), {"alpha": 0.3}),
]


@pytest.mark.parametrize(
    ("name", "arguments", "shape", "options", "compiled"),
    [*[(*row, True) for row in LAYERS], (*LAYERS[1], False), (*LAYERS[3], False)],
)
def test_layers_in_training_and_evaluation(
    name: str,
    arguments: tuple[Any, ...],
    shape: tuple[int, ...],
    options: dict[str, Any],
    compiled: bool,
) -> None:
    """Two batches in training, one in evaluation, one more in training: all state each time."""
    ours, theirs = layer_pair(name, arguments, **options)

    def step(x: zincir.Tensor) -> tuple[zincir.Tensor, ...]:
        x = x.detach().requires_grad_()
        ours.zero_grad()
        y = ours(x)
        (y * y * y).sum().backward()
        return y.detach(), x.grad, *[p.grad for p in ours.parameters()]

    def step_of_theirs(x: Any) -> list[Any]:
        x.requires_grad_()
        theirs.zero_grad()
        y = theirs(x)
        (y * y * y).sum().backward()
        return [y.detach(), x.grad, *[p.grad for p in theirs.parameters()]]

    run_ours = zincir.compile(step) if compiled else step
    for round_, training in enumerate((True, True, False, True)):
        ours.train(training)
        theirs.train(training)
        x = numbers(*shape, seed=round_) + 2.0
        mine = run_ours(zincir.from_numpy(x.copy()))
        other = step_of_theirs(torch.from_numpy(x.copy()))
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-8, 1e-10)
        for key, value in theirs.state_dict().items():
            mine_now = ours.state_dict()[key].numpy()
            assert mine_now.dtype == value.numpy().dtype
            np.testing.assert_allclose(mine_now, value.numpy(), 1e-10, err_msg=key)


@pytest.mark.parametrize("offset", [0.0, 30.0, 1e4])
def test_single_precision_far_from_zero(offset: float) -> None:
    """Sums of squares would lose the variance; what is taken here loses nothing that is there."""
    x = (numbers(40, 3, 9, 5) + offset).astype(np.float32)
    x[0] += 3.0  # the batch begins with an example unlike the others
    ours, theirs = nn.BatchNorm2d(3), torch.nn.BatchNorm2d(3)
    mine, other = ours(zincir.from_numpy(x)), theirs(torch.from_numpy(x))
    exact = x.astype(np.float64)
    exact -= exact.mean((0, 2, 3), keepdims=True)
    exact /= np.sqrt((exact**2).mean((0, 2, 3), keepdims=True) + 1e-5)
    error = np.abs(mine.detach().numpy() - exact).max()
    assert error <= 2 * np.abs(other.detach().numpy() - exact).max() + 3e-6
    np.testing.assert_allclose(ours.running_var.numpy(), theirs.running_var.numpy(), 1e-5)
    np.testing.assert_allclose(ours.running_mean.numpy(), theirs.running_mean.numpy(), 1e-6, 1e-7)


def test_the_same_inputs_are_refused() -> None:
    """What PyTorch does not take, and with which kind of error."""
    f = "functional"
    wrong: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = [
        (f, "batch_norm", ((1, 3), None, None), {"training": True}),
        (f, "batch_norm", ((1, 3, 1), None, None), {"training": True}),
        (f, "batch_norm", ((4, 3), None, None), {}),
        (f, "group_norm", ((2, 5), 2), {}),
        (f, "group_norm", ((1, 4), 4), {}),
        (f, "group_norm", ((4,), 1), {}),
        (f, "instance_norm", ((2, 3, 1),), {}),
        (f, "instance_norm", ((2, 3),), {}),
        (f, "rms_norm", ((2, 3), (2,)), {}),
        (f, "local_response_norm", ((2, 3), 2), {}),
        (f, "dropout1d", ((2, 3, 4, 5),), {}),
        (f, "dropout", ((2,), 1.5), {}),
        (f, "feature_alpha_dropout", ((2,), 0.5, True), {}),
    ]
    for _, name, (shape, *rest), options in wrong:
        for library in (torch, zincir):
            function = getattr(library.nn.functional, name)
            with pytest.raises((ValueError, RuntimeError)):
                function(library.zeros(*shape), *rest, **options)
    for name, shape in (("BatchNorm1d", (3,)), ("BatchNorm2d", (2, 3, 4)), ("BatchNorm2d", (2, 4))):
        for library in (torch, zincir):
            with pytest.raises(ValueError, match=r"(?i)input"):
                getattr(library.nn, name)(3)(library.zeros(*shape))
