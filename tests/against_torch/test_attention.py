"""Attention and transformers beside PyTorch: masks of all kinds, all ways to make the layers."""

import warnings
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:Support for mismatched:UserWarning"),
    pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning"),
]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def attended(library: Any, arrays: list[np.ndarray], mask: np.ndarray | None, **options: Any):
    """The result, and the gradients of all that is floating."""
    given = [library.tensor(a, requires_grad=True) for a in arrays]
    allowed = None
    if mask is not None:
        allowed = library.tensor(mask)
        if mask.dtype.kind == "f":
            allowed.requires_grad_()
            given.append(allowed)
    y = library.nn.functional.scaled_dot_product_attention(*given[:3], allowed, **options)
    (y * library.tensor(numbers(*y.shape, seed=9))).sum().backward()
    return [y.detach().numpy(), *(g.grad.numpy() for g in given)]


OPEN = np.random.default_rng(4).random((4, 6)) < 0.6
OPEN[0] = False  # a query that may look nowhere
CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "plain": (None, {}),
    "causal": (None, {"is_causal": True}),
    "scale": (None, {"scale": 0.3}),
    "bool": (OPEN, {}),
    "bool of heads": (np.random.default_rng(5).random((2, 1, 4, 6)) < 0.6, {}),
    "bool and causal": (OPEN, {"is_causal": True}),
    "numbers": (numbers(3, 4, 6, seed=6), {}),
    "nothing": (np.where(OPEN, 0.0, -np.inf), {}),
}


@pytest.mark.parametrize("name", CASES)
def test_scaled_dot_product_attention(name: str) -> None:
    mask, options = CASES[name]
    # PyTorch takes a mask beside is_causal where all have one width
    width = 5 if "causal" in name else 7
    arrays = [numbers(2, 3, 4, 5), numbers(2, 3, 6, 5, seed=1), numbers(2, 3, 6, width, seed=2)]
    mine, theirs = (attended(library, arrays, mask, **options) for library in (zincir, torch))
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, 1e-8, 1e-11)


@pytest.mark.parametrize(
    "shapes", [((4, 5), (6, 5)), ((3, 4, 5), (1, 6, 5)), ((2, 3, 0, 5), (6, 5))]
)
def test_numbers_of_axes(shapes: Any) -> None:
    q, k = numbers(*shapes[0]), numbers(*shapes[1], seed=1)
    mine, theirs = (attended(library, [q, k, k], None) for library in (zincir, torch))
    for a, b in zip(mine, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, 1e-8, 1e-11)


def test_heads_in_groups() -> None:
    arrays = [numbers(2, 6, 4, 5), numbers(2, 3, 4, 5, seed=1), numbers(2, 3, 4, 5, seed=2)]
    options = {"enable_gqa": True, "is_causal": True}
    mine, theirs = (attended(library, arrays, None, **options) for library in (zincir, torch))
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, 1e-8, 1e-11)


def pair(name: str, *args: Any, **options: Any) -> tuple[Any, Any]:
    """The same layer of both libraries, with PyTorch's weights, drawn anew so that none is 0."""
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(*args, **options).double()
    with torch.no_grad():
        for p in theirs.parameters():
            p.normal_(0.0, 0.5)
    mine = getattr(nn, name)(*args, **options).double()
    mine.load_state_dict({k: v.numpy().copy() for k, v in theirs.state_dict().items()})
    assert list(mine.state_dict()) == list(theirs.state_dict())
    return mine, theirs


def compare(mine: Any, theirs: Any, arrays: list[np.ndarray], masks: dict[str, Any]) -> None:
    answers = []
    for library, layer in ((zincir, mine), (torch, theirs)):
        given = [library.tensor(a, requires_grad=True) for a in arrays]
        options = {
            name: library.tensor(m) if isinstance(m, np.ndarray) else m for name, m in masks.items()
        }
        y = layer(*given, **options)
        outputs = [t for t in (y if isinstance(y, tuple) else (y,)) if t is not None]
        sum((t * library.tensor(numbers(*t.shape, seed=9))).sum() for t in outputs).backward()
        grads = [p.grad.numpy() for p in (*given, *layer.parameters()) if p.grad is not None]
        answers.append([*(t.detach().numpy() for t in outputs), *grads])
    assert len(answers[0]) == len(answers[1])
    for a, b in zip(*answers, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, 1e-7, 1e-9)


PADDING = np.array([[False, False, False, True, True], [False] * 5])
LATER = np.triu(np.ones((5, 5), bool), 1)
BY_HEAD = np.random.default_rng(1).random((2, 1, 5, 5)).repeat(2, 1).reshape(4, 5, 5) < 0.3
BY_HEAD[:, :, 0] = False
MASKS: list[dict[str, Any]] = [
    {},
    {"key_padding_mask": PADDING},
    {"attn_mask": LATER},
    {"attn_mask": np.where(LATER, -np.inf, 0.0), "key_padding_mask": PADDING},
    {"attn_mask": LATER, "key_padding_mask": PADDING},
    {"attn_mask": BY_HEAD, "key_padding_mask": np.where(PADDING, -np.inf, 0.25)},
    {"attn_mask": LATER, "is_causal": True},
]


