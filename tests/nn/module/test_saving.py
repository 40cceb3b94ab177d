"""State dictionaries: extra state, hooks around saving and loading, tensors that are taken over."""

import pytest

import zincir
from zincir import nn
from zincir.errors import IndexOutOfRange, StateError, UnknownName


class Counting(nn.Module):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.count = count

    def get_extra_state(self):
        return {"count": self.count}

    def set_extra_state(self, state) -> None:
        self.count = state["count"]


def test_extra_state() -> None:
    one, two = nn.Sequential(Counting(3)), nn.Sequential(Counting(4))
    state = one.state_dict()
    assert list(state) == ["0._extra_state", "0.layer.weight", "0.layer.bias"]
    assert two.load_state_dict(state) == ([], [])
    assert two[0].count == 3
    del state["0._extra_state"]
    with pytest.raises(StateError, match="_extra_state"):
        two.load_state_dict(state)
    assert two.load_state_dict(state, strict=False).missing_keys == ["0._extra_state"]


def test_hooks_around_saving() -> None:
    net, seen = nn.Sequential(nn.Linear(2, 1)), []
    before = net[0].register_state_dict_pre_hook(
        lambda m, prefix, keep: seen.append((prefix, keep))
    )
    net[0].register_state_dict_post_hook(lambda m, state, prefix, meta: state.pop(prefix + "bias"))
    net._register_state_dict_hook(
        lambda m, state, prefix, meta: {f"x.{k}": v for k, v in state.items()}
    )
    assert list(net.state_dict(keep_vars=True)) == ["x.0.weight"]
    assert seen == [("0.", True)]
    before.remove()
    net.state_dict()
    assert len(seen) == 1


def test_hooks_around_loading() -> None:
    net, seen = nn.Sequential(nn.Linear(2, 1)), []

    def renamed(module, state, prefix, meta, strict, missing, unexpected, errors) -> None:
        state[prefix + "weight"] = state.pop(prefix + "w")

    net[0].register_load_state_dict_pre_hook(renamed)
    net.register_load_state_dict_post_hook(lambda m, keys: seen.append(list(keys.missing_keys)))
    net.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    state = {"0.w": zincir.ones(1, 2)}
    assert net.load_state_dict(state) == ([], [])
    assert seen == [["0.bias"]]
    assert net[0].weight.tolist() == [[1.0, 1.0]]
    assert list(state) == ["0.w"]
    with pytest.raises(StateError, match=r"unexpected \['more'\]"):
        net.load_state_dict({**state, "more": zincir.ones(1)})


def test_tensors_that_are_taken_over() -> None:
    layer, state = nn.BatchNorm1d(2), nn.BatchNorm1d(2).state_dict()
    layer.weight.requires_grad_(False)
    layer.load_state_dict(state, assign=True)
    state["weight"].fill_(5.0)
    assert layer.weight.tolist() == [5.0, 5.0]
    assert isinstance(layer.weight, nn.Parameter)
    assert not layer.weight.requires_grad
    state["running_mean"].fill_(7.0)
    assert layer.running_mean.tolist() == [7.0, 7.0]


def test_a_dictionary_to_put_the_state_into() -> None:
    layer, there = nn.Linear(2, 1), {"a": 1}
    assert layer.state_dict(destination=there, prefix="p.") is there
    assert list(there) == ["a", "p.weight", "p.bias"]
    assert list(layer.state_dict({}, "q.")) == ["q.weight", "q.bias"]


def test_what_has_two_names() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    net.append(net[0])
    assert [n for n, _ in net.named_parameters()] == ["0.weight", "0.bias"]
    twice = [n for n, _ in net.named_parameters(remove_duplicate=False)]
    assert twice == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert [n for n, _ in net.named_modules(remove_duplicate=False)] == ["", "0", "1", "2"]
    memo = {net[1]}
    assert [n for n, _ in net.named_modules(memo, "p")] == ["p", "p.0"]


def test_a_module_in_the_place_of_another() -> None:
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 2)))
    net.set_submodule("0.0", nn.ReLU())
    assert isinstance(net[0][0], nn.ReLU)
    with pytest.raises(UnknownName, match="no module"):
        net.set_submodule("0.5", nn.ReLU(), strict=True)


def test_lists_of_parameters() -> None:
    weights = nn.ParameterList([zincir.ones(2), nn.Parameter(zincir.ones(3))])
    weights += [zincir.zeros(1)]
    assert isinstance(weights[0], nn.Parameter)
    assert [len(w) for w in weights] == [2, 3, 1]
    assert [len(w) for w in weights[1:]] == [3, 1]
    weights[0] = zincir.ones(4)
    assert list(weights.state_dict()) == ["0", "1", "2"]
    assert weights.pop(0).shape == (4,)
    assert [n for n, _ in weights.named_parameters()] == ["0", "1"]
    assert (
        repr(weights)
        .splitlines()[1]
        .endswith("(0): Parameter containing: [zincir.float32 of size 3]")
    )
    with pytest.raises(IndexOutOfRange, match="no entry 5"):
        weights[5]
    with pytest.raises(RuntimeError, match="should not be called"):
        weights(1)


