"""What an optimizer is given: lists of parameters, and groups of them."""

import re
from typing import Any

import pytest

import zincir
from zincir import nn, optim
from zincir.errors import ArgumentError, DTypeError


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
    with pytest.raises(ArgumentError, match="given twice"):
        optim.SGD([p, p])
    optimizer = optim.SGD([p])
    with pytest.raises(ArgumentError, match="given twice"):
        optimizer.add_param_group({"params": [p]})


def test_named_parameters() -> None:
    net = nn.Linear(2, 1)
    optimizer = optim.SGD(net.named_parameters(), lr=1.0)
    assert optimizer.param_groups[0]["params"][1] is net.bias
    assert optimizer.param_groups[0]["params"][1] is net.bias
