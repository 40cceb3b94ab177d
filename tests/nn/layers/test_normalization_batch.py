"""Layers with running statistics: in plain loops, in compiled steps, under no_grad, in errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, ShapeError

F = nn.functional


def data(seed: int, n: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(1.0, 2.0, (n, 3, 4)).astype(np.float32)


def network(**options: Any) -> nn.Sequential:
    zincir.manual_seed(3)
    return nn.Sequential(
        nn.BatchNorm1d(3, **options), nn.ReLU(), nn.Flatten(), nn.Linear(12, 6), nn.BatchNorm1d(6)
    )


def trained(wrap: Callable[[Any], Any], modes: str, **options: Any) -> list[bytes]:
    """All results, parameters and buffers of some rounds of training (t) and evaluation (e)."""
    model = network(**options)
    optimizer = zincir.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x: zincir.Tensor) -> zincir.Tensor:
        optimizer.zero_grad()
        loss = (model(x) ** 3).mean()
        loss.backward()
        optimizer.step()
        return loss

    run = wrap(step)
    seen: list[bytes] = []
    for k, mode in enumerate(modes):
        model.train(mode == "t")
        seen.append(run(zincir.from_numpy(data(k, 5 if k % 3 else 4))).detach().numpy().tobytes())
        seen += [b.numpy().tobytes() for b in model.buffers()]
    return seen + [p.detach().numpy().tobytes() for p in model.parameters()]


@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"track_running_stats": False}])
def test_compiled_and_plain_training_agree_to_the_bit(options: dict[str, Any]) -> None:
    assert trained(zincir.compile, "tttettetet", **options) == trained(
        lambda f: f, "tttettetet", **options
    )


def test_statistics_that_nobody_looks_at_are_not_lost() -> None:
    """Many steps without a look, then the values: as if each had been looked at."""
    plain, looked = nn.BatchNorm1d(3, momentum=None), nn.BatchNorm1d(3, momentum=None)
    for k in range(20):
        plain(zincir.from_numpy(data(k)))
        looked(zincir.from_numpy(data(k)))
        looked.running_var.numpy()
    assert plain.num_batches_tracked.item() == 20
    np.testing.assert_array_equal(plain.running_mean.numpy(), looked.running_mean.numpy())
    np.testing.assert_array_equal(plain.running_var.numpy(), looked.running_var.numpy())
    means = [data(k).mean((0, 2), dtype=np.float64) for k in range(20)]
    np.testing.assert_allclose(plain.running_mean.numpy(), np.mean(means, 0), 1e-5)


def test_statistics_follow_under_no_grad_and_rest_in_evaluation() -> None:
    layer, x = nn.BatchNorm1d(3, momentum=0.5), data(0)
    with zincir.no_grad():
        y = layer(zincir.from_numpy(x))
    assert not y.requires_grad
    mean = 0.5 * x.mean((0, 2))
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, 1e-5)
    layer.eval()
    again = layer(zincir.from_numpy(data(1))).detach().numpy()
    var = 0.5 + 0.5 * x.var((0, 2), ddof=1)
    expected = (data(1) - mean[:, None]) / np.sqrt(var + 1e-5)[:, None]
    np.testing.assert_allclose(again, expected, 1e-4, 1e-6)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, 1e-5)
    assert layer.num_batches_tracked.item() == 1


def test_statistics_take_no_part_in_gradients() -> None:
    layer = nn.BatchNorm1d(3)
    x = zincir.from_numpy(data(0)).requires_grad_()
    first = layer(x)
    second = layer(first)
    assert not any(b.requires_grad for b in layer.buffers())
    second.square().sum().backward()
    assert x.grad is not None
    assert sorted(name for name, _ in layer.named_parameters()) == ["bias", "weight"]


@pytest.mark.parametrize("wrap", [lambda f: f, zincir.compile], ids=["plain", "compiled"])
def test_a_new_value_of_momentum_counts(wrap: Callable[[Any], Any]) -> None:
    layer, x = nn.BatchNorm1d(3, momentum=0.0), zincir.from_numpy(data(0))
    step = wrap(lambda x: layer(x).detach())
    step(x)
    step(x)
    assert layer.running_mean.tolist() == [0.0] * 3
    layer.momentum = 1.0
    step(x)
    np.testing.assert_allclose(layer.running_mean.numpy(), data(0).mean((0, 2)), 1e-5)
    layer.momentum = None
    step(zincir.from_numpy(data(1)))
    expected = 0.75 * data(0).mean((0, 2)) + 0.25 * data(1).mean((0, 2))
    np.testing.assert_allclose(layer.running_mean.numpy(), expected, 1e-5)


def test_state_can_be_loaded_while_a_compiled_step_goes_on() -> None:
    layer = nn.BatchNorm1d(3)

    @zincir.compile
    def step(x: zincir.Tensor) -> zincir.Tensor:
        with zincir.no_grad():
            return layer(x)

    x = zincir.from_numpy(data(0))
    step(x)
    state = {name: value.numpy().copy() for name, value in layer.state_dict().items()}
    step(x)
    moved = layer.running_mean.numpy().copy()
    layer.load_state_dict(state)
    step(x)
    np.testing.assert_array_equal(layer.running_mean.numpy(), moved)
    assert layer.num_batches_tracked.item() == 2


def test_statistics_start_again() -> None:
    layer = nn.BatchNorm1d(3)
    layer(zincir.from_numpy(data(0)))
    with zincir.no_grad():
        layer.weight.fill_(3.0)
    layer.reset_running_stats()
    assert layer.running_mean.tolist() == [0.0] * 3
    assert layer.running_var.tolist() == [1.0] * 3
    assert layer.num_batches_tracked.item() == 0
    assert layer.weight.tolist() == [3.0] * 3
    layer.reset_parameters()
    assert layer.weight.tolist() == [1.0] * 3


def test_an_instance_norm_follows_the_mean_over_the_batch() -> None:
    layer, x = nn.InstanceNorm1d(3, momentum=1.0, track_running_stats=True), data(0)
    layer(zincir.from_numpy(x))
    np.testing.assert_allclose(layer.running_mean.numpy(), x.mean(2).mean(0), 1e-5)
    np.testing.assert_allclose(layer.running_var.numpy(), x.var(2, ddof=1).mean(0), 1e-5)
    before = layer.running_mean.numpy().copy()
    layer.eval()(zincir.from_numpy(data(1)))
    np.testing.assert_array_equal(layer.running_mean.numpy(), before)


def test_a_layer_says_what_does_not_fit() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3))
    with pytest.raises(ShapeError) as error:
        model(zincir.ones(2, 4, 5, 5))
    lines = str(error.value).splitlines()
    assert lines[0] == "BatchNorm2d: input has 4 channels, the layer takes 3"
    assert lines[1].startswith("  where     Sequential.0 (")
    assert lines[2] == "  expected  (batch, channels, height, width) with 3 channels"
    assert lines[3] == "  got       (2, 4, 5, 5)"
    assert "BatchNorm2d(4), or check" in lines[4]
    with pytest.raises(ShapeError, match=r"BatchNorm2d: input has 3 axes[\s\S]*x.unsqueeze\(0\)"):
        model(zincir.ones(3, 5, 5))
    with pytest.raises(ShapeError, match="BatchNorm1d: input has 4 axes"):
        nn.BatchNorm1d(3)(zincir.ones(2, 3, 5, 5))
    with pytest.raises(ShapeError, match=r"or \(channels, length\) with 3 channels"):
        nn.InstanceNorm1d(3, affine=True)(zincir.ones(4, 5))
    with pytest.raises(ShapeError, match="InstanceNorm3d: input has 3 axes"):
        nn.InstanceNorm3d(3)(zincir.ones(3, 5, 5))
    with pytest.raises(ArgumentError, match="BatchNorm1d: num_features is not a size"):
        nn.BatchNorm1d(2.5)


def test_one_example_is_refused_in_training_only() -> None:
    layer = nn.BatchNorm1d(3)
    with pytest.raises(ShapeError, match=r"more than 1 value[\s\S]*model.eval\(\)"):
        layer(zincir.ones(1, 3))
    assert layer.running_mean.tolist() == [0.0] * 3
    assert layer.eval()(zincir.ones(1, 3)).shape == (1, 3)


def test_groups_of_a_layer() -> None:
    with pytest.raises(ArgumentError, match=r"GroupNorm: 5 channels cannot be cut into 2 groups"):
        nn.GroupNorm(2, 5)
    with pytest.raises(ArgumentError, match="GroupNorm: num_groups is not a size"):
        nn.GroupNorm(-1, 5)


@pytest.mark.parametrize("shape", [(16, 8, 32, 32), (128, 32, 8, 8), (5000, 6)])
@pytest.mark.parametrize("place", [0.0, 3.0, 100.0])
def test_statistics_are_as_exact_as_their_type(shape: tuple[int, ...], place: float) -> None:
    """Pieces of a large batch are put together without rounding each of them."""
    random = np.random.default_rng(0)
    x = (random.standard_normal(shape) + place).astype(np.float32)
    axes = tuple(a for a in range(len(shape)) if a != 1)
    mean, var = zincir.zeros(shape[1]), zincir.zeros(shape[1])
    nn.functional.batch_norm(zincir.tensor(x), mean, var, training=True, momentum=1.0)
    exact = x.astype(np.float64).mean(axes), x.astype(np.float64).var(axes, ddof=1)
    assert np.abs(mean.numpy() - exact[0]).max() < 6e-8 * max(place, 1.0)
    assert np.abs(var.numpy() / exact[1] - 1.0).max() < 5e-7


def test_without_anything_for_each_channel_any_number_of_them_will_do() -> None:
    x = zincir.tensor(np.random.default_rng(0).normal(size=(2, 5, 7)))
    with pytest.warns(UserWarning, match="input has 5 channels, num_features is 4"):
        y = nn.InstanceNorm1d(4)(x)
    np.testing.assert_array_equal(y.numpy(), nn.InstanceNorm1d(5)(x).numpy())
    with pytest.raises(ShapeError, match="input has 5 channels, the layer takes 4"):
        nn.InstanceNorm1d(4, affine=True).double()(x)
    with pytest.raises(ShapeError, match="input has 5 channels, the layer takes 4"):
        nn.InstanceNorm1d(4, track_running_stats=True).double()(x)


def test_a_subclass_says_which_inputs_it_takes() -> None:
    from zincir.as_torch.nn_modules import _BatchNorm

    class AnyAxes(_BatchNorm):
        def _check_input_dim(self, input) -> None:
            if input.ndim < 2:
                raise ValueError("too few axes")

    layer, x = AnyAxes(3), zincir.randn(4, 3, 2, 2, 2, 2)
    flat, plain = x.reshape(4, 3, -1), nn.BatchNorm1d(3)
    assert zincir.allclose(layer(x).reshape(4, 3, -1), plain(flat), atol=1e-6)
    assert zincir.allclose(layer.running_var, plain.running_var, atol=1e-6)
    with pytest.raises(ValueError, match="too few axes"):
        layer(x[:, 0, 0, 0, 0, 0])
