"""Attention block by block: beside the formula, its gradients, dropout, bits and memory."""

from typing import Any

import numpy as np
import pytest

import zincir
from random_graphs import made_by
from zincir.autograd import gradcheck, gradgradcheck
from zincir.compiler.options import Options
from zincir.compiler.snapshot import snapshot
from zincir.loop.attention import attention, block_rows
from zincir.nn.functional import attention as short
from zincir.tensor import Tensor, wrap

Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def always_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short, "_LONG", 1)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return zincir.tensor(np.random.default_rng([seed, *shape]).standard_normal(shape))


def by_formula(q: Array, k: Array, v: Array, allowed: Array) -> Array:
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    e = np.where(allowed, np.exp(scores), 0.0)
    total = e.sum(-1, keepdims=True)
    return e / np.where(total == 0, 1, total) @ v


MASKS: dict[str, Any] = {
    "whole": lambda n, m: np.ones((n, m), bool),
    "band": lambda n, m: np.abs(np.subtract.outer(np.arange(n), np.arange(m))) < 30,
    "keys": lambda n, m: np.arange(m)[None, :] % 3 > 0,
    "heads": lambda n, m: np.random.default_rng(0).random((2, 1, n, m)) > 0.5,
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("sizes", [(96, 96), (90, 50), (70, 150)])
def test_masks(name: str, sizes: tuple[int, int]) -> None:
    n, m = sizes
    q, k, v = normal(2, 3, n, 4), normal(2, 3, m, 4, seed=1), normal(2, 3, m, 5, seed=2)
    allowed = MASKS[name](n, m)
    expected = by_formula(q.numpy(), k.numpy(), v.numpy(), allowed)
    y = zincir.nn.functional.scaled_dot_product_attention(q, k, v, zincir.tensor(allowed))
    np.testing.assert_allclose(y.numpy(), expected, 1e-9, 1e-12)
    numbers = zincir.tensor(np.where(allowed, 0.0, -np.inf))
    y = zincir.nn.functional.scaled_dot_product_attention(q, k, v, numbers)
    np.testing.assert_allclose(y.numpy(), expected, 1e-9, 1e-12)


@pytest.mark.parametrize("sizes", [(200, 200), (130, 40), (40, 130)])
def test_queries_that_see_what_was_before(sizes: tuple[int, int]) -> None:
    n, m = sizes
    q, k, v = normal(n, 4), normal(m, 4, seed=1), normal(m, 5, seed=2)
    y = zincir.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    expected = by_formula(q.numpy(), k.numpy(), v.numpy(), np.tri(n, m, dtype=bool))
    np.testing.assert_allclose(y.numpy(), expected, 1e-9, 1e-12)


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"dropout_p": 0.4}])
def test_gradients(options: dict[str, Any]) -> None:
    given = [normal(2, 40, 3), normal(2, 36, 3, seed=1), normal(2, 36, 2, seed=2)]

    def attended(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        zincir.manual_seed(3)
        return zincir.nn.functional.scaled_dot_product_attention(q, k, v, **options)

    assert gradcheck(attended, [x.requires_grad_() for x in given])


def test_gradients_of_gradients() -> None:
    given = [normal(40, 2), normal(36, 2, seed=1), normal(36, 1, seed=2)]

    def attended(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        y = zincir.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return y[:34].square() * 0.1

    assert gradgradcheck(attended, [x.requires_grad_() for x in given])


def test_dropout_keeps_the_expectation_and_differs_from_row_to_row() -> None:
    q, k = zincir.zeros(70, 4), zincir.zeros(4000, 4)
    y = zincir.nn.functional.scaled_dot_product_attention(q, k, zincir.ones(4000, 1), dropout_p=0.2)
    assert y.mean().item() == pytest.approx(1.0, abs=0.003)
    assert 0.004 < y.std().item() < 0.016
    assert len(set(y.flatten().tolist())) > 40
    assert not zincir.equal(y[64:], y[:6])  # of another block


def step(q: Tensor, k: Tensor, v: Tensor) -> list[Tensor]:
    zincir.manual_seed(1)
    y = zincir.nn.functional.scaled_dot_product_attention(
        q, k, v, is_causal=True, dropout_p=0.1, enable_gqa=True
    )
    return [y, *zincir.autograd.grad(y.square().sum(), [q, k, v])]


def test_bits_depend_on_neither_threads_nor_recording() -> None:
    given = [normal(2, h, 160, 16, seed=h).float().requires_grad_() for h in (4, 2, 2)]
    before = zincir.get_num_threads()
    try:
        found: list[list[Array]] = []
        for threads, f in ((1, step), (2, step), (2, zincir.compile(step))):
            zincir.set_num_threads(threads)
            found.append([x.detach().numpy().copy() for x in f(*given)])
    finally:
        zincir.set_num_threads(before)
    for other in found[1:]:
        for x, y in zip(found[0], other, strict=True):
            assert (x == y).all()


def test_all_scores_are_never_in_memory() -> None:
    q, k, v = (zincir.randn(1, 4, 2048, 8, requires_grad=True) for _ in range(3))
    for x in (q, k, v):
        x.sum().item()
    y = zincir.nn.functional.scaled_dot_product_attention(q, k, v)
    y.sum().backward()
    wanted = [y._node, *[x.grad._node for x in (q, k, v) if x.grad is not None]]
    plan = made_by("plan", snapshot(wanted).graph(), Options(2))
    scores = 4 * 4 * 2048 * 2048
    assert plan.arena_bytes < 0.5 * scores


def test_each_example_has_random_numbers_of_its_own() -> None:
    x = normal(3, 40, 4).float()

    def attended(x: Tensor) -> Tensor:
        return zincir.nn.functional.scaled_dot_product_attention(x, x, x, dropout_p=0.5)

    one = zincir.ones(1, 40, 4).expand(3, 40, 4)
    y = zincir.func.vmap(attended, randomness="different")(one)
    assert not zincir.equal(y[0], y[1])
    plain = zincir.func.vmap(lambda x: wrap(attention(x._node, x._node, x._node)))(x)
    expected = wrap(attention(x._node, x._node, x._node))
    np.testing.assert_allclose(plain.numpy(), expected.numpy(), 1e-5, 1e-6)


def test_blocks_cut_queries_without_a_rest_where_they_can() -> None:
    assert block_rows((8, 6, 1024, 64), 1024) == 64
    assert block_rows((1, 1024, 64), 1024) == 256
    assert block_rows((1, 1000, 64), 1000) == 256
    assert block_rows((64, 16, 4096, 64), 4096) == 32
