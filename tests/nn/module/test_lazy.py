"""Nets of lazy layers: before the first call, at it, and after."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import zincir
from scenes import Unseen
from zincir import models, nn
from zincir.errors import DTypeError, ShapeError, StateError, TraceError


def order(t: zincir.Tensor) -> object:
    """The axes as they lie in memory."""
    t._value("its order")
    return t._node.value.order


def lazy_net() -> Any:
    return nn.Sequential(
        nn.LazyConv2d(40, 3, padding=1),
        nn.LazyBatchNorm2d(),
        nn.ReLU(),
        nn.LazyConv2d(24, 3),
        nn.Flatten(),
        nn.LazyLinear(5),
    )


def plain_net() -> Any:
    return nn.Sequential(
        nn.Conv2d(3, 40, 3, padding=1),
        nn.BatchNorm2d(40),
        nn.ReLU(),
        nn.Conv2d(40, 24, 3),
        nn.Flatten(),
        nn.Linear(24 * 4 * 5, 5),
    )


def batch(seed: int = 0) -> zincir.Tensor:
    array = np.random.default_rng(seed).standard_normal((4, 3, 6, 7))
    return zincir.from_numpy(array.astype(np.float32))


def values(net: Any) -> dict[str, Any]:
    return {name: value.numpy().copy() for name, value in net.state_dict().items()}


def same(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_allclose(a[name], b[name], 1e-5, 1e-6, err_msg=name)


def test_first_call_makes_the_ordinary_net() -> None:
    """The same names, classes and numbers, from the same seed, with the same order in memory."""
    zincir.manual_seed(5)
    plain = plain_net()
    want = plain(batch())
    zincir.manual_seed(5)
    net = lazy_net()
    assert list(net.state_dict()) == list(plain.state_dict())
    held = dict(net.named_parameters())
    got = net(batch())
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), 1e-4, 1e-5)
    same(values(net), values(plain))
    assert repr(net) == repr(plain)
    assert [type(m) for m in net.modules()] == [type(m) for m in plain.modules()]
    assert all(p is held[name] for name, p in net.named_parameters())
    for p, q in zip(net.parameters(), plain.parameters(), strict=True):
        assert type(p) is nn.Parameter
        assert order(p) == order(q)
    assert not any(m._forward_pre_hooks for m in net.modules())


@pytest.mark.parametrize("compiled", [False, True])
def test_training(compiled: bool) -> None:
    losses = []
    for make in (plain_net, lazy_net):
        zincir.manual_seed(1)
        net = make().eval()
        net(batch())
        net.train()
        optimizer = zincir.optim.SGD(net.parameters(), 0.05, 0.9)

        def step(x: Any, net: Any = net, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = (net(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        run = zincir.compile(step) if compiled else step
        losses.append([run(batch(k)).item() for k in range(4)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert len(set(losses[0])) == 4


def test_first_call_inside_a_compiled_function() -> None:
    """Parameters come to be once, not at each replay; statistics follow every batch."""
    results = []
    for make in (plain_net, lazy_net):
        zincir.manual_seed(2)
        net = make()
        before = zincir.ones(3) * 2  # waits for its value, like what is recorded before the layers

        runs = Unseen()

        @zincir.compile
        def forward(x: Any, net: Any = net, runs: Any = runs) -> Any:
            runs.append(1)
            with zincir.no_grad():
                return net(x * 1.5 + 0.1)

        outputs = [forward(batch(0)).numpy().copy()]
        stream = zincir.get_rng_state()
        outputs += [forward(batch(k)).numpy().copy() for k in (1, 2)]
        assert np.array_equal(stream, zincir.get_rng_state())
        assert len(runs) <= 3, "its sizes, a recording, and another to compare"
        results.append((outputs, values(net)))
        assert before.tolist() == [2.0] * 3
    for a, b in zip(results[0][0], results[1][0], strict=True):
        np.testing.assert_allclose(a, b, 1e-4, 1e-5)
    same(results[0][1], results[1][1])
    assert results[1][1]["1.num_batches_tracked"] == 3


def test_a_compiled_step_with_gradients_inside() -> None:
    """Without an optimizer: gradients of parameters that did not exist when recording began."""
    net = lazy_net()

    @zincir.compile
    def backward(x: Any) -> Any:
        loss = (net(x) ** 2).mean()
        loss.backward()
        return loss

    backward(batch())
    first = {name: p.grad.numpy().copy() for name, p in net.named_parameters()}
    backward(batch())
    backward(batch())
    for name, p in net.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), 3 * first[name], 1e-4, 1e-6)


def test_a_recording_that_fails_leaves_the_layers_usable() -> None:
    net = lazy_net()

    @zincir.compile
    def look(x: Any) -> Any:
        return net(x).sum().item()

    with pytest.raises(TraceError):
        look(batch())
    assert net(batch()).shape == (4, 5)
    assert np.abs(net[0].weight.detach().numpy()).max() > 0.1


@pytest.mark.parametrize("make", [zincir.optim.SGD, zincir.optim.Adam])
def test_an_optimizer_made_before_the_first_call(make: Any) -> None:
    net = lazy_net()
    optimizer = make(net.parameters(), 0.1)
    optimizer.zero_grad()
    net(batch()).sum().backward()
    before = net[0].weight.detach().clone()
    optimizer.step()
    assert net[0].weight.grad is not None
    assert (net[0].weight != before).any().item()


def test_settings_before_the_first_call() -> None:
    net = lazy_net().double().eval()
    net.requires_grad_(False)
    net.zero_grad()
    net(batch().double())
    assert all(p.dtype is zincir.float64 and not p.requires_grad for p in net.parameters())
    assert net[1].running_mean.dtype is zincir.float64
    assert not net[1].training
    assert net[1].num_batches_tracked.item() == 0


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_before_the_first_call(duplicate: Any) -> None:
    net = lazy_net()
    other = duplicate(net)
    assert repr(other) == repr(net)
    zincir.manual_seed(3)
    other(batch())
    assert repr(net) == repr(lazy_net())
    zincir.manual_seed(3)
    net(batch())
    same(values(net), values(other))
    assert not other[0]._forward_pre_hooks


def test_hooks_around_the_first_call() -> None:
    """A hook before forward sees the ordinary layer, whenever it was hung."""
    layer, seen = nn.LazyLinear(2), list[Any]()
    layer.register_forward_pre_hook(lambda m, args: seen.append(type(m)))
    handle = layer.register_forward_hook(lambda m, args, y: seen.append(m.weight.shape))
    layer(zincir.ones(1, 3))
    handle.remove()
    layer(zincir.ones(1, 3))
    assert seen == [nn.Linear, (2, 3), nn.Linear]


# State


def test_state_before_the_first_call_stands_for_what_is_to_come() -> None:
    net, other = lazy_net(), lazy_net()
    state = net.state_dict()
    assert repr(state["0.weight"]) == "<UninitializedParameter>"
    assert repr(state["1.running_var"]) == "<UninitializedBuffer>"
    assert state["1.num_batches_tracked"].item() == 0
    assert other.load_state_dict(state) == ([], [])
    assert repr(other) == repr(net)
    called = plain_net()
    before = values(called)
    with pytest.raises(StateError, match=r"0\.weight: not initialised in the state") as raised:
        called.load_state_dict(state)
    assert "1.running_mean" in str(raised.value)
    same(values(called), before)


def test_loading_gives_shapes_and_values() -> None:
    saved, net = plain_net(), lazy_net().double()
    saved(batch())
    net.load_state_dict(values(saved))
    assert net[3].weight.shape == (24, 40, 3, 3)
    assert type(net[3].weight) is nn.Parameter
    assert type(net[1].running_var) is zincir.Tensor
    assert repr(net[0]) == repr(nn.LazyConv2d(40, 3, padding=1))
    same(values(net.float()), values(saved))
    stream = zincir.get_rng_state()
    want = saved.eval()(batch()).detach().numpy()
    np.testing.assert_allclose(net.eval()(batch()).detach().numpy(), want, 1e-6)
    assert np.array_equal(stream, zincir.get_rng_state()), "nothing is drawn"
    assert repr(net) == repr(saved)
    assert order(net[3].weight) == order(saved[3].weight)


def test_loading_a_part() -> None:
    layer = nn.LazyLinear(2)
    assert layer.load_state_dict({"bias": [1.0, 2.0]}, strict=False).missing_keys == ["weight"]
    layer(zincir.ones(1, 3))
    assert layer.bias.tolist() == [1.0, 2.0]
    assert layer.weight.shape == (2, 3)


def test_loading_is_whole_or_not_at_all() -> None:
    net = lazy_net()
    state = {**values(plain_net()), "1.num_batches_tracked": np.zeros(3, np.int64)}
    with pytest.raises(StateError, match=r"num_batches_tracked: shape \(3,\)"):
        net.load_state_dict(state)
    assert repr(net[0].weight) == "<UninitializedParameter>"


def test_a_loaded_layer_takes_what_it_was_saved_with() -> None:
    for layer, saved, wrong in (
        (nn.LazyLinear(2), nn.Linear(3, 2), (1, 4)),
        (nn.LazyConv1d(4, 1, groups=2), nn.Conv1d(6, 4, 1, groups=2), (1, 4, 5)),
        (nn.LazyConvTranspose1d(4, 1), nn.ConvTranspose1d(3, 4, 1), (1, 4, 5)),
        (nn.LazyBatchNorm1d(), nn.BatchNorm1d(3), (2, 4)),
    ):
        layer.load_state_dict(saved.state_dict())
        with pytest.raises(ShapeError):
            layer(zincir.ones(wrong))
        assert repr(layer) == repr(saved)


# What comes in


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (nn.LazyLinear(2), (), "LazyLinear: input has 0 axes"),
        (nn.LazyConv1d(4, 3), (3,), r"expected  \(batch, channels, length\) or \(channels, length"),
        (nn.LazyConv2d(4, 3), (3, 3), r"LazyConv2d: input has 2 axes"),
        (nn.LazyConvTranspose3d(4, 3), (3, 3), r"\(channels, depth, height, width\)"),
        (nn.LazyBatchNorm2d(), (3, 3), r"expected  \(batch, channels, height, width\)\n"),
        (nn.LazyInstanceNorm1d(), (3,), r"\(batch, channels, length\) or \(channels, length\)"),
        (nn.LazyConv2d(4, 1, groups=2), (1, 3, 2, 2), "3 channels cannot be cut into 2 groups"),
    ],
)
def test_an_input_that_does_not_fit(layer: Any, shape: tuple[int, ...], text: str) -> None:
    """The error names the layer in the net and the line, and the layer stays as it was."""
    net = nn.Sequential(layer)
    before = repr(net)
    with pytest.raises(ValueError, match=text) as raised:
        net(zincir.ones(shape))
    assert "test_lazy.py" in str(raised.value)
    assert repr(net) == before
    assert layer.has_uninitialized_params()


def test_not_a_tensor() -> None:
    with pytest.raises(DTypeError, match="LazyLinear: input: not a tensor"):
        nn.LazyLinear(2)(np.ones((2, 3), np.float32))


def test_wrong_arguments_are_refused_when_the_layer_is_made() -> None:
    with pytest.raises(ValueError, match="4 channels cannot be cut into 3 groups"):
        nn.LazyConv2d(4, 3, groups=3)
    with pytest.raises(ValueError, match="in_channels"):
        nn.Conv2d(0, 4, 3)


def test_an_empty_batch_will_do() -> None:
    net = lazy_net().eval()
    assert net(zincir.zeros(0, 3, 6, 7)).shape == (0, 5)
    assert net(batch()).shape == (4, 5)


def test_reset_parameters_before_and_after() -> None:
    layer = nn.LazyLinear(2)
    layer.reset_parameters()
    assert layer.has_uninitialized_params()
    layer(zincir.ones(1, 3))
    before = layer.weight.detach().numpy().copy()
    layer.reset_parameters()
    assert not np.array_equal(before, layer.weight.detach().numpy())


def test_summary() -> None:
    net, plain = lazy_net(), plain_net()
    stream = zincir.get_rng_state()
    assert str(models.summary(net, (4, 3, 6, 7))) == str(models.summary(plain, (4, 3, 6, 7)))
    assert not np.array_equal(stream, zincir.get_rng_state()), "what was drawn is not drawn again"
    assert net[1].num_batches_tracked.item() == 0
    stream = zincir.get_rng_state()
    models.summary(net, (4, 3, 6, 7))
    assert np.array_equal(stream, zincir.get_rng_state())


def test_one_lazy_layer_in_two_places() -> None:
    layer = nn.LazyLinear(4)
    net = nn.Sequential(layer, nn.ReLU(), layer)
    assert net(zincir.ones(2, 4)).shape == (2, 4)
    assert len(list(net.parameters())) == 2
