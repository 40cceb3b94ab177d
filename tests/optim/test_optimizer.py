"""Optimizers: what they are given, shared step counts, saved states, every error."""

import functools
import gc
import re
import weakref
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn, optim
from zincir.errors import ArgumentError, DTypeError, StateError
from zincir.graph.walk import toposort
from zincir.tensor import wrap


def parameters(count: int = 2) -> list[nn.Parameter]:
    return [nn.Parameter(zincir.ones(k + 1)) for k in range(count)]


def move(optimizer: optim.Optimizer, used: list[nn.Parameter]) -> None:
    optimizer.zero_grad()
    sum((p * p).sum() for p in used).backward()
    optimizer.step()


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ([], ArgumentError, "SGD: got an empty parameter list"),
        (iter(()), ArgumentError, "nn.ModuleList"),
        (nn.Parameter(zincir.ones(1)), DTypeError, "params is not a list of parameters"),
        (nn.Linear(1, 1), DTypeError, "model.parameters()"),
        ([nn.Linear(1, 1)], DTypeError, "model.parameters(), not model"),
        ([3.0], DTypeError, "can only optimize tensors"),
        ([{"lr": 1.0}], DTypeError, "a dictionary with 'params'"),
        ([nn.Parameter(zincir.ones(1)) * 2], ArgumentError, "computed from others"),
        ([{"params": {zincir.ones(1)}}], DTypeError, "need an order"),
    ],
)
def test_what_is_no_list_of_parameters(given: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=re.escape(text)) as raised:
        optim.SGD(given, lr=0.1)
    assert "test_optimizer.py:" in str(raised.value)


def test_a_parameter_belongs_to_one_group() -> None:
    (p,) = parameters(1)
    with pytest.raises(ArgumentError, match="given twice"):
        optim.SGD([p, p])
    optimizer = optim.SGD([p])
    with pytest.raises(ArgumentError, match="given twice"):
        optimizer.add_param_group({"params": [p]})


def test_named_parameters() -> None:
    net = nn.Linear(2, 1)
    optimizer = optim.SGD(net.named_parameters(), lr=1.0)
    move(optimizer, [net.bias])
    assert optimizer.param_groups[0]["params"][1] is net.bias


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("SGD", {"lr": -1.0}, "SGD: lr is out of range"),
        ("SGD", {"lr": float("nan")}, "got       nan"),
        ("SGD", {"lr": "fast"}, "got       'fast'"),
        ("SGD", {"momentum": -0.1}, "momentum is out of range"),
        ("SGD", {"weight_decay": -0.1}, "weight_decay is out of range"),
        ("SGD", {"nesterov": True}, "Nesterov momentum requires"),
        ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening=0.1"),
        ("Adam", {"betas": (0.9, 1.0)}, "betas is out of range"),
        ("Adam", {"betas": 0.9}, "two numbers, 0 <= beta < 1"),
        ("AdamW", {"eps": -1.0}, "eps is out of range"),
        ("Adam", {"lr": zincir.ones(2)}, "a learning rate is one number"),
    ],
)
def test_settings(name: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(text)):
        getattr(optim, name)(parameters(), **options)


def test_parameters_that_go_together_share_a_step_count() -> None:
    one, two = parameters()
    optimizer = optim.Adam([one, two])
    move(optimizer, [one, two])
    assert optimizer.state[one]["step"] is optimizer.state[two]["step"]
    move(optimizer, [one])
    assert optimizer.state[one]["step"].item() == 2.0
    assert optimizer.state[two]["step"].item() == 1.0
    move(optimizer, [one, two])
    assert optimizer.state[one]["step"].item() == 3.0
    assert optimizer.state[two]["step"].item() == 2.0


def test_late_parameters_count_from_one() -> None:
    one, two = parameters()
    optimizer = optim.Adam([one])
    move(optimizer, [one])
    optimizer.add_param_group({"params": [two], "lr": 0.5})
    move(optimizer, [one, two])
    assert optimizer.state[one]["step"].item() == 2.0
    assert optimizer.state[two]["step"].item() == 1.0
    assert two.tolist() == [0.5, 0.5]


def test_a_graph_is_small() -> None:
    """One step of Adam adds thirteen operations for each parameter, and a few for each number."""
    one, two = parameters()
    optimizer = optim.Adam([one, two])
    move(optimizer, [one, two])
    held = [t._node for p in (one, two) for t in optimizer.state[p].values()]
    for p in (one, two):
        p.grad = wrap(p.detach()._node)
    with zincir.no_grad():
        optimizer._step_group(optimizer.param_groups[0])
    new = [p._node for p in (one, two)] + [
        t._node for p in (one, two) for t in optimizer.state[p].values()
    ]
    known = set(held)
    operations = [n for n in toposort(new) if n.inputs and n not in known]
    assert len(operations) <= 2 * 14 + 8 * 2 + 20
    for n in operations:  # made without asking the shape rules: they agree
        assert n.op.infer(*[(x.shape, x.dtype) for x in n.inputs], *n.attrs) == (n.shape, n.dtype)


def test_state_dict_has_pytorchs_form() -> None:
    one, two = parameters()
    optimizer = optim.AdamW([{"params": [one]}, {"params": [two], "lr": 0.5}])
    move(optimizer, [two])
    state = optimizer.state_dict()
    assert list(state["state"]) == [1]
    assert set(state["state"][1]) == {"step", "exp_avg", "exp_avg_sq"}
    assert state["state"][1]["step"].shape == ()
    assert state["state"][1]["step"].dtype is zincir.float32
    assert [g["params"] for g in state["param_groups"]] == [[0], [1]]
    assert state["param_groups"][1]["lr"] == 0.5


