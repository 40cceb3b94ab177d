"""Module: registration, walks, state, settings, copies, looks, errors."""

import copy
import pickle

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, DTypeError, StateError


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.ReLU()])
        self.scale = nn.Parameter(zincir.ones(4))
        self.register_buffer("seen", zincir.zeros(2))
        self.register_buffer("passing", zincir.zeros(1), persistent=False)

    def forward(self, x: zincir.Tensor) -> zincir.Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return x * self.scale


NAMES = ["scale", "first.weight", "first.bias", "blocks.0.weight", "blocks.0.bias"]


def test_walks() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [name for name, _ in net.named_parameters(recurse=False)] == ["scale"]
    assert dict(net.named_parameters("model"))["model.scale"] is net.scale
    assert [name for name, _ in net.named_buffers()] == ["seen", "passing"]
    modules = ["", "first", "blocks", "blocks.0", "blocks.1"]
    assert [name for name, _ in net.named_modules()] == modules
    assert list(net.children()) == [net.first, net.blocks]
    assert net.get_submodule("blocks.1") is net.blocks[1]
    assert net.get_submodule("") is net
    assert net.get_parameter("first.bias") is net.first.bias
    assert len(list(net.parameters())) == 5


def test_shared_things_are_met_once() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    twice = nn.Sequential(net, net)
    assert len(list(twice.modules())) == 4
    assert len(list(twice.children())) == 1
    assert len(twice.state_dict()) == 8


def test_assignment_follows_the_kind() -> None:
    net = Net()
    net.first = nn.Identity()
    assert "first.weight" not in dict(net.named_parameters())
    net.scale = None
    assert "scale" not in dict(net.named_parameters())
    net.seen = zincir.ones(3)
    assert net.state_dict()["seen"].shape == (3,)
    net.blocks = nn.Parameter(zincir.ones(1))
    assert [name for name, _ in net.named_parameters()] == ["scale", "blocks"][1:]
    del net.blocks
    assert not hasattr(net, "blocks")
    assert not list(net.parameters())


def test_buffers_in_place_stay_buffers() -> None:
    net = Net()
    net.seen += 1
    assert net.state_dict()["seen"].tolist() == [1.0, 1.0]


def test_what_cannot_be_assigned() -> None:
    net = Net()
    with pytest.raises(DTypeError, match=r"cannot assign to 'scale'\n.*\n  expected  a Parameter"):
        net.scale = zincir.ones(4)
    with pytest.raises(DTypeError, match="a Module or None"):
        net.first = 3
    with pytest.raises(DTypeError, match="a Tensor or None"):
        net.seen = 3
    with pytest.raises(ArgumentError, match="cannot register 'forward'"):
        net.register_parameter("forward", None)
    with pytest.raises(ArgumentError, match="no dot"):
        net.add_module("a.b", nn.ReLU())
    with pytest.raises(DTypeError, match="cannot assign to 'other'"):
        net.register_buffer("other", 3)


class Forgetful(nn.Module):
    def __init__(self) -> None:
        self.layer = nn.Linear(1, 1)


def test_forgotten_super() -> None:
    with pytest.raises(ArgumentError, match=r"call super\(\).__init__\(\) first in Forgetful"):
        Forgetful()


def test_no_forward() -> None:
    with pytest.raises(NotImplementedError, match="ModuleList has no forward"):
        nn.ModuleList()(1)


def test_unknown_names() -> None:
    with pytest.raises(
        ArgumentError, match=r"no module named 'x' in Net\n  expected  one of first"
    ):
        Net().get_submodule("x")
    with pytest.raises(ArgumentError, match="no parameter named 'x'"):
        Net().get_parameter("x")


def test_state_round_trip() -> None:
    one, two = Net(), Net()
    assert list(one.state_dict()) == ["scale", "seen", *NAMES[1:]]
    two.load_state_dict(one.state_dict())
    x = zincir.randn(5, 3)
    np.testing.assert_array_equal(one(x).detach().numpy(), two(x).detach().numpy())
    assert two.scale.requires_grad
    assert two.scale.is_leaf
    two.load_state_dict({k: v.double().numpy() for k, v in one.state_dict().items()})
    assert two.scale.dtype is zincir.float32


