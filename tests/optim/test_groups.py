"""What an optimizer is given: lists of parameters, and groups of them."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn, optim
from zincir.errors import ArgumentError, DTypeError, RecordingWarning


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
    assert "test_groups.py:" in str(raised.value)


def test_a_parameter_belongs_to_one_group() -> None:
    p = nn.Parameter(zincir.ones(1))
    optimizer = optim.SGD([p])
    with pytest.raises(ArgumentError, match="more than one parameter group"):
        optimizer.add_param_group({"params": [p]})


@pytest.mark.parametrize("compiled", [False, True])
def test_a_parameter_that_a_group_holds_twice_is_updated_twice(compiled: bool) -> None:
    p, q = nn.Parameter(zincir.tensor([4.0])), nn.Parameter(zincir.tensor([4.0]))
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optimizer = optim.Adam([p, q, p], lr=0.5)

    def step() -> None:
        optimizer.zero_grad()
        (p * p + q * q).sum().backward()
        optimizer.step()

    run = zincir.compile(step) if compiled else step
    run()
    assert optimizer.state[p]["step"].item() == 2.0
    assert optimizer.state[q]["step"].item() == 1.0
    assert q.item() == pytest.approx(3.5)
    assert p.item() == pytest.approx(3.0)
    run()
    assert optimizer.state[p]["step"].item() == 4.0
    saved = optimizer.state_dict()  # a parameter's number is the last of its places, as in PyTorch
    assert list(saved["state"]) == [2, 1]
    assert saved["param_groups"][0]["params"] == [2, 1, 2]
    optimizer.load_state_dict(saved)
    assert optimizer.state[p]["step"].item() == 4.0
    assert optimizer.state[q]["step"].item() == 2.0


def test_a_step_that_is_taken_back_leaves_no_state_behind() -> None:
    """A function that cannot be recorded is run again: for SGD that is its first step then."""
    p, count = nn.Parameter(zincir.tensor([0.0])), zincir.ones(2)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optimizer = optim.SGD([p, p], lr=0.25, momentum=0.5)

    @zincir.compile
    def step(x: zincir.Tensor) -> zincir.Tensor:
        count.mul_(x)  # its own argument: not recorded
        p.grad = zincir.tensor([3.0])
        optimizer.step()
        return x * 2

    with pytest.warns(RecordingWarning):
        step(count)
    assert p.item() == -1.5
    assert optimizer.state[p]["momentum_buffer"].item() == 3.0


def test_named_parameters() -> None:
    net = nn.Linear(2, 1)
    optimizer = optim.SGD(net.named_parameters(), lr=1.0)
    assert optimizer.param_groups[0]["params"][1] is net.bias
    assert optimizer.param_groups[0]["params"][1] is net.bias


def _trained(change: Callable[[Any], Any], compiled: bool) -> list[float]:
    w = zincir.nn.Parameter(zincir.ones(2))
    optimizer = zincir.optim.SGD([w], lr=0.5)

    def step() -> None:
        optimizer.zero_grad()
        (w * 2).sum().backward()
        optimizer.step()

    run = zincir.compile(step) if compiled else step
    for _ in range(3):
        run()
    change(optimizer)
    run()
    run()
    return w.detach().tolist()


def _replace_all(optimizer: Any) -> None:
    optimizer.param_groups = [dict(optimizer.param_groups[0], lr=4.0)]


def _replace_one(optimizer: Any) -> None:
    optimizer.param_groups[0] = dict(optimizer.param_groups[0], lr=4.0)


def _update(optimizer: Any) -> None:
    optimizer.param_groups[0].update(lr=4.0)


def _array(optimizer: Any) -> None:
    optimizer.param_groups[0]["lr"] = np.float64(4.0)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("change", [_replace_all, _replace_one, _update, _array])
def test_a_group_in_the_place_of_another_is_read(
    change: Callable[[Any], Any], compiled: bool
) -> None:
    assert _trained(change, compiled) == [-18.0, -18.0]


@pytest.mark.parametrize("compiled", [False, True])
def test_settings_that_change_and_stay_themselves_are_read(compiled: bool) -> None:
    rate, betas = np.array(1.0), [0.0, 0.0]
    w = zincir.nn.Parameter(zincir.zeros(1, dtype=zincir.float64))
    optimizer = zincir.optim.Adam([w], lr=1.0, eps=0.0)
    optimizer.param_groups[0].update(lr=rate, betas=betas)

    def step() -> None:
        optimizer.zero_grad()
        (w * 3).sum().backward()
        optimizer.step()

    run = zincir.compile(step) if compiled else step
    for _ in range(3):
        run()
    assert w.tolist() == [-3.0]  # without memory each step is lr
    rate[()] = 8.0
    run()
    assert w.tolist() == [-11.0]
    betas[0] = 0.75
    run()
    # m = 0.75 * 3 + 0.25 * 3, over 1 - 0.75 ** 5; v = 9
    assert w.item() == pytest.approx(-11.0 - 8.0 / (1 - 0.75**5), rel=1e-12)
