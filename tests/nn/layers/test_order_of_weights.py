"""Weights of convolutions lie in memory in an order of their own, and nobody notices."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn

F = nn.functional


def make(seed: int = 0) -> Any:
    zincir.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 40, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(40, 24, 3, stride=2),
        nn.ReLU(),
        nn.Conv2d(24, 8, (1, 3), dilation=(1, 2)),
        nn.Flatten(),
    )


def row_by_row(net: Any) -> Any:
    """The same net with its weights stored as they are shown."""
    for p in net.parameters():
        p._order = None
        with zincir.no_grad():
            p.copy_(p.detach() * 1.0)
    return net


X = np.random.default_rng(0).standard_normal((4, 3, 11, 11)).astype(np.float32)


def loss_of(net: Any) -> Any:
    return (net(zincir.from_numpy(X)) ** 2).mean()


def order(t: Any) -> Any:
    t.sum().item()
    t._value("its order")
    return t._node.value.order


def train(net: Any, steps: int, *, compiled: bool, optimizer: Any = None) -> list[float]:
    optimizer = optimizer or zincir.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=0.01)

    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_of(net)
        loss.backward()
        optimizer.step()
        return loss

    run = zincir.compile(step) if compiled else step
    return [run().item() for _ in range(steps)]


def test_order_is_another_and_is_not_seen() -> None:
    weights = [layer.weight for layer in make() if isinstance(layer, nn.Conv2d)]
    assert [order(w) for w in weights] == [(2, 3, 1, 0), (2, 0, 3, 1), (2, 0, 3, 1)]
    for w in weights:
        fan = float(np.prod(w.shape[1:]))
        values = w.detach().numpy()
        assert values.shape == w.shape
        assert 0.9 * fan**-0.5 < np.abs(values).max() <= fan**-0.5
        assert np.array_equal(np.asarray(w.tolist(), np.float32), values)


@pytest.mark.parametrize("compiled", [False, True])
def test_training_is_the_same(compiled: bool) -> None:
    ours, plain = make(), row_by_row(make())
    assert order(plain[2].weight) is None
    a, b = train(ours, 4, compiled=compiled), train(plain, 4, compiled=compiled)
    np.testing.assert_allclose(a, b, 1e-5)
    assert a[-1] < a[0]
    for p, q in zip(ours.parameters(), plain.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), 1e-4, 1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_order_stays_where_weights_train(compiled: bool) -> None:
    net = make()
    optimizer = zincir.optim.SGD(net.parameters(), 0.1, 0.9)
    train(net, 3, compiled=compiled, optimizer=optimizer)
    w = net[2].weight
    for t in (w, optimizer.state[w]["momentum_buffer"]):
        assert order(t) == (2, 0, 3, 1)


def test_gradient_is_stored_as_its_weight_and_any_other_is_taken() -> None:
    net = make()
    first, second = net[0].weight, net[2].weight

    @zincir.compile
    def backward() -> Any:
        loss = loss_of(net)
        loss.backward()
        return loss

    backward()
    assert order(second.grad) == (2, 0, 3, 1)
    once = [p.grad.numpy().copy() for p in net.parameters()]
    backward()  # adds to gradients that are there
    for p, g in zip(net.parameters(), once, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), 2 * g, 1e-5, 1e-7)
    first.grad = zincir.zeros(*first.shape)  # row by row, unlike what was recorded
    second.grad = zincir.from_numpy(np.zeros(second.shape[::-1], np.float32)).permute(3, 2, 1, 0)
    backward()
    for p, g in zip((first, second), (once[0], once[2]), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), g, 1e-5, 1e-7)


def test_values_replaced_between_steps() -> None:
    net, losses = make(), list[float]()
    names = {id(p): name for name, p in net.named_parameters()}
    optimizer = zincir.optim.Adam(net.parameters(), 1e-3)

    @zincir.compile
    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_of(net)
        loss.backward()
        optimizer.step()
        return loss

    first = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    state = copy.deepcopy(optimizer.state_dict())
    for _ in range(2):
        losses += [step().item() for _ in range(3)]
        net.load_state_dict(first)
        optimizer.load_state_dict(state)
    assert losses[:3] == pytest.approx(losses[3:], rel=1e-5)
    losses = [step().item()]
    with zincir.no_grad():
        for p in net.parameters():
            p.data = zincir.from_numpy(first[names[id(p)]])
    losses.append(step().item())
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)


def test_memory_shared_with_numpy() -> None:
    net = make()
    w = net[2].weight.detach()
    shown = w.numpy()
    before = shown.copy()
    train(net, 2, compiled=True)
    np.testing.assert_array_equal(net[2].weight.detach().numpy(), w.numpy())
    assert not np.array_equal(before, w.numpy())
    with zincir.no_grad():
        net[2].weight.zero_()
    assert not w.numpy().any()
    assert order(net[2].weight) in (None, (2, 0, 3, 1))


def test_copies_keep_values_and_order() -> None:
    net = make()
    train(net, 1, compiled=False)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        for p, q in zip(net.parameters(), other.parameters(), strict=True):
            assert np.array_equal(p.detach().numpy(), q.detach().numpy())
        assert order(other[2].weight) == (2, 0, 3, 1)
    double = copy.deepcopy(net).double()
    assert order(double[2].weight) == (2, 0, 3, 1)


def test_a_weight_as_an_argument() -> None:
    """What is given is read (and changed) as it lies, whatever the recording saw."""
    double = zincir.compile(lambda w: w.mul_(2.0))
    net = make()
    plain = zincir.ones(*net[2].weight.shape)
    double(plain)
    assert plain.numpy().max() == plain.numpy().min() == 2
    w = net[2].weight.detach().clone()
    before = net[2].weight.detach().numpy().copy()
    double(w)
    np.testing.assert_array_equal(w.numpy(), 2 * before)
    shared = net[2].weight.detach()
    double(shared)
    np.testing.assert_array_equal(shared.numpy(), 2 * before)
    np.testing.assert_array_equal(net[2].weight.detach().numpy(), 2 * before)


def test_one_dimension_and_three() -> None:
    for layer, shape in (
        (nn.Conv1d(32, 8, 3), (2, 32, 7)),
        (nn.Conv3d(16, 8, 2), (2, 16, 3, 4, 5)),
    ):
        x = zincir.from_numpy(np.random.default_rng(1).standard_normal(shape).astype(np.float32))
        optimizer = zincir.optim.SGD(layer.parameters(), 0.1)

        def step(layer: Any = layer, x: Any = x, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = (layer(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        run = zincir.compile(step)
        losses = [run().item() for _ in range(3)]
        assert losses[2] < losses[1] < losses[0]
        assert order(layer.weight) == ((0, 2, 1) if len(shape) == 3 else (2, 3, 0, 4, 1))


def test_values_with_another_number_of_axes() -> None:
    w = make()[2].weight
    assert order(w) == (2, 0, 3, 1)
    w.data = zincir.zeros(5, 7)
    with zincir.no_grad():
        w.add_(1.0)
    assert w.sum().item() == 35
    for other in (copy.deepcopy(w), pickle.loads(pickle.dumps(w))):
        assert other.shape == (5, 7)
        assert other.sum().item() == 35
