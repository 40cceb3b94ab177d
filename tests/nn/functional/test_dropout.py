"""Dropout and its like: what is dropped together, what is kept, the same bits, every error."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

import zincir
from zincir import nn
from zincir.autograd import gradcheck
from zincir.errors import ArgumentError, DTypeError, ShapeError

F = nn.functional
Drop = Callable[..., zincir.Tensor]

# Each with an input shape, and how many of its first axes tell apart what is dropped together.
KINDS: list[tuple[Drop, tuple[int, ...], int]] = [
    (F.dropout, (40, 30, 5), 3),
    (F.dropout1d, (40, 30, 5), 2),
    (F.dropout1d, (900, 5), 1),
    (F.dropout2d, (40, 30, 2, 3), 2),
    (F.dropout3d, (40, 30, 2, 3, 1), 2),
    (F.dropout3d, (900, 2, 3, 1), 1),
    (lambda x, p, training: F.stochastic_depth(x, p, "row", training), (900, 5), 1),
]
ALPHA: list[tuple[Drop, tuple[int, ...], int]] = [
    (F.alpha_dropout, (40, 30, 5), 3),
    (F.feature_alpha_dropout, (40, 30, 5), 2),
]
kinds = pytest.mark.parametrize(("drop", "shape", "told_apart"), KINDS)
every = pytest.mark.parametrize(("drop", "shape", "told_apart"), [*KINDS, *ALPHA])


@kinds
def test_what_is_dropped_together_and_how_often(
    drop: Drop, shape: tuple[int, ...], told_apart: int
) -> None:
    x = zincir.ones(*shape, requires_grad=True)
    y = drop(x, 0.3, training=True)
    y.sum().backward()
    values = y.detach().numpy().reshape(*shape[:told_apart], -1)
    kept = values[..., 0] != 0
    assert kept.mean() == pytest.approx(0.7, abs=0.06)
    np.testing.assert_allclose(values, np.where(kept, 1 / 0.7, 0)[..., None] + 0 * values, 1e-6)
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


@pytest.mark.parametrize(
    ("drop", "shape", "told_apart"),
    [
        (F.dropout2d, (40, 30), 2),
        (F.dropout2d, (40, 30, 5), 2),
        (F.dropout2d, (40, 30, 2, 2, 2), 2),
        (F.dropout3d, (900,), 1),
        (F.dropout3d, (900, 3), 1),
        (F.dropout3d, (900, 2, 3), 1),
    ],
)
def test_other_numbers_of_axes_with_a_warning(
    drop: Drop, shape: tuple[int, ...], told_apart: int
) -> None:
    with pytest.warns(UserWarning, match=f"the input has {len(shape)} axes"):
        y = drop(zincir.ones(*shape), 0.3, training=True)
    values = y.numpy().reshape(*shape[:told_apart], -1)
    kept = values[..., 0] != 0
    assert kept.mean() == pytest.approx(0.7, abs=0.06)
    assert ((values != 0) == kept[..., None]).all()
    with pytest.warns(UserWarning, match="PyTorch has deprecated"):
        assert drop(zincir.ones(*shape), 0.3, training=False).mean().item() == 1.0


def test_a_whole_batch_is_left_out_or_kept() -> None:
    sums = [F.stochastic_depth(zincir.ones(2, 3), 0.5, "batch").sum().item() for _ in range(64)]
    assert set(sums) == {0.0, 12.0}


@every
def test_identity(drop: Drop, shape: tuple[int, ...], told_apart: int) -> None:
    x = zincir.ones(*shape)
    assert drop(x, 0.5, training=False) is x
    assert drop(x, 0.0, training=True) is x


@every
def test_everything_is_dropped(drop: Drop, shape: tuple[int, ...], told_apart: int) -> None:
    x = zincir.ones(*shape, requires_grad=True)
    y = drop(x, 1.0, training=True)
    y.sum().backward()
    assert not y.detach().numpy().any()
    assert not x.grad.numpy().any()


@every
def test_the_same_seed_gives_the_same_bits(
    drop: Drop, shape: tuple[int, ...], told_apart: int
) -> None:
    """For one and two threads, in a plain call and in a compiled one; and then others."""
    before = zincir.get_num_threads()

    def twice(wrap: Callable[[Any], Any]) -> list[bytes]:
        zincir.manual_seed(11)
        run = wrap(lambda x: drop(x, 0.4, training=True) * 2.0)
        x = zincir.arange(float(np.prod(shape))).reshape(*shape)
        return [run(x).numpy().tobytes() for _ in range(2)]

    try:
        zincir.set_num_threads(1)
        one = twice(lambda f: f)
        zincir.set_num_threads(2)
        assert twice(lambda f: f) == one
        assert twice(zincir.compile) == one
        assert one[0] != one[1]
    finally:
        zincir.set_num_threads(before)


@given(seed=st.integers(0, 2**31), p=st.sampled_from([0.05, 0.3, 0.5, 0.9]))
@hypothesis_settings(max_examples=10)
def test_the_mean_stays(seed: int, p: float) -> None:
    zincir.manual_seed(seed)
    x = zincir.from_numpy(np.random.default_rng(0).uniform(0.5, 1.5, (400, 250)))
    mean = F.dropout(x, p).mean().item()
    # 5 standard deviations of a mean of 100,000 numbers
    assert mean == pytest.approx(x.mean().item(), abs=5 * 1.1 * (p / (1 - p) / 1e5) ** 0.5)


@given(seed=st.integers(0, 2**31), p=st.sampled_from([0.05, 0.3, 0.5, 0.8]))
@hypothesis_settings(max_examples=10)
def test_alpha_dropout_keeps_mean_and_variance(seed: int, p: float) -> None:
    zincir.manual_seed(seed)
    x = zincir.from_numpy(np.random.default_rng(0).normal(size=(400, 250, 1)))
    for drop in (F.alpha_dropout, F.feature_alpha_dropout):
        y = drop(x, p, training=True).numpy()
        assert y.mean() == pytest.approx(0.0, abs=0.02)
        assert y.var() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("drop", [F.dropout, F.dropout1d, F.alpha_dropout])
def test_gradients(drop: Drop) -> None:
    x = zincir.from_numpy(np.random.default_rng(0).normal(size=(3, 4, 2))).requires_grad_()

    def seeded(x: zincir.Tensor) -> zincir.Tensor:
        zincir.manual_seed(1)
        return drop(x, 0.5, True) ** 2

    assert gradcheck(seeded, (x,))


def test_in_place_and_not_contiguous() -> None:
    x = zincir.ones(6, 5, 4)
    swapped = x.transpose(0, 2)
    y = F.dropout1d(swapped, 0.5, inplace=True)
    assert y is swapped
    np.testing.assert_array_equal(x.numpy().transpose(2, 1, 0), y.numpy())
    assert set(np.unique(x.numpy())) == {0.0, 2.0}
    for drop in (F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout):
        z = zincir.ones(30, 2, 4, 1)
        assert drop(z, 0.5, True, inplace=True) is z
        assert len(np.unique(z.numpy())) == 2


@pytest.mark.parametrize("shape", [(0, 3, 2), (3, 0, 2), (2, 3, 0)])
def test_nothing_to_drop(shape: tuple[int, ...]) -> None:
    x = zincir.ones(*shape)
    for y in (
        F.dropout(x),
        F.dropout1d(x),
        F.feature_alpha_dropout(x, training=True),
        F.stochastic_depth(x, 0.5, "row"),
    ):
        assert y.numpy().shape == shape


def test_a_residual_net_learns_with_stochastic_depth() -> None:
    """In a compiled step every round draws anew; in evaluation nothing is drawn."""
    layer, branch = nn.StochasticDepth(0.5, "row"), nn.Linear(4, 4)
    optimizer = zincir.optim.SGD(branch.parameters(), lr=0.0)
    x = zincir.randn(64, 4)

    @zincir.compile
    def step(x: zincir.Tensor) -> zincir.Tensor:
        optimizer.zero_grad()
        y = x + layer(branch(x))
        y.square().mean().backward()
        optimizer.step()
        return y

    first, second = step(x).detach().numpy(), step(x).detach().numpy()
    left_out = (first == x.numpy()).all(1)
    assert 10 < left_out.sum() < 54
    assert (left_out != (second == x.numpy()).all(1)).any()
    layer.eval()
    np.testing.assert_array_equal(step(x).detach().numpy(), step(x).detach().numpy())


# Errors and layers -------------------------------------------------------------------------------

LAYERS = [
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
    lambda p: nn.StochasticDepth(p, "row"),
]


@pytest.mark.parametrize("layer", LAYERS)
def test_probabilities(layer: Callable[[float], nn.Module]) -> None:
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ArgumentError, match="p is not a probability"):
            layer(p)
    with pytest.warns(UserWarning, match=r"\(p=1.0\) lets nothing through.*learns nothing"):
        assert layer(1.0).p == 1.0
    assert layer(0.0).p == 0.0


@pytest.mark.parametrize("layer", LAYERS)
def test_a_new_probability_counts_in_a_compiled_step(
    layer: Callable[[float], nn.Module],
) -> None:
    dropping = layer(0.5)
    more = [1] if isinstance(dropping, nn.Dropout2d | nn.Dropout3d) else []
    x = zincir.ones(8, 50, 4, *more)
    step = zincir.compile(lambda x: dropping(x))
    assert (step(x).numpy() != 1.0).any()
    assert (step(x).numpy() != 1.0).any()
    dropping.p = 0.0
    assert (step(x).numpy() == 1.0).all()


@every
def test_a_function_checks_its_probability(
    drop: Drop, shape: tuple[int, ...], told_apart: int
) -> None:
    for training in (True, False):
        with pytest.raises(ArgumentError, match="p is not a probability"):
            drop(zincir.ones(*shape), 1.5, training=training)
    with pytest.raises(DTypeError, match="needs a floating tensor"):
        drop(zincir.ones(*shape, dtype=zincir.int64), 0.5, training=True)


def test_axes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"dropout1d: input has 4 axes[\s\S]*dropout\(x\)"):
        F.dropout1d(zincir.ones(1, 2, 3, 4))
    with (
        pytest.raises(ShapeError, match="dropout2d: input has 1 axes"),
        pytest.warns(UserWarning, match="deprecated"),
    ):
        nn.Dropout2d()(zincir.ones(2))
    with (
        pytest.raises(ShapeError, match="dropout3d: input has 0 axes"),
        pytest.warns(UserWarning, match="deprecated"),
    ):
        F.dropout3d(zincir.tensor(1.0))
    with pytest.raises(ShapeError, match="feature_alpha_dropout: input has 1 axes"):
        F.feature_alpha_dropout(zincir.ones(3), training=True)
    with pytest.raises(ShapeError, match="stochastic_depth: input has 0 axes"):
        F.stochastic_depth(zincir.tensor(1.0), 0.5, "row")


def test_modes_of_stochastic_depth() -> None:
    with pytest.raises(ArgumentError, match=r"stochastic_depth: unknown mode[\s\S]*'row'"):
        F.stochastic_depth(zincir.ones(2), 0.5, "column")
    with pytest.raises(ArgumentError, match="StochasticDepth: unknown mode"):
        nn.StochasticDepth(0.5, "all")
    assert repr(nn.StochasticDepth(0.5, "row")) == "StochasticDepth(p=0.5, mode=row)"


def test_dropout() -> None:
    zincir.manual_seed(0)
    x = zincir.ones(200, 100, requires_grad=True)
    y = F.dropout(x, 0.3)
    kept = y.detach().numpy() != 0
    assert kept.mean() == pytest.approx(0.7, abs=0.01)
    np.testing.assert_allclose(y.detach().numpy()[kept], 1 / 0.7, 1e-6)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy() != 0, kept)
    assert (F.dropout(x, 0.3).detach().numpy() != y.detach().numpy()).any()
    zincir.manual_seed(0)
    np.testing.assert_array_equal(F.dropout(x, 0.3).detach().numpy(), y.detach().numpy())
    assert F.dropout(x, 0.3, training=False) is x
    assert F.dropout(x, 0.0) is x
    assert F.dropout(x, 1.0).abs().sum().item() == 0.0
    layer = nn.Dropout(0.9)
    assert layer.eval()(x) is x


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_probabilities_of_functions(p: float) -> None:
    with pytest.raises(ArgumentError, match="p is not a probability\n"):
        F.dropout(zincir.ones(1), p)
    with pytest.raises(ArgumentError, match="Dropout: p is not a probability"):
        nn.Dropout(p)


def test_a_dropout_of_everything_warns() -> None:
    with pytest.warns(UserWarning, match="learns nothing"):
        nn.Dropout(1.0)
