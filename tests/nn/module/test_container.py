"""Sequential, ModuleList and ModuleDict as lists and dictionaries."""

from collections import OrderedDict

import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, DTypeError, IndexOutOfRange


def test_sequential_as_a_list() -> None:
    a, b, c = nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3)
    net = nn.Sequential(a, b)
    assert net.append(c) is net
    assert list(net) == [a, b, c]
    assert (net[0], net[-1], len(net)) == (a, c, 3)
    assert list(net[1:]) == [b, c]
    assert list(net[1:].state_dict()) == ["2.weight", "2.bias"]
    net[1] = nn.Tanh()
    assert repr(net[1]) == "Tanh()"
    del net[1]
    assert list(net) == [a, c]
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    net.insert(1, b)
    net.extend([nn.Identity()])
    assert [type(m).__name__ for m in net] == ["Linear", "ReLU", "Linear", "Identity"]
    assert net(zincir.ones(5, 1)).shape == (5, 3)


def test_sequential_with_names() -> None:
    net = nn.Sequential({"one": nn.Linear(1, 2), "two": nn.Tanh()})
    assert list(net.state_dict()) == ["one.weight", "one.bias"]
    assert isinstance(net.two, nn.Tanh)
    assert net[1] is net.two


def test_more_than_nine_stay_in_order() -> None:
    layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(12))
    assert [k for k, _ in layers.named_children()] == [str(k) for k in range(12)]


def test_what_is_no_module() -> None:
    with pytest.raises(DTypeError, match=r"entry 1 is not a module[\s\S]*write nn.ReLU\(\)"):
        nn.Sequential(nn.Linear(1, 1), nn.ReLU)
    with pytest.raises(DTypeError, match="functions have layers of the same name"):
        nn.ModuleList([nn.functional.relu])
    with pytest.raises(IndexOutOfRange, match=r"no entry 2\n  expected  -1 <= index < 1"):
        nn.Sequential(nn.ReLU())[2]


def test_module_dict() -> None:
    heads = nn.ModuleDict({"a": nn.Linear(1, 1)})
    heads["b"] = nn.ReLU()
    heads.update({"a": nn.Tanh()})
    assert list(heads.keys()) == list(heads) == ["a", "b"]
    assert [type(m).__name__ for m in heads.values()] == ["Tanh", "ReLU"]
    assert dict(heads.items())["b"] is heads["b"]
    assert "b" in heads
    del heads["b"]
    assert len(heads) == 1
    with pytest.raises(ArgumentError, match="no entry 'z'\n  expected  one of a"):
        heads["z"]


def test_a_list_with_gaps() -> None:
    layers = nn.ModuleList([nn.Linear(1, 1), None])
    assert (len(layers), layers[1], list(layers.state_dict())) == (2, None, ["0.weight", "0.bias"])
    layers.append(None).extend([None, nn.ReLU()])
    layers.insert(0, None)
    assert [type(m).__name__ for m in layers] == [
        "NoneType",
        "Linear",
        "NoneType",
        "NoneType",
        "NoneType",
        "ReLU",
    ]
    assert list(layers.state_dict()) == ["1.weight", "1.bias"]
    del layers[0]
    layers[0] = None
    assert list(layers.named_children()) == [("4", layers[-1])]
    assert list(layers[3:]) == [None, layers[4]]
    assert repr(layers) == "ModuleList(\n  (0-3): 4 x None\n  (4): ReLU()\n)"
    layers[1] = nn.Linear(1, 2)
    assert layers.train(False).parameters()
    assert sum(p.numel() for p in layers.parameters()) == 4
    with pytest.raises(DTypeError, match="entry 1 is not a module"):
        nn.Sequential(nn.ReLU(), None)  # pyright: ignore[reportArgumentType]


def test_a_list_of_nothing() -> None:
    assert repr(nn.ModuleList(None)) == "ModuleList()"
    assert len(nn.ModuleList()) == 0


def test_layers_that_look_the_same_share_a_line() -> None:
    layers = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Sequential(nn.Tanh()), nn.ReLU()])
    assert repr(layers) == (
        "ModuleList(\n  (0-1): 2 x ReLU()\n"
        "  (2): Sequential(\n    (0): Tanh()\n  )\n  (3): ReLU()\n)"
    )


def test_places_of_a_sequential_are_those_of_its_names() -> None:
    net = nn.Sequential(OrderedDict(first=nn.Linear(2, 3), last=nn.ReLU()))
    net.more = nn.Tanh()
    net[-1] = nn.Sigmoid()
    net[0] = nn.Linear(2, 4)
    assert [name for name, _ in net.named_children()] == ["first", "last", "more"]
    assert isinstance(net.more, nn.Sigmoid)
    assert net[0].out_features == 4
    assert net(zincir.ones(1, 2)).shape == (1, 4)


def test_a_compiled_module_has_the_mode_of_its_module() -> None:
    module = nn.Dropout(0.5)
    compiled = zincir.compile(module)
    both = nn.Sequential(compiled)
    module.eval()
    assert not compiled.training
    assert compiled.train() is compiled
    assert module.training
    both.eval()
    assert not module.training
    assert not compiled.training
    compiled.training = True
    assert module.training


def test_hooks_of_a_compiled_module_run() -> None:
    module = nn.Linear(1, 1)
    compiled = zincir.compile(module)
    x = zincir.ones(1, 1)
    plain = module(x).item()
    handle = compiled.register_forward_hook(lambda m, args, out: out * 10)
    assert [compiled(x).item() for _ in range(3)] == pytest.approx([plain * 10] * 3)
    assert module(x).item() == plain
    handle.remove()
    handle = compiled.register_forward_pre_hook(lambda m, args: (args[0] * 0,))
    assert compiled(x).item() == pytest.approx(module.bias.item())
    handle.remove()
    assert compiled(x).item() == pytest.approx(plain)


def test_lists_are_added():
    first, second, third = nn.Linear(1, 1), nn.ReLU(), nn.Tanh()
    layers = nn.ModuleList([first])
    same = layers
    layers += [second]
    assert layers is same
    more = layers + nn.ModuleList([third])
    assert list(more) == [first, second, third]
    assert len(layers) == 2
    assert list(more.state_dict()) == ["0.weight", "0.bias"]


def test_sequences_are_added_and_repeated():
    first, second = nn.Linear(1, 1), nn.ReLU()
    both = nn.Sequential(first) + nn.Sequential(second)
    assert list(both) == [first, second]
    both += nn.Sequential(first)
    assert list(both._modules) == ["0", "1", "2"]
    assert both[2] is first
    assert list(nn.Sequential(first, second) * 2) == [first, second] * 2
    assert list(2 * nn.Sequential(second)) == [second] * 2
    net = nn.Sequential(first, second)
    net *= 3
    assert list(net) == [first, second] * 3
    with pytest.raises(ValueError, match="only another Sequential"):
        net += [first]
    with pytest.raises(ValueError, match="at least once"):
        net * 0
    with pytest.raises(TypeError, match="whole number"):
        net * 1.5


def test_dictionaries_of_parameters_are_joined():
    a = nn.ParameterDict({"x": zincir.ones(1)})
    b = nn.ParameterDict({"y": zincir.zeros(2)})
    both = a | b
    assert list(both) == ["x", "y"]
    assert both["x"] is a["x"]
    a |= b
    assert list(reversed(a)) == ["y", "x"]
    assert list(a.fromkeys(["p", "q"], 1.0).values()) == [1.0, 1.0]
