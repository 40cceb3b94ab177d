"""Parametrized tensors beside PyTorch: names, values, gradients, compiled steps, copies."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, TraceError

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch

LIBRARIES = (zincir, torch)
MADE: dict[str, tuple[Any, tuple[int, ...]]] = {
    "Linear": (lambda nn: nn.Linear(4, 3), (5, 4)),
    "ConvTranspose2d": (lambda nn: nn.ConvTranspose2d(2, 3, 2), (1, 2, 4, 4)),
}


def symmetric(lib: Any, inverse: bool = True) -> Any:
    class Symmetric(lib.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).transpose(0, 1)

    class WithInverse(Symmetric):
        def right_inverse(self, x: Any) -> Any:
            return x.triu()

    return WithInverse() if inverse else Symmetric()


def equal(mine: Any, other: Any) -> None:
    np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), 1e-9, 1e-11)


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("norm", ["weight_norm", "spectral_norm"])
@pytest.mark.parametrize("compiled", [False, True])
def test_steps_of_norms(kind: str, norm: str, compiled: bool) -> None:
    make, shape = MADE[kind]
    ours, theirs = (
        getattr(lib.nn.utils.parametrizations, norm)(make(lib.nn).double()) for lib in LIBRARIES
    )
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({k: v.numpy().copy() for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(0).standard_normal(shape)

    def losses(lib: Any, net: Any) -> list[float]:
        optimizer = lib.optim.SGD(net.parameters(), lr=0.1)

        def step(given: Any) -> Any:
            optimizer.zero_grad()
            loss = ((net(given) - 1.0) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        run = zincir.compile(step) if compiled and lib is zincir else step
        return [run(lib.tensor(x)).item() for _ in range(4)]

    np.testing.assert_allclose(losses(zincir, ours), losses(torch, theirs), 1e-9)
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name].numpy(), value.numpy(), 1e-9, 1e-11)
    for lib, net in zip(LIBRARIES, (ours, theirs), strict=True):
        net.eval()
        lib.nn.utils.parametrize.remove_parametrizations(net, "weight")
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    equal(ours.weight, theirs.weight)
    assert type(ours.weight) is nn.Parameter


def test_states_of_the_older_weight_norm_fit() -> None:
    old = nn.utils.weight_norm(nn.Linear(3, 2))
    new = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    new.load_state_dict(old.state_dict())
    equal(new.weight, old.weight)


def test_own_parametrizations() -> None:
    x = np.random.default_rng(3).standard_normal((3, 3))
    results: list[list[Any]] = []
    for lib in LIBRARIES:
        P = lib.nn.utils.parametrize
        net = lib.nn.Linear(3, 3).double()
        with lib.no_grad():
            net.weight.copy_(lib.tensor(x))
            net.bias.copy_(lib.tensor(x[0]))
        original = net.weight
        assert P.register_parametrization(net, "weight", symmetric(lib)) is net
        assert P.is_parametrized(net)
        assert P.is_parametrized(net, "weight")
        assert not P.is_parametrized(net, "bias")
        assert P.type_before_parametrizations(net) is lib.nn.Linear
        assert net.parametrizations.weight.original is original
        P.register_parametrization(net, "weight", lib.nn.Tanh(), unsafe=True)
        P.register_parametrization(net, "bias", lib.nn.Tanh())
        seen = [net.weight, net.bias]
        net(lib.tensor(x)).sum().backward()
        seen += [p.grad for p in net.parameters()]
        twin = copy.deepcopy(net)
        P.remove_parametrizations(net, "weight", leave_parametrized=False)
        P.remove_parametrizations(net, "bias")
        assert type(net) is lib.nn.Linear
        assert net.weight is original
        seen += [net.weight, net.bias]
        if lib is zincir:  # PyTorch's copies share the class that is taken apart
            equal(twin.weight, seen[0])
        P.register_parametrization(net, "weight", symmetric(lib))
        net.weight = lib.tensor(x + x.T)
        seen += [net.weight, net.parametrizations.weight.original]
        with P.cached():
            assert net.weight is net.weight
        assert net.weight is not net.weight
        results.append(seen)
    for mine, other in zip(*results, strict=True):
        equal(mine, other)


def test_the_same_is_refused() -> None:
    for lib in LIBRARIES:
        P = lib.nn.utils.parametrize
        net = lib.nn.Linear(3, 3)
        with pytest.raises(ValueError, match="parametriz"):
            P.remove_parametrizations(net, "weight")
        with pytest.raises(ValueError, match="nothing"):
            P.register_parametrization(net, "nothing", lib.nn.Tanh())
        with pytest.raises(ValueError, match="shape"):
            P.register_parametrization(net, "weight", lib.nn.Flatten(0))
        P.register_parametrization(net, "weight", symmetric(lib, inverse=False))
        with pytest.raises(RuntimeError, match="right_inverse"):
            net.weight = lib.ones(3, 3)
        with pytest.raises((KeyError, ValueError)):
            net.weight = lib.nn.Parameter(lib.ones(3, 3))
        with pytest.raises(RuntimeError, match="state_dict"):
            pickle.dumps(net)
        lib.nn.utils.parametrizations.weight_norm(net, "bias")
        with pytest.raises(ValueError, match=r"several|sequence"):
            P.remove_parametrizations(net, "bias", leave_parametrized=False)
    with pytest.raises(ArgumentError, match="not positive"):
        nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2), n_power_iterations=0)


def test_registered_after_a_compiled_call() -> None:
    net = nn.Linear(3, 3)
    x = zincir.ones(2, 3)
    run = zincir.compile(lambda x: net(x).detach())
    P = nn.utils.parametrize
    equal(run(x), net(x))
    P.register_parametrization(net, "weight", symmetric(zincir))
    equal(run(x), net(x))
    with P.cached(), pytest.raises(TraceError, match="into the function"):
        run(x)
    equal(run(x), net(x))
    P.remove_parametrizations(net, "weight", leave_parametrized=False)
    equal(run(x), net(x))

    def inside(x: zincir.Tensor) -> zincir.Tensor:
        with P.cached():
            return (net(x) + net(x)).detach()

    P.register_parametrization(net, "weight", symmetric(zincir))
    both = zincir.compile(inside)
    for _ in range(3):
        equal(both(x), 2.0 * net(x))
