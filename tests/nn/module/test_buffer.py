"""Buffers that are assigned, as PyTorch's."""

import copy
from typing import Any

import pytest

import zincir
from zincir import nn


def made(lib: Any) -> Any:
    class Net(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kept = lib.nn.Buffer(lib.ones(2))
            self.passing = lib.nn.Buffer(lib.zeros(1), persistent=False)
            self.trained = lib.nn.Parameter(lib.ones(1))

    return Net()


def facts(lib: Any) -> list[Any]:
    net = made(lib)
    found = [list(net.state_dict()), [n for n, _ in net.named_buffers()]]
    net.kept = lib.full((2,), 3.0)
    net.kept += 1
    twin = copy.deepcopy(net).double()
    found += [twin.kept.tolist(), str(twin.kept.dtype).split(".")[1], list(twin.state_dict())]
    net.passing = lib.nn.Buffer(lib.zeros(1))
    found += [sorted(net.state_dict()), isinstance(net.passing, lib.nn.Buffer)]
    found += [lib.nn.Buffer(lib.ones(1)).requires_grad, net.load_state_dict(net.state_dict())[0]]
    return found


def test_buffers() -> None:
    assert facts(zincir)[:2] == [["trained", "kept"], ["kept", "passing"]]
    with pytest.raises(zincir.errors.DTypeError, match="cannot assign to 'trained'"):
        made(zincir).trained = nn.Buffer(zincir.ones(1))
    with pytest.raises(zincir.errors.ArgumentError, match="__init__"):
        nn.Module.__new__(nn.Module).seen = nn.Buffer(zincir.ones(1))


@pytest.mark.torch
def test_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
    assert facts(zincir) == facts(torch)