def test_loading_takes_copies_and_shares_counts() -> None:
    one, two = parameters()
    optimizer = optim.Adam([one, two], lr=0.3)
    move(optimizer, [one, two])
    other = optim.Adam(parameters())
    state = optimizer.state_dict()
    state["param_groups"][0]["capturable"] = False  # a setting of PyTorch's
    other.load_state_dict(state)
    assert other.param_groups[0]["lr"] == 0.3
    assert "capturable" not in other.param_groups[0]
    first, second = other.param_groups[0]["params"]
    assert other.state[first]["step"] is other.state[second]["step"]
    assert other.state[first]["step"] is not optimizer.state[one]["step"]


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    one, two = parameters()
    optimizer = optim.Adam([one, two], lr=0.3)
    move(optimizer, [one, two])
    before = optimizer.state_dict()
    shape = {**before, "state": {**before["state"], 1: {"exp_avg": np.zeros(7)}}}
    with pytest.raises(StateError) as error:
        optimizer.load_state_dict({**shape, "param_groups": [{"params": [0, 1], "lr": 0.9}]})
    assert str(error.value) == (
        "Adam.load_state_dict: the state belongs to other parameters; nothing was changed\n"
        "  expected  tensors of the parameters' shapes\n"
        "  got       exp_avg of parameter 1: (7,), not (2,)\n"
        "  try       build the optimizer with the same parameters in the same order"
    )
    assert optimizer.param_groups[0]["lr"] == 0.3
    with pytest.raises(
        StateError, match=r"groups of \[2\] parameters\n  got       groups of \[1\]"
    ):
        optimizer.load_state_dict({**before, "param_groups": [{"params": [0]}]})
    with pytest.raises(StateError, match="'state' and 'param_groups'"):
        optimizer.load_state_dict({"state": {}})
    with pytest.raises(StateError, match="not a state of an optimizer"):
        optimizer.load_state_dict([1])
    with pytest.raises(ArgumentError, match=r"Adam\.load_state_dict: lr is out of range"):
        optimizer.load_state_dict({**before, "param_groups": [{"params": [0, 1], "lr": -1.0}]})
    assert optimizer.state[one]["step"].item() == 1.0


def test_closure() -> None:
    (p,) = parameters(1)
    optimizer = optim.SGD([p], lr=0.25)

    def closure() -> zincir.Tensor:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with zincir.no_grad():
        assert optimizer.step(closure).item() == 1.0
    assert p.tolist() == [0.5]


def test_zero_grad() -> None:
    (p,) = parameters(1)
    optimizer = optim.SGD([p])
    (p * float("inf")).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert p.grad is None


def test_looks() -> None:
    text = repr(optim.SGD(parameters(), lr=0.5))
    assert text.startswith("SGD (\nParameter Group 0\n    dampening: 0.0\n    lr: 0.5\n")


def test_a_compiled_step_reads_every_number_again() -> None:
    ends = []
    for compiled in (False, True):
        (p,) = parameters(1)
        optimizer = optim.SGD([p], lr=0.1, momentum=0.5, weight_decay=0.1)
        plain = functools.partial(move, optimizer, [p])
        step = zincir.compile(plain) if compiled else plain
        for momentum, decay in ((0.5, 0.1), (0.9, 0.2), (0.1, 0.4)):
            optimizer.param_groups[0].update(momentum=momentum, weight_decay=decay)
            step()
        ends.append(p.tolist())
    assert ends[0] == ends[1]


def test_a_switch_thrown_after_recording_is_seen() -> None:
    ends = []
    for compiled in (False, True):
        (p,) = parameters(1)
        optimizer = optim.SGD([p], lr=0.1)
        plain = functools.partial(move, optimizer, [p])
        step = zincir.compile(plain) if compiled else plain
        for momentum, maximize in ((0.0, False), (0.9, False), (0.9, True), (0.0, False)):
            optimizer.param_groups[0].update(momentum=momentum, maximize=maximize)
            step()
            step()
        ends.append(p.tolist())
    assert ends[0] == ends[1]
    assert ends[0] != [0.2, 0.2]


def test_a_state_that_was_replaced_is_let_go() -> None:
    one, two = parameters()
    optimizer = optim.Adam([one, two])
    move(optimizer, [one, two])
    gone = weakref.ref(optimizer.state[one]["exp_avg"])
    optimizer.load_state_dict(optimizer.state_dict())
    move(optimizer, [one, two])
    gc.collect()
    assert gone() is None


def test_a_compiled_step_sees_new_gradients_and_a_new_state() -> None:
    ends = []
    for wrapped in (False, True):
        one, two = parameters()
        optimizer = optim.Adam([one, two], lr=0.1)
        step = zincir.compile(optimizer.step) if wrapped else optimizer.step
        kept = optimizer.state_dict()
        for k in range(6):
            if k == 3:
                optimizer.load_state_dict(kept)
            one.grad = zincir.tensor([float(k)])
            two.grad = zincir.tensor([1.0, -float(k)]) if k % 2 else None
            step()
        ends.append((one.tolist(), two.tolist()))
    assert ends[0] == ends[1]