def test_dictionaries_of_parameters() -> None:
    weights = nn.ParameterDict({"a": zincir.ones(2)})
    weights["b"] = zincir.ones(3)
    weights.update({"n": 5})
    assert list(weights) == ["a", "b", "n"]
    assert list(weights.state_dict()) == ["a", "b"]
    assert weights.get("c") is None
    assert weights.setdefault("c", zincir.ones(1)).shape == (1,)
    assert weights.pop("a").shape == (2,)
    assert weights.popitem()[0] == "c"
    assert "a" not in weights
    assert len(weights.copy()) == 2
    weights.clear()
    assert list(weights.parameters()) == []
    with pytest.raises(UnknownName, match="no entry 'x'"):
        weights["x"]


def test_modules_taken_out() -> None:
    layers = nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.GELU()])
    assert isinstance(layers.pop(1), nn.Tanh)
    assert [type(m).__name__ for m in layers] == ["ReLU", "GELU"]
    named = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Tanh()})
    assert isinstance(named.pop("a"), nn.ReLU)
    named.clear()
    assert len(named) == 0


def test_hooks_before_the_backward_pass() -> None:
    layer, seen = nn.Linear(2, 2, bias=False), []
    layer.weight.data.copy_(zincir.eye(2))
    layer.register_full_backward_pre_hook(lambda m, g: seen.append(g[0].tolist()) or (g[0] * 2,))
    layer.register_full_backward_hook(
        lambda m, gi, go: seen.append((gi[0].tolist(), go[0].tolist()))
    )
    x = zincir.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert seen == [[[1.0, 1.0]], ([[2.0, 2.0]], [[2.0, 2.0]])]
    assert x.grad.tolist() == [[2.0, 2.0]]
    assert layer.weight.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_forward_hooks_that_are_always_called() -> None:
    layer, seen = nn.Linear(2, 2), []
    layer.register_forward_hook(lambda m, args, y: seen.append(y), always_call=True)
    with pytest.raises(RuntimeError):
        layer(zincir.ones(1, 3))
    assert seen == [None]


class Renamed(nn.Linear):
    """A layer whose bias was once called `b`, and which is frozen to halves in old states."""

    def _load_from_state_dict(self, state_dict, prefix, *rest) -> None:
        old = prefix + "b"
        if old in state_dict:
            state_dict[prefix + "bias"] = state_dict.pop(old)
        state_dict.pop(prefix + "num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def old_state(net):
    state = {k: zincir.full_like(v, 2.0) for k, v in net.state_dict().items()}
    state["0.b"] = state.pop("0.bias") * 3
    state["0.num_batches_tracked"] = zincir.tensor(5)
    return state


def test_a_class_says_how_it_is_loaded() -> None:
    net = nn.Sequential(Renamed(2, 1), nn.Linear(1, 1))
    state = old_state(net)
    assert net.load_state_dict(state) == ([], [])
    assert (net[0].bias.item(), net[0].weight.tolist(), net[1].bias.item()) == (6, [[2, 2]], 2)
    assert "0.b" in state  # a copy was changed
    assert Renamed(2, 1).load_state_dict({"b": zincir.ones(1), "weight": zincir.ones(1, 2)})


def test_what_does_not_fit_such_a_class_is_named() -> None:
    net = nn.Sequential(Renamed(2, 1), nn.Linear(1, 1))
    state = old_state(net) | {"0.other": zincir.ones(1)}
    with pytest.raises(StateError, match=r"unexpected \['0.other'\]"):
        net.load_state_dict(state)
    assert net.load_state_dict(state, strict=False).unexpected_keys == ["0.other"]
    del state["0.weight"], state["1.weight"]
    found = net.load_state_dict(state, strict=False)
    assert found == (["0.weight", "1.weight"], ["0.other"])
    state["0.weight"] = zincir.ones(3, 3)
    with pytest.raises(StateError, match=r"0.weight: shape \(3, 3\) in the state, \(1, 2\) here"):
        net.load_state_dict(state, strict=False)


def test_such_a_class_holds_the_tensors_of_the_state_if_asked() -> None:
    net, state = (
        nn.Sequential(Renamed(2, 1)),
        {"0.weight": zincir.ones(1, 2), "0.b": zincir.ones(1)},
    )
    net.load_state_dict(state, assign=True)
    state["0.weight"].fill_(7)
    assert net[0].weight.tolist() == [[7, 7]]


def test_hooks_before_loading_are_heard() -> None:
    net = nn.Linear(1, 1)

    def complain(module, state, prefix, metadata, strict, missing, unexpected, errors) -> None:
        errors.append("weight: much too old")

    handle = net.register_load_state_dict_pre_hook(complain)
    with pytest.raises(StateError, match="much too old"):
        net.load_state_dict(net.state_dict())
    handle.remove()
    net.register_load_state_dict_pre_hook(lambda *args: args[5].append("wanted"))
    assert net.load_state_dict(net.state_dict(), strict=False).missing_keys == ["wanted"]
