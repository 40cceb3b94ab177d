"""Attention: by hand, in one chain, with dropout; what does not fit."""

import numpy as np
import pytest

import zincir
from random_graphs import made_by
from zincir import nn
from zincir.autograd import gradcheck
from zincir.compiler.options import Options
from zincir.compiler.snapshot import snapshot
from zincir.errors import ArgumentError, DTypeError, ShapeError

F = nn.functional


def numbers(*shape: int, seed: int = 0) -> zincir.Tensor:
    return zincir.tensor(np.random.default_rng(seed).standard_normal(shape))


def test_by_hand() -> None:
    q, k, v = (numbers(4, 5, seed=n) for n in range(3))
    scores = q.numpy() @ k.numpy().T / np.sqrt(5) + np.where(np.tri(4), 0, -np.inf)
    weights = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    np.testing.assert_allclose(y.numpy(), weights @ v.numpy(), 1e-12)


def test_gradients_where_a_query_may_look_nowhere() -> None:
    mask = zincir.tensor([[True, False, True], [False, False, False]])
    given = [numbers(2, 4, seed=1), numbers(3, 4, seed=2), numbers(3, 2, seed=3)]

    def attended(q: zincir.Tensor, k: zincir.Tensor, v: zincir.Tensor) -> zincir.Tensor:
        return F.scaled_dot_product_attention(q, k, v, mask)

    assert attended(*given)[1].tolist() == [0.0, 0.0]
    assert gradcheck(attended, tuple(x.requires_grad_() for x in given))


def test_dropout_keeps_the_expectation() -> None:
    q, k = zincir.zeros(1, 4), zincir.zeros(4000, 4)
    y = F.scaled_dot_product_attention(q, k, zincir.ones(4000, 1), dropout_p=0.25)
    assert y.item() == pytest.approx(1.0, abs=0.03)
    assert y.item() != 1.0


VARIANTS = {
    "plain": {},
    "causal": {"is_causal": True},
    "mask": {"attn_mask": zincir.tensor(np.tri(128, dtype=bool))},
    "numbers": {"attn_mask": zincir.zeros(128, 128)},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_it_is_one_chain_and_its_scores_are_never_there(name: str) -> None:
    given = [zincir.randn(4, 128, 8, 32).numpy() for _ in range(3)]
    q, k, v = (zincir.tensor(x).transpose(1, 2) for x in given)
    y = F.scaled_dot_product_attention(q, k, v, **VARIANTS[name])
    plan = made_by("plan", snapshot([y._node]).graph(), Options(2, force_all_threads=True))
    scores = {x for x in plan.home if x.shape[-2:] == (128, 128) and x.shape[:2] == (4, 8)}
    assert scores
    assert {plan.home[x][0] for x in scores} == {"scratch"}


def test_a_compiled_step_with_attention_learns() -> None:
    net = nn.TransformerEncoderLayer(8, 2, 16, 0.1, batch_first=True)
    mask = nn.Transformer.generate_square_subsequent_mask(6)
    optimizer = zincir.optim.Adam(net.parameters(), 0.01)
    x = zincir.randn(4, 6, 8)
    target = x.roll(1, 1)

    @zincir.compile(fullgraph=True)
    def step(x: zincir.Tensor) -> zincir.Tensor:
        optimizer.zero_grad()
        loss = F.mse_loss(net(x, src_mask=mask, is_causal=True), target)
        loss.backward()
        optimizer.step()
        return loss

    losses = [step(x).item() for _ in range(60)]
    assert losses[-1] < 0.6 * losses[0]


def test_what_does_not_fit() -> None:
    q, k = zincir.zeros(2, 3, 4, 5), zincir.zeros(2, 3, 6, 5)
    for call, error, words in (
        (lambda: F.scaled_dot_product_attention(q, k[..., :4], k), ShapeError, "do not fit"),
        (lambda: F.scaled_dot_product_attention(q, k, k[:, :, :5]), ShapeError, "do not fit"),
        (lambda: F.scaled_dot_product_attention(q[0, 0, 0], k, k), ShapeError, "do not fit"),
        (lambda: F.scaled_dot_product_attention(q.double(), k, k), DTypeError, "differ in type"),
        (
            lambda: F.scaled_dot_product_attention(q, k, k, zincir.zeros(4, 6).long()),
            DTypeError,
            r"attn_mask has another type[\s\S]*int64",
        ),
        (lambda: F.scaled_dot_product_attention(q, k, k, dropout_p=2), ArgumentError, "dropout_p"),
        (
            lambda: F.scaled_dot_product_attention(q, k[:, :2], k[:, :2], enable_gqa=True),
            ShapeError,
            "heads of keys do not divide",
        ),
        (lambda: nn.MultiheadAttention(5, 2), ArgumentError, "heads do not divide the width"),
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="x"), ArgumentError, "'relu', 'gelu'"),
    ):
        with pytest.raises(error, match=words):
            call()


