"""Layers, activations and losses beside PyTorch's: values, gradients, names of the state."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch

F = nn.functional


def numbers(*shape: int, seed: int = 0, low: float = -4.0, high: float = 4.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, shape)


def both(function: str, arrays: dict[str, np.ndarray], module: str = "functional", **options: Any):
    """The result and all gradients of a function in either library."""
    answers = []
    for library in (zincir, torch):
        given = {}
        for name, array in arrays.items():
            given[name] = library.from_numpy(array.copy())
            if array.dtype.kind == "f":
                given[name].requires_grad_(True)
        y = getattr(library.nn.functional, function)(**given, **options)
        weights = library.from_numpy(numbers(*y.shape, seed=9))
        (y * weights).sum().backward()
        grads = [g.grad.numpy() for g in given.values() if g.grad is not None]
        answers.append([y.detach().numpy(), *grads])
    return answers


def agree(function: str, arrays: dict[str, np.ndarray], rtol: float = 1e-9, **options: Any) -> None:
    ours, theirs = both(function, arrays, **options)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_allclose(mine, other, rtol, 1e-12)


ACTIVATIONS: list[tuple[str, dict[str, Any]]] = [
    ("relu", {}),
    ("relu6", {}),
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.3}),
    ("elu", {"alpha": 0.7}),
    ("selu", {}),
    ("gelu", {}),
    ("gelu", {"approximate": "tanh"}),
    ("silu", {}),
    ("mish", {}),
    ("sigmoid", {}),
    ("tanh", {}),
    ("softplus", {}),
    ("softplus", {"beta": 2.0, "threshold": 3.0}),
    ("logsigmoid", {}),
    ("hardswish", {}),
    ("hardsigmoid", {}),
    ("hardtanh", {"min_val": -0.5, "max_val": 2.0}),
    ("softsign", {}),
    ("glu", {"dim": 1}),
    ("softmax", {"dim": 1}),
    ("log_softmax", {"dim": 0}),
    ("normalize", {}),
    ("normalize", {"p": 3.0, "dim": 0}),
]


@pytest.mark.parametrize(("name", "options"), ACTIVATIONS)
def test_activations(name: str, options: dict[str, Any]) -> None:
    # PyTorch's hardsigmoid knows 1 / 6 to float32 only
    rtol = 1e-7 if name == "hardsigmoid" else 1e-9
    agree(name, {"input": numbers(5, 6)}, rtol, **options)


@pytest.mark.parametrize(("name", "options"), ACTIVATIONS)
def test_activations_at_kinks_and_far_out(name: str, options: dict[str, Any]) -> None:
    if name in ("normalize", "softmax", "log_softmax"):
        pytest.skip("not elementwise")
    points = np.array([[-3.0, 0.0, 3.0, 6.0, -1.0, 1.0, -80.0, 90.0]])
    ours, theirs = both(name, {"input": points}, **options)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, 1e-6, 1e-12)


def test_relu_lets_nan_through() -> None:
    assert np.isnan(F.relu(zincir.tensor([float("nan")])).item())


@pytest.mark.parametrize("count", [1, 3])
def test_prelu(count: int) -> None:
    agree("prelu", {"input": numbers(2, 3, 4), "weight": numbers(count, seed=1)})


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("bias", [False, True])
def test_linear(shape: tuple[int, ...], bias: bool) -> None:
    arrays = {"input": numbers(*shape), "weight": numbers(5, 4, seed=1)}
    if bias:
        arrays["bias"] = numbers(5, seed=2)
    agree("linear", arrays)


@pytest.mark.parametrize("over", [(4,), (3, 4)])
def test_layer_norm(over: tuple[int, ...]) -> None:
    arrays = {"input": numbers(2, 3, 4), "weight": numbers(*over, seed=1), "bias": numbers(*over)}
    agree("layer_norm", arrays, normalized_shape=over)
    agree("layer_norm", {"input": numbers(2, 3, 4)}, normalized_shape=over, eps=0.1)


@pytest.mark.parametrize("padding", [None, 2, -1])
def test_embedding(padding: int | None) -> None:
    index = np.array([[0, 2, 2], [4, 1, 4]])
    agree("embedding", {"input": index, "weight": numbers(5, 3)}, padding_idx=padding)


def test_cosine_similarity() -> None:
    agree("cosine_similarity", {"x1": numbers(3, 4), "x2": numbers(3, 4, seed=1)})


def test_one_hot() -> None:
    labels = np.array([[0, 3], [1, 1]])
    ours = F.one_hot(zincir.tensor(labels), 5)
    theirs = torch.nn.functional.one_hot(torch.tensor(labels), 5)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert F.one_hot(zincir.tensor(labels)).shape == (2, 2, 4)


REDUCTIONS = ["mean", "sum", "none"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("ignore", [-100, 1])
@pytest.mark.parametrize("extra", [(), (2, 3)])
def test_cross_entropy(
    reduction: str, weighted: bool, smoothing: float, ignore: int, extra: tuple[int, ...]
) -> None:
    labels = np.random.default_rng(3).integers(0, 4, (6, *extra))
    labels.flat[2] = ignore
    arrays = {"input": numbers(6, 4, *extra), "target": labels}
    if weighted:
        arrays["weight"] = numbers(4, low=0.1, high=2.0)
    options = {"reduction": reduction, "label_smoothing": smoothing, "ignore_index": ignore}
    answers = []
    for library in (zincir, torch):
        given = {name: library.from_numpy(a.copy()) for name, a in arrays.items()}
        given["input"].requires_grad_(True)
        y = library.nn.functional.cross_entropy(**given, **options)
        y.sum().backward()
        answers.append((y.detach().numpy(), given["input"].grad.numpy()))
    for mine, other in zip(*answers, strict=True):
        np.testing.assert_allclose(mine, other, 1e-9, 1e-12)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(4,), (5, 4), (5, 4, 2)])
def test_cross_entropy_of_probabilities(
    reduction: str, smoothing: float, shape: tuple[int, ...]
) -> None:
    target = numbers(*shape, seed=1, low=0.0, high=1.0)
    options = {"reduction": reduction, "label_smoothing": smoothing}
    agree("cross_entropy", {"input": numbers(*shape), "target": target}, **options)
    weight = zincir.from_numpy(numbers(4, seed=2, low=0.1))
    mine = F.cross_entropy(*map(zincir.from_numpy, (numbers(*shape), target)), weight, **options)
    theirs = torch.nn.functional.cross_entropy(
        *map(torch.from_numpy, (numbers(*shape), target)), torch.tensor(weight.numpy()), **options
    )
    np.testing.assert_allclose(mine.numpy(), theirs.numpy(), 1e-9)


def test_cross_entropy_of_one_row() -> None:
    agree("cross_entropy", {"input": numbers(4), "target": np.array(2)})


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("extra", [(), (2,)])
def test_nll_loss(reduction: str, extra: tuple[int, ...]) -> None:
    labels = np.random.default_rng(3).integers(0, 4, (6, *extra))
    labels.flat[1] = -100
    agree("nll_loss", {"input": numbers(6, 4, *extra), "target": labels}, reduction=reduction)


PAIRS: list[tuple[str, dict[str, Any]]] = [
    ("mse_loss", {}),
    ("l1_loss", {}),
    ("smooth_l1_loss", {}),
    ("smooth_l1_loss", {"beta": 0.3}),
    ("smooth_l1_loss", {"beta": 0.0}),
    ("huber_loss", {"delta": 2.0}),
    ("binary_cross_entropy_with_logits", {}),
    ("kl_div", {"log_target": True}),
]


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")
@pytest.mark.parametrize(("name", "options"), PAIRS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_losses_between_two(name: str, options: dict[str, Any], reduction: str) -> None:
    arrays = {"input": numbers(5, 3), "target": numbers(5, 3, seed=1, low=0.0, high=1.0)}
    agree(name, arrays, reduction=reduction, **options)


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
def test_kl_div(reduction: str) -> None:
    target = numbers(5, 3, seed=1, low=0.0, high=1.0)
    target[0, 0] = 0.0
    for log_target in (False, True):
        ours = F.kl_div(
            zincir.tensor(numbers(5, 3)),
            zincir.tensor(target),
            reduction=reduction,
            log_target=log_target,
        )
        with_torch = torch.nn.functional.kl_div(
            torch.tensor(numbers(5, 3)),
            torch.tensor(target),
            reduction=reduction,
            log_target=log_target,
        )
        np.testing.assert_allclose(ours.numpy(), with_torch.numpy(), 1e-9)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy(reduction: str) -> None:
    arrays = {
        "input": numbers(5, 3, low=0.01, high=0.99),
        "target": numbers(5, 3, seed=1, low=0.0, high=1.0),
    }
    agree("binary_cross_entropy", arrays, reduction=reduction)
    edge = {"input": np.array([0.0, 1.0]), "target": np.array([1.0, 0.0])}
    ours, theirs = both("binary_cross_entropy", edge, reduction="none")
    np.testing.assert_allclose(ours[0], theirs[0])


def test_factors_of_binary_cross_entropy() -> None:
    arrays = {"input": numbers(5, 3), "target": numbers(5, 3, seed=1, low=0.0, high=1.0)}
    factors = {"weight": numbers(5, 1, seed=2, low=0.1), "pos_weight": numbers(3, seed=3, low=0.1)}
    answers = []
    for library in (zincir, torch):
        x, y, w, p = (library.from_numpy(a.copy()) for a in (arrays | factors).values())
        x.requires_grad_(True)
        loss = library.nn.functional.binary_cross_entropy_with_logits(x, y, w, pos_weight=p)
        loss.backward()
        answers.append((loss.item(), x.grad.numpy()))
    for mine, other in zip(*answers, strict=True):
        np.testing.assert_allclose(mine, other, 1e-9)


LAYERS = [
    ("Linear", (3, 2)),
    ("Linear", (3, 2, False)),
    ("LayerNorm", (4,)),
    ("LayerNorm", ((2, 3), 1e-4, False)),
    ("Embedding", (5, 3, 1)),
    ("Dropout", (0.3,)),
    ("ReLU", (True,)),
    ("ReLU", ()),
    ("LeakyReLU", (0.2, True)),
    ("PReLU", (3,)),
    ("ELU", ()),
    ("GELU", ("tanh",)),
    ("SiLU", ()),
    ("Hardtanh", ()),
    ("Softplus", ()),
    ("Softmax", (1,)),
    ("GLU", ()),
    ("Flatten", ()),
    ("Identity", ()),
    ("CrossEntropyLoss", ()),
    ("MSELoss", ()),
]


@pytest.mark.parametrize(("name", "arguments"), LAYERS)
def test_looks_and_state(name: str, arguments: tuple[Any, ...]) -> None:
    ours, theirs = getattr(nn, name)(*arguments), getattr(torch.nn, name)(*arguments)
    assert repr(ours) == repr(theirs)
    state = theirs.state_dict()
    assert {k: tuple(v.shape) for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in state.items()
    }
    ours.load_state_dict(state)
    for key, value in ours.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), state[key].numpy())


def net(library: Any) -> Any:
    part = library.nn.Sequential(library.nn.Linear(3, 4), library.nn.ReLU())
    blocks = library.nn.ModuleList([library.nn.Linear(4, 4), library.nn.LayerNorm(4)])
    named = library.nn.ModuleDict({"out": library.nn.Linear(4, 2)})
    return library.nn.Sequential(part, blocks[1], library.nn.Sequential(blocks[0], named["out"]))


def test_a_net_of_nets() -> None:
    ours, theirs = net(zincir), net(torch)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x = numbers(5, 3).astype(np.float32)
    mine, other = ours(zincir.from_numpy(x)), theirs(torch.from_numpy(x))
    np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), 1e-5, 1e-6)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})


INITS: list[tuple[str, tuple[Any, ...]]] = [
    ("uniform_", (-0.2, 0.7)),
    ("normal_", (1.0, 0.5)),
    ("xavier_uniform_", (2.0,)),
    ("xavier_normal_", ()),
    ("kaiming_uniform_", (5**0.5,)),
    ("kaiming_normal_", (0.0, "fan_out", "relu")),
    ("trunc_normal_", (0.5, 1.0, -1.0, 1.0)),
    ("trunc_normal_", (0.0, 0.02)),
    ("orthogonal_", (1.5,)),
]


@pytest.mark.parametrize(("name", "arguments"), INITS)
def test_first_values_have_the_same_spread(name: str, arguments: tuple[Any, ...]) -> None:
    torch.manual_seed(0)
    zincir.manual_seed(0)
    ours = getattr(nn.init, name)(zincir.empty(200, 300), *arguments).numpy()
    theirs = getattr(torch.nn.init, name)(torch.empty(200, 300), *arguments).numpy()
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.03 * float(theirs.std()))
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    spread = [np.quantile(v, [0.01, 0.25, 0.5, 0.75, 0.99]) for v in (ours, theirs)]
    np.testing.assert_allclose(*spread, atol=0.06 * theirs.std())


@pytest.mark.parametrize("name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "selu"])
def test_gains(name: str) -> None:
    assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    leaky = ("leaky_relu", 0.3)
    assert nn.init.calculate_gain(*leaky) == torch.nn.init.calculate_gain(*leaky)
