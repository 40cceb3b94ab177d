"""Bags of embeddings, bent activations, drawn windows and bilinear layers beside PyTorch."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-3, 3, shape)


def both(name: str, *given: Any, **options: Any) -> None:
    """The same results, and the same gradients of all that is floating."""
    answers = []
    for library in (zincir, torch):
        args = [library.tensor(a) if isinstance(a, np.ndarray) else a for a in given]
        named = {
            k: library.tensor(a) if isinstance(a, np.ndarray) else a for k, a in options.items()
        }
        moved = [a for a in (*args, *named.values()) if isinstance(a, library.Tensor)]
        moved = [a.requires_grad_() for a in moved if a.dtype.is_floating_point]
        y = getattr(library.nn.functional, name)(*args, **named)
        first, *rest = y if isinstance(y, tuple) else (y,)
        (first * library.tensor(numbers(*first.shape, seed=9))).sum().backward()
        grads = [a.grad.numpy() for a in moved if a.grad is not None]
        answers.append([first.detach().numpy(), *grads, *(r.numpy() for r in rest)])
    assert len(answers[0]) == len(answers[1])
    for mine, other in zip(*answers, strict=True):
        assert mine.shape == other.shape
        np.testing.assert_allclose(mine, other, 1e-9 if name != "celu" else 1e-6, 1e-12)


OFFSETS = {
    "some empty": np.array([0, 3, 3, 4]),
    "one": np.array([0]),
    "empty ends": np.array([0, 0, 2, 7]),
}


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("offsets", OFFSETS)
def test_bags_with_offsets(mode: str, offsets: str) -> None:
    index, table = np.array([1, 2, 4, 5, 4, 3, 4]), numbers(6, 3)
    for padding in (None, 4, -1):
        options = {"mode": mode, "padding_idx": padding}
        both("embedding_bag", index, table, OFFSETS[offsets], **options)
        if offsets == "empty ends":  # PyTorch crashes where rows lie behind the last bag
            options["include_last_offset"] = True
            both("embedding_bag", index, table, OFFSETS[offsets], **options)
    if mode == "sum":
        options = {"mode": mode, "per_sample_weights": numbers(7)}
        both("embedding_bag", index, table, OFFSETS[offsets], **options)


def test_gradients_by_frequency_are_those_of_embedding() -> None:
    """PyTorch's own of `embedding_bag` divide a row by the count of another one."""
    index = np.array([1, 2, 4, 5, 4, 3, 4])
    mine = zincir.tensor(numbers(6, 3), requires_grad=True)
    offsets, options = zincir.tensor([0, 3]), {"mode": "sum", "scale_grad_by_freq": True}
    nn.functional.embedding_bag(zincir.tensor(index), mine, offsets, **options).sum().backward()
    theirs = torch.tensor(numbers(6, 3), requires_grad=True)
    y = torch.nn.functional.embedding(torch.tensor(index), theirs, scale_grad_by_freq=True)
    y.sum().backward()
    np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy(), 1e-9)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_of_one_size(mode: str) -> None:
    index, table = np.array([[1, 2, 4], [5, 4, 3], [4, 4, 4]]), numbers(6, 3)
    for padding in (None, 4):
        both("embedding_bag", index, table, mode=mode, padding_idx=padding)
    if mode == "sum":
        both("embedding_bag", index, table, mode="sum", per_sample_weights=numbers(3, 3))


def test_rows_made_shorter() -> None:
    index, table = np.array([[1, 2], [5, 4]]), numbers(6, 3)
    answers = []
    for library in (zincir, torch):
        weight = library.tensor(table)
        y = library.nn.functional.embedding_bag(library.tensor(index), weight, max_norm=1.0)
        answers.append((y.numpy(), weight.numpy()))
    for mine, other in zip(*answers, strict=True):
        np.testing.assert_allclose(mine, other, 1e-6)


def test_a_layer_from_a_table() -> None:
    table = numbers(4, 3)
    mine = nn.EmbeddingBag.from_pretrained(zincir.tensor(table), mode="sum")
    theirs = torch.nn.EmbeddingBag.from_pretrained(torch.tensor(table), mode="sum")
    assert repr(mine) == repr(theirs)
    assert mine.weight.requires_grad is theirs.weight.requires_grad is False
    index = np.array([[1, 2]])
    np.testing.assert_allclose(mine(zincir.tensor(index)), theirs(torch.tensor(index)))
    padded = nn.EmbeddingBag(5, 2, padding_idx=-1)
    assert repr(padded) == repr(torch.nn.EmbeddingBag(5, 2, padding_idx=-1))
    assert padded.weight[4].tolist() == [0.0, 0.0]