def test_a_loaded_state_is_a_copy() -> None:
    net, state = Net(), {k: v.numpy().copy() for k, v in Net().state_dict().items()}
    net.load_state_dict(state)
    state["scale"][:] = 9.0
    assert net.scale.tolist() == [1.0] * 4


def test_state_that_does_not_fit_changes_nothing() -> None:
    net = Net()
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    state = {k: zincir.zeros(*v.shape) for k, v in net.state_dict().items()}
    del state["scale"]
    state["more"] = zincir.zeros(1)
    state["first.weight"] = zincir.zeros(4, 5)
    state["first.bias"] = "text"
    with pytest.raises(StateError) as error:
        net.load_state_dict(state)
    assert str(error.value) == (
        "Net.load_state_dict: the state does not fit; nothing was changed\n"
        "  got       missing:    scale\n"
        "            unexpected: more\n"
        "            first.weight: shape (4, 5) in the state, (4, 3) here\n"
        "            first.bias: not a tensor or an array but str\n"
        "  try       load_state_dict(state, strict=False) loads what has the same name and shape"
    )
    with pytest.raises(StateError, match=r"first\.weight"):
        net.load_state_dict(state, strict=False)
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])
    del state["first.weight"], state["first.bias"]
    keys = net.load_state_dict(state, strict=False)
    assert keys.missing_keys == ["scale", "first.weight", "first.bias"]
    assert keys.unexpected_keys == ["more"]
    assert net.blocks[0].weight.abs().sum().item() == 0.0


def test_a_prefix_is_noticed() -> None:
    state = {f"module.{k}": v for k, v in Net().state_dict().items()}
    with pytest.raises(StateError, match=r"removeprefix\('module.'\)"):
        Net().load_state_dict(state)
    with pytest.raises(StateError, match="not a state"):
        Net().load_state_dict([1])


def test_train_and_eval() -> None:
    net = nn.Sequential(Net(), nn.Dropout(0.5))
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())
    with pytest.raises(DTypeError, match="mode is not a bool"):
        net.train(1)


