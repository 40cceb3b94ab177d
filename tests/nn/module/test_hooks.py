"""Hooks around forward and backward, and the path of the running layer in messages."""

from typing import Any

import pytest

import zincir
from zincir import nn
from zincir.errors import GradientError, ShapeError
from zincir.graph.node import MODE


class Show(nn.Module):
    """Notes the path while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.path = ""

    def forward(self, x: Any) -> Any:
        self.path = MODE.layer
        return x


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = Show()
        self.net = nn.Sequential(Show(), nn.Sequential(Show()))
        self.layers = nn.ModuleList([Show()])
        self.layers.append(nn.ModuleDict({"in": Show()}))

    def forward(self, x: Any) -> Any:
        x = self.net(self.one(x))
        for layer in self.layers[:1]:
            x = layer(x)
        return self.layers[1]["in"](x)


def test_paths() -> None:
    net = Net()
    net(1)
    shows = [m.path for m in net.modules() if isinstance(m, Show)]
    assert shows == ["Net.one", "Net.net.0", "Net.net.1.0", "Net.layers.0", "Net.layers.1.in"]
    assert MODE.layer == ""
    net.one(1)
    assert net.one.path == "one"


def test_an_error_names_the_layer_and_leaves_nothing_behind() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Linear(5, 2)))
    with pytest.raises(ShapeError, match=r"where     Sequential\.1\.0 \(.*test_hooks\.py:\d+\)"):
        net(zincir.ones(2, 3))
    assert MODE.layer == ""


def test_nodes_know_their_layer() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    assert net(zincir.ones(2, 3))._node.origin[2] == "Sequential.1"


def test_forward_hooks() -> None:
    layer = nn.Linear(1, 1)
    calls: list[str] = []

    def before(module: nn.Module, args: Any) -> Any:
        assert module is layer
        calls.append("before")
        return args[0] * 0

    def after(module: nn.Module, args: Any, output: Any) -> Any:
        assert args[0].item() == 0.0
        calls.append("after")
        return output + 1

    handles = [layer.register_forward_pre_hook(before), layer.register_forward_hook(after)]
    assert layer(zincir.ones(1)).item() == layer.bias.item() + 1
    for handle in handles:
        handle.remove()
        handle.remove()
    layer(zincir.ones(1))
    assert calls == ["before", "after"]


def test_order_and_keywords() -> None:
    layer = nn.Identity()
    calls: list[Any] = []
    layer.register_forward_hook(lambda m, a, y: calls.append(1))
    layer.register_forward_hook(lambda m, a, y: calls.append(2), prepend=True)
    layer.register_forward_hook(lambda m, a, k, y: calls.append(k), with_kwargs=True)
    layer.register_forward_pre_hook(lambda m, a, k: (a, {"input": 5}), with_kwargs=True)
    with layer.register_forward_hook(lambda m, a, y: calls.append(3)):
        assert layer(input=4) == 5
    layer(input=4)
    assert calls == [2, 1, {"input": 5}, 3, 2, 1, {"input": 5}]


def test_backward_hook_sees_both_ends() -> None:
    layer = nn.Linear(2, 1, bias=False)
    seen: list[Any] = []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((m, gi, go)))
    x = zincir.ones(1, 2, requires_grad=True)
    (layer(x) * 3).sum().backward()
    ((module, grad_input, grad_output),) = seen
    assert module is layer
    assert grad_output[0].tolist() == [[3.0]]
    assert grad_input[0].tolist() == (layer.weight.detach() * 3).tolist()
    assert x.grad.tolist() == grad_input[0].tolist()


def test_backward_hook_changes_the_gradient() -> None:
    layer = nn.Tanh()
    handle = layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * 0 + 7,))
    x = zincir.zeros(2, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.tolist() == [7.0, 7.0]
    handle.remove()
    layer(x).sum().backward()
    assert x.grad.tolist() == [8.0, 8.0]


def test_backward_hook_of_the_first_layer() -> None:
    layer = nn.Linear(2, 1)
    seen: list[Any] = []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    layer(zincir.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1.0]])]


class Two(nn.Module):
    def forward(self, x: Any, y: Any) -> Any:
        return x * 2, y * 3


def test_backward_hook_of_several_inputs() -> None:
    layer, seen = Two(), []
    handle = layer.register_full_backward_hook(
        lambda m, gi, go: seen.append(([g.item() for g in gi], [g.item() for g in go]))
    )
    x, y = (zincir.ones(1, requires_grad=True) for _ in "xy")
    a, b = layer(x, y)
    (a + b).sum().backward()
    assert seen == [([2.0, 3.0], [1.0, 1.0])]
    handle.remove()
    layer.register_full_backward_hook(lambda m, gi, go: gi)
    a, b = layer(x, y)
    with pytest.raises(GradientError, match="2 differentiable inputs"):
        (a + b).sum().backward()