BENDS: list[tuple[str, tuple[float, ...]]] = [
    ("celu", (0.7,)), ("celu", (-0.7,)), ("hardshrink", ()), ("softshrink", (0.25,)),
    ("tanhshrink", ()), ("threshold", (0.5, 20.0)), ("rrelu", (0.1, 0.3)), ("softmin", (0,)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings"), BENDS)
def test_bends(name: str, settings: tuple[float, ...]) -> None:
    points = np.array([-3.0, -0.5, -0.25, 0.0, 0.25, 0.5, 3.0])
    both(name, points, *settings)
    if name in ("celu", "threshold"):
        far = np.array([np.nan, np.inf, -np.inf])
        mine = getattr(nn.functional, name)(zincir.tensor(far), *settings).numpy()
        theirs = getattr(torch.nn.functional, name)(torch.tensor(far), *settings).numpy()
        np.testing.assert_allclose(mine, theirs)


IN_PLACE = [
    ("relu_", ()), ("elu_", (0.5,)), ("celu_", (0.5,)), ("selu_", ()), ("leaky_relu_", (0.2,)),
    ("hardtanh_", (-0.5, 0.5)), ("threshold_", (0.1, 3.0)), ("rrelu_", (0.1, 0.3)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings"), IN_PLACE)
def test_in_place(name: str, settings: tuple[float, ...]) -> None:
    answers = []
    for library in (zincir, torch):
        x = library.tensor(numbers(5), requires_grad=True)
        y = x * 1.0
        z = getattr(library.nn.functional, name)(y, *settings)
        assert z is y
        y.sum().backward()
        answers.append((y.detach().numpy(), x.grad.numpy()))
    for mine, other in zip(*answers, strict=True):
        np.testing.assert_allclose(mine, other, 1e-9)


@pytest.mark.parametrize("axes", [2, 3])
def test_drawn_windows(axes: int) -> None:
    x, samples = numbers(2, 3, *(9, 8, 7)[:axes]), abs(numbers(2, 3, axes, seed=1)) / 3.1
    name, kernel, outputs = f"fractional_max_pool{axes}d", (2, 3, 2)[:axes], (4, 5, 3)[:axes]
    options = {"return_indices": True}
    answers = []
    for library in (zincir, torch):
        t = library.tensor(x, requires_grad=True)
        drawn = library.tensor(samples)
        call = getattr(library.nn.functional, name)
        y, where = call(t, kernel, outputs, _random_samples=drawn, **options)
        z = call(t, 2, output_ratio=(0.5,) * axes, _random_samples=drawn)
        (y.square().sum() + z.sum()).backward()
        answers.append([a.detach().numpy() for a in (y, where, z, t.grad)])
    for mine, other in zip(*answers, strict=True):
        np.testing.assert_allclose(mine, other)


def test_bilinear() -> None:
    both("bilinear", numbers(4, 2), numbers(4, 3, seed=1), numbers(5, 2, 3, seed=2), numbers(5))
    both("bilinear", numbers(2), numbers(3, seed=1), numbers(5, 2, 3, seed=2))
    both("bilinear", numbers(2, 4, 2), numbers(2, 4, 3, seed=1), numbers(5, 2, 3, seed=2))
    assert repr(nn.Bilinear(2, 3, 4)) == repr(torch.nn.Bilinear(2, 3, 4))


@pytest.mark.parametrize("name", ["upsample_nearest", "upsample_bilinear", "upsample"])
def test_older_names(name: str) -> None:
    with pytest.warns(UserWarning, match="deprecated"):
        mine, theirs = (
            getattr(library.nn.functional, name)(
                library.tensor(numbers(1, 2, 3, 3)), scale_factor=2
            )
            for library in (zincir, torch)
        )
    np.testing.assert_allclose(mine.numpy(), theirs.numpy(), 1e-9)


def test_looks() -> None:
    for name, args in (
        ("RReLU", ()), ("Threshold", (1, 2)), ("CELU", ()), ("CELU", (1.0, True)),
        ("Hardshrink", ()), ("Softshrink", ()), ("Softmin", (1,)), ("Tanhshrink", ()),
        ("PairwiseDistance", ()), ("CosineSimilarity", ()), ("Unflatten", (1, (2, 3))),
        ("Softmax2d", ()), ("EmbeddingBag", (3, 4)),
    ):  # fmt: skip
        assert repr(getattr(nn, name)(*args)) == repr(getattr(torch.nn, name)(*args))