def test_freezing_and_gradients() -> None:
    net = Net()
    net(zincir.ones(2, 3)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(p.grad.abs().sum().item() == 0.0 for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())
    assert not net(zincir.ones(2, 3)).requires_grad


def test_types() -> None:
    net = Net().double()
    assert {p.dtype for p in net.parameters()} == {zincir.float64}
    assert net.seen.dtype is zincir.float64
    assert all(p.is_leaf and p.requires_grad for p in net.parameters())
    net(zincir.ones(2, 3, dtype=zincir.float64)).sum().backward()
    assert net.scale.grad.dtype is zincir.float64
    assert net.float().scale.grad.dtype is zincir.float32
    assert net.to(zincir.float64).to("cpu").scale.dtype is zincir.float64
    with pytest.raises(DTypeError, match="not a type for parameters"):
        net.to(zincir.int64)
    with pytest.raises(ArgumentError, match="no device"):
        net.to("cuda")


def test_apply() -> None:
    seen: list[str] = []
    net = Net()
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Linear", "Linear", "ReLU", "ModuleList", "Net"]


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(again: object) -> None:
    net = Net()
    net.eval()
    other = again(net)  # type: ignore[operator]
    assert repr(other) == repr(net)
    assert not other.training
    assert other.first.weight is dict(other.named_parameters())["first.weight"]
    assert isinstance(other.scale, nn.Parameter)
    x = zincir.randn(2, 3)
    np.testing.assert_array_equal(net(x).detach().numpy(), other(x).detach().numpy())
    with zincir.no_grad():
        other.scale.zero_()
    assert net.scale.tolist() == [1.0] * 4


def test_copies_share_what_was_shared() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    other = copy.deepcopy(net)
    assert other[0].weight is other[1].weight


def test_looks() -> None:
    assert repr(Net()) == (
        "Net(\n"
        "  (first): Linear(in_features=3, out_features=4, bias=True)\n"
        "  (blocks): ModuleList(\n"
        "    (0): Linear(in_features=4, out_features=4, bias=True)\n"
        "    (1): ReLU()\n"
        "  )\n"
        ")"
    )


def test_parameter() -> None:
    p = nn.Parameter(zincir.tensor([1.0]))
    assert p.is_leaf
    assert p.requires_grad
    assert repr(p) == "Parameter containing:\ntensor([1.], requires_grad=True)"
    assert not nn.Parameter(zincir.tensor([1]), requires_grad=False).requires_grad
    with pytest.raises(DTypeError, match="int64 tensors cannot require gradients"):
        nn.Parameter(zincir.tensor([1]))
    lazy = nn.Parameter(zincir.ones(2) * 3)
    (lazy * lazy).sum().backward()
    assert lazy.grad.tolist() == [6.0, 6.0]


def test_where_and_what_a_net_is_moved_to() -> None:
    net = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    for args, kwargs in (
        (("cpu",), {}),
        ((), {"device": "cpu"}),
        (("cpu", zincir.float64), {}),
        ((zincir.float64, True), {}),
        ((), {"dtype": zincir.float64}),
        ((zincir.ones(1, dtype=zincir.float64),), {}),
    ):
        net.float()
        assert net.to(*args, **kwargs) is net.cpu()
        wide = "dtype" in kwargs or len(args) == 2
        wide = wide or any(isinstance(a, zincir.Tensor) for a in args)
        assert net[0].weight.dtype is (zincir.float64 if wide else zincir.float32)
        assert net[1].running_mean.dtype is net[0].weight.dtype
        assert net[1].num_batches_tracked.dtype is zincir.int64
    with pytest.raises(ArgumentError, match=r"Sequential.to: no device"):
        net.to("cuda")
    with pytest.raises(DTypeError, match="not a type for parameters"):
        net.to(zincir.int64)
    assert net.half()[0].weight.dtype is zincir.float16
    assert net.bfloat16()[1].running_mean.dtype is zincir.bfloat16
    assert net[1].num_batches_tracked.dtype is zincir.int64


def test_a_copy_has_no_gradients() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    net[0].bias.requires_grad_(False)
    net(zincir.ones(1, 2)).sum().backward()
    twin = copy.deepcopy(net)
    assert [p.grad for p in twin.parameters()] == [None] * 3
    assert net[0].weight.grad is not None
    assert twin[1].weight is twin[0].weight
    assert [p.requires_grad for p in twin.parameters()] == [True, False, True]
    assert twin[0].weight.tolist() == net[0].weight.tolist()


def test_names_that_are_not_there() -> None:
    net = nn.Sequential(nn.BatchNorm1d(1))
    assert net.get_buffer("0.running_mean") is net[0].running_mean
    for look in (net.get_buffer, net.get_parameter, net.get_submodule):
        with pytest.raises(AttributeError, match="named 'x' in Sequential"):
            look("x")
    with pytest.raises(KeyError, match="no entry 'x'"):
        nn.ModuleDict({"a": net})["x"]


class Holding(nn.Module):
    """A module with a tensor that is neither parameter nor buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.register_buffer("count", zincir.tensor(3))
        self.scale = zincir.ones(2)

    def _apply(self, fn, *args, **kwargs):
        super()._apply(fn, *args, **kwargs)
        self.scale = fn(self.scale)
        return self


def test_a_class_says_what_else_is_converted() -> None:
    net = nn.Sequential(Holding(), nn.BatchNorm1d(1))
    net[1](net[0].layer(zincir.randn(4, 2))).sum().backward()
    kept = net[0].layer.weight
    assert net.double() is net
    assert net[0].layer.weight is kept
    inner = net[0]
    types = [inner.scale, kept, kept.grad, inner.layer.bias, net[1].running_mean, net[1].weight]
    assert {t.dtype for t in types} == {zincir.float64}
    assert inner.count.dtype is zincir.int64
    assert net.to("cpu", zincir.float32)[0].scale.dtype is zincir.float32


def test_apply_puts_what_it_is_given() -> None:
    net = nn.Linear(2, 1)
    net._apply(lambda t: t * 0 + 5)
    assert net.weight.tolist() == [[5, 5]]
    assert net.weight.requires_grad