@pytest.mark.parametrize("number", range(len(MASKS)))
@pytest.mark.parametrize("weights", [True, False])
def test_masks_of_multi_head_attention(number: int, weights: bool) -> None:
    mine, theirs = pair("MultiheadAttention", 4, 2, batch_first=True)
    x = numbers(2, 5, 4)
    compare(
        mine, theirs, [x, numbers(2, 5, 4, seed=1), x], MASKS[number] | {"need_weights": weights}
    )


WAYS: list[dict[str, Any]] = [
    {"kdim": 3, "vdim": 6},
    {"bias": False},
    {"add_bias_kv": True, "add_zero_attn": True},
    {"add_zero_attn": True, "batch_first": True},
    {"kdim": 3, "vdim": 6, "add_bias_kv": True, "bias": False},
]


@pytest.mark.parametrize("number", range(len(WAYS)))
def test_ways_to_make_it(number: int) -> None:
    options = WAYS[number]
    mine, theirs = pair("MultiheadAttention", 4, 2, **options)
    k, v = options.get("kdim", 4), options.get("vdim", 4)
    arrays = [numbers(5, 2, 4), numbers(3, 2, k, seed=1), numbers(3, 2, v, seed=2)]
    if options.get("batch_first"):
        arrays = [a.transpose(1, 0, 2).copy() for a in arrays]
    padding = np.array([[False, True, False], [False, False, True]])
    for masks in ({}, {"key_padding_mask": padding, "average_attn_weights": False}):
        compare(mine, theirs, arrays, masks)
        compare(mine, theirs, arrays, masks | {"need_weights": False})
    one = [a[0] if options.get("batch_first") else a[:, 0] for a in arrays]
    compare(mine, theirs, one, {"key_padding_mask": padding[0]})


def test_self_attention_takes_one_tensor_three_times() -> None:
    mine, theirs = pair("MultiheadAttention", 6, 3)
    answers = []
    for library, layer in ((zincir, mine), (torch, theirs)):
        x = library.tensor(numbers(4, 2, 6), requires_grad=True)
        layer(x, x, x)[0].square().sum().backward()
        answers.append([x.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())])
    for a, b in zip(*answers, strict=True):
        np.testing.assert_allclose(a, b, 1e-7, 1e-9)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_layers_of_transformers(norm_first: bool, batch_first: bool) -> None:
    options = {"norm_first": norm_first, "batch_first": batch_first, "dropout": 0.0}
    x, y = numbers(2, 5, 4), numbers(2, 3, 4, seed=1)
    if not batch_first:
        x, y = x.transpose(1, 0, 2).copy(), y.transpose(1, 0, 2).copy()
    mine, theirs = pair("TransformerEncoderLayer", 4, 2, 6, activation="gelu", **options)
    masks = {"src_mask": LATER, "src_key_padding_mask": PADDING}
    compare(mine, theirs, [x], masks)
    compare(mine, theirs, [x], {"src_mask": LATER, "is_causal": True})
    mine, theirs = pair("TransformerDecoderLayer", 4, 2, 6, layer_norm_eps=0.1, **options)
    masks = {"tgt_mask": LATER[:3, :3], "memory_key_padding_mask": PADDING}
    compare(mine, theirs, [y, x], masks)
    masks = {"tgt_mask": LATER[:3, :3], "tgt_is_causal": True, "memory_mask": LATER[1:4]}
    compare(mine, theirs, [y, x], masks)


def test_a_whole_transformer() -> None:
    mine, theirs = pair("Transformer", 4, 2, 2, 2, 6, 0.0, batch_first=True)
    x, y = numbers(2, 5, 4), numbers(2, 3, 4, seed=1)
    masks = {"tgt_mask": LATER[:3, :3], "src_key_padding_mask": PADDING}
    compare(mine, theirs, [x, y], masks | {"memory_key_padding_mask": PADDING})
    for kind in (nn.Transformer, torch.nn.Transformer):
        mask = kind.generate_square_subsequent_mask(3)
        np.testing.assert_array_equal(mask.numpy(), np.where(LATER[:3, :3], -np.inf, 0.0))


def test_looks_and_first_values() -> None:
    with warnings.catch_warnings(action="ignore"):
        for name, args in (("MultiheadAttention", (4, 2)), ("Transformer", (4, 2, 1, 1))):
            assert repr(getattr(nn, name)(*args)) == repr(getattr(torch.nn, name)(*args))
    for library in (zincir, torch):
        library.manual_seed(0)
        layer = library.nn.MultiheadAttention(64, 2, add_bias_kv=True)
        weight = layer.in_proj_weight.detach().numpy()
        bound = np.sqrt(6 / (4 * 64))
        assert 0.98 * bound < abs(weight).max() <= bound
        assert not layer.in_proj_bias.detach().numpy().any()
        assert not layer.out_proj.bias.detach().numpy().any()
        assert layer.bias_k.detach().numpy().std() == pytest.approx(np.sqrt(2 / 128), rel=0.2)
