"""What is written to `_parameters` and the like is what the module computes with."""

import copy
import gc
import pickle
import weakref
from typing import Any

import zincir
from zincir import nn


def test_a_write_is_seen() -> None:
    layer: Any = nn.Linear(2, 2, bias=False)
    twos = nn.Parameter(zincir.full((2, 2), 2.0))
    layer._parameters["weight"] = twos
    assert layer.weight is twos
    assert layer(zincir.ones(1, 2)).tolist() == [[4.0, 4.0]]
    del layer._parameters["weight"]
    assert not hasattr(layer, "weight")
    norm: Any = nn.BatchNorm1d(3)
    norm._buffers.update(running_mean=zincir.ones(3))
    assert norm.running_mean.tolist() == [1.0] * 3
    taken = norm._buffers.pop("running_mean")
    assert taken.tolist() == [1.0] * 3
    assert not hasattr(norm, "running_mean")
    norm._buffers.clear()
    assert not hasattr(norm, "running_var")


def test_a_compiled_function_sees_it() -> None:
    layer: Any = nn.Linear(2, 1, bias=False)
    step = zincir.compile(lambda x: layer(x))
    x = zincir.ones(1, 2)
    for value in (1.0, 1.0, 1.0, 5.0, 7.0):
        layer._parameters["weight"] = nn.Parameter(zincir.full((1, 2), value))
        assert step(x).tolist() == [[2 * value]]


def test_a_clone_as_meta_learning_makes_it() -> None:
    layer: Any = nn.Linear(2, 1)
    clone: Any = layer.__new__(type(layer))
    clone.__dict__ = layer.__dict__.copy()
    clone._parameters = clone._parameters.copy()
    for name, value in layer._parameters.items():
        clone._parameters[name] = value * 2
    x = zincir.ones(1, 2)
    (clone(x) - 2 * layer(x)).abs().sum().backward()
    assert (clone(x) - 2 * layer(x)).abs().max().item() < 1e-6
    assert layer.weight.grad is not None


def test_copies() -> None:
    layer: Any = nn.Linear(2, 1)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        other._parameters["bias"] = nn.Parameter(zincir.full((1,), 9.0))
        assert other.bias.item() == 9.0
        assert layer.bias.item() != 9.0
    shallow = copy.copy(layer)  # which has the same dictionaries, as in PyTorch
    shallow.bias = nn.Parameter(zincir.full((1,), 8.0))
    assert layer.bias.item() == 8.0


def test_no_cycle_keeps_a_module() -> None:
    layer = nn.Linear(2, 1)
    reference = weakref.ref(layer)
    gc.disable()
    try:
        del layer
        assert reference() is None
    finally:
        gc.enable()


class Asks(nn.Module):
    """Its `__getattr__` is asked for what is registered."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.weight = nn.Parameter(zincir.ones(2))
        self.inner = nn.Linear(2, 1)

    def __getattr__(self, name: str) -> Any:
        value = super().__getattr__(name)  # type: ignore[misc]
        self.asked.append(name)
        return value


def test_a_getattr_is_asked() -> None:
    net = Asks()
    net.asked.clear()
    assert net.weight.tolist() == [1.0, 1.0]
    assert net.inner.in_features == 2
    assert net.asked == ["weight", "inner"]
    assert [name for name, _ in net.named_parameters()] == ["weight", "inner.weight", "inner.bias"]
    del net.weight
    assert not hasattr(net, "weight")


def test_a_class_that_begins_to_ask() -> None:
    seen: list[str] = []

    class Further(nn.Linear):
        def __getattr__(self, name: str) -> Any:
            seen.append(name)
            return super().__getattr__(name)  # type: ignore[misc]

    layer: Any = nn.Linear(2, 1)
    layer.__class__ = Further
    assert layer.weight.shape == (1, 2)
    assert seen == ["weight"]
    layer.__class__ = nn.Linear
    assert layer.weight.shape == (1, 2)
    assert seen == ["weight"]
