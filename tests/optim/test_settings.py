"""Settings: what constructors declare, ranges, and how they look."""

import inspect
import re
from typing import Any

import pytest

import zincir
from zincir import nn, optim
from zincir.errors import ArgumentError
from zincir.optim.settings import Kind, NotNegative, Params, Rate


def parameters(count: int = 2) -> list[nn.Parameter]:
    return [nn.Parameter(zincir.ones(k + 1)) for k in range(count)]


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
        ("SGD", {"momentum": 0.9, "dampening": "x"}, "expected  a number\n  got       'x'"),
        ("RMSprop", {"alpha": 5}, "RMSprop: alpha is out of range"),
        ("RMSprop", {"alpha": -0.1}, "expected  a number from 0 to 1\n  got       -0.1"),
        ("RMSprop", {"alpha": "x"}, "got       'x'"),
        ("Adagrad", {"lr_decay": -1}, "lr_decay is out of range"),
        ("Adagrad", {"initial_accumulator_value": -1}, "initial_accumulator_value is out of range"),
        ("SGD", {"differentiable": True}, "SGD: steps cannot be differentiated"),
    ],
)
def test_settings(name: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(text)):
        getattr(optim, name)(parameters(), **options)


def test_looks() -> None:
    text = repr(optim.SGD(parameters(), lr=0.5))
    assert text.startswith(
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n"
    )
    assert "\n    lr: 0.5\n" in text


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_settings_are_declared_by_the_signature(name: str) -> None:
    kind = getattr(optim, name)
    defaults = {k: v.default for k, v in inspect.signature(kind).parameters.items()}
    optimizer = kind(parameters())
    assert {**optimizer.defaults, "params": defaults["params"]} == defaults
    assert {*defaults} - {*kind.settings.by_name} <= {
        *("params", "foreach", "fused", "capturable", "differentiable")
    }
    assert kind.settings.by_name["lr"].kind is Kind.RATE


def test_groups_and_loaded_states_are_checked_too() -> None:
    one, two = parameters()
    optimizer = optim.RMSprop([one])
    with pytest.raises(ArgumentError, match="RMSprop: alpha is out of range"):
        optimizer.add_param_group({"params": [two], "alpha": 2.0})
    assert len(optimizer.param_groups) == 1
    state = optimizer.state_dict()
    state["param_groups"][0]["alpha"] = 2.0
    with pytest.raises(ArgumentError, match=r"RMSprop\.load_state_dict: alpha is out of range"):
        optimizer.load_state_dict(state)


def test_a_subclass_of_an_optimizer_takes_over_its_settings() -> None:
    class Heavy(optim.SGD):
        def __init__(self, params: Params, lr: Rate = 0.5, mass: NotNegative = 0.75) -> None:
            super().__init__(params, lr, momentum=mass)

    assert Heavy.settings is optim.SGD.settings
    assert "mass" not in Heavy(parameters()).defaults
    assert Heavy(parameters()).defaults["momentum"] == 0.75
    with pytest.raises(ArgumentError, match="Heavy: momentum is out of range"):
        Heavy(parameters(), mass=-1.0)