def test_masks_that_do_not_fit() -> None:
    layer, x = nn.MultiheadAttention(4, 2, batch_first=True), zincir.zeros(2, 3, 4)
    for masks, error, words in (
        ({"attn_mask": zincir.zeros(2, 3)}, ShapeError, r"attn_mask does not fit[\s\S]*\(3, 3\)"),
        ({"key_padding_mask": zincir.zeros(2, 4)}, ShapeError, r"key_padding_mask does not fit"),
        ({"attn_mask": zincir.zeros(3, 3).long()}, DTypeError, "neither bool nor floating"),
        ({"is_causal": True}, ArgumentError, "is_causal without a mask"),
    ):
        with pytest.raises(error, match=words):
            layer(x, x, x, **masks)
    with pytest.raises(ShapeError, match="a width of 4, for 2 heads"):
        layer(zincir.zeros(2, 3, 6), x, x)
    net = nn.Transformer(4, 2, 1, 1, 8)
    with pytest.raises(ShapeError, match="src and tgt do not fit"):
        net(zincir.zeros(3, 2, 4), zincir.zeros(3, 1, 4))


def test_positions() -> None:
    waves = F.sinusoidal_positions(6, 5, offset=2)
    place, k = np.arange(2, 8)[:, None], np.arange(3)
    angle = place / 10000 ** (2 * k / 6)
    expected = np.stack([np.sin(angle), np.cos(angle)], -1).reshape(6, 6)[:, :5]
    np.testing.assert_allclose(waves.numpy(), expected, 1e-5, 1e-6)
    x = zincir.zeros(6, 2, 5)
    layer = nn.SinusoidalPositions(5, max_len=9, batch_first=False)
    np.testing.assert_allclose(layer(x)[:, 1].numpy(), F.sinusoidal_positions(6, 5).numpy())
    assert list(layer.state_dict()) == []
    with pytest.raises(ShapeError, match="at most 9 places, width 5"):
        layer(zincir.zeros(10, 2, 5))


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotated_products_depend_on_distances_alone(interleaved: bool) -> None:
    q, k = numbers(1, 6), numbers(1, 6, seed=1)
    places = [(0, 0), (1, 3), (4, 6), (10, 12)]
    turn = nn.RotaryPositions(interleaved=interleaved)
    products = [(turn(q, a) * turn(k, b)).sum().item() for a, b in places]
    assert products[0] == pytest.approx((q * k).sum().item())
    assert products[1] == pytest.approx(products[2], abs=1e-6)
    assert products[1] == pytest.approx(products[3], abs=1e-6)
    assert products[0] != pytest.approx(products[1])
    both = turn(zincir.cat([q, q]), 3)
    np.testing.assert_allclose(both[1].numpy(), turn(q, 4)[0].numpy(), 1e-12)
    with pytest.raises(ShapeError, match="no pairs"):
        turn(zincir.zeros(2, 5))
