"""Arguments that all layers share: devices, types and sizes."""

import inspect
from typing import Any

import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError

# Lazy layers; for the others: tests/conformance/test_layers.py
MADE: dict[str, tuple[Any, ...]] = {
    "LazyLinear": (3,),
    **{f"Lazy{k}Norm{n}d": () for k in ("Batch", "Instance") for n in (1, 2, 3)},
    **{f"Lazy{k}{n}d": (3, 1) for k in ("Conv", "ConvTranspose") for n in (1, 2, 3)},
}


def test_the_list_is_complete() -> None:
    assert {name for name in vars(nn) if name.startswith("Lazy")} == set(MADE)


@pytest.mark.parametrize("name", MADE)
def test_device_and_dtype(name: str) -> None:
    kind, arguments = getattr(nn, name), MADE[name]
    layer = kind(*arguments, device="cpu", dtype=zincir.float64)
    held = [*layer.parameters(), *(b for b in layer.buffers() if b.dtype.is_floating_point)]
    assert held
    assert all(p.dtype is zincir.float64 for p in held)
    with pytest.raises(ArgumentError, match="no device 'cuda'") as error:
        kind(*arguments, device="cuda")
    assert "test_checks.py:" in str(error.value)
    # Both come one after the other, as in PyTorch, so that they can be given by their places.
    names = list(inspect.signature(kind).parameters)
    assert names[names.index("device") + 1] == "dtype"


def test_by_place() -> None:
    assert nn.Linear(2, 3, True, "cpu", zincir.float64).weight.dtype is zincir.float64
    assert nn.LayerNorm(2, 1e-5, True, True, None, zincir.float64).weight.dtype is zincir.float64
    layer = nn.Conv2d(1, 1, 1, 1, 0, 1, 1, False, "zeros", None, zincir.float64)
    assert layer.weight.dtype is zincir.float64
    layer = nn.BatchNorm2d(1, 1e-5, 0.1, True, True, "cpu", zincir.float64)
    assert layer.running_mean.dtype is zincir.float64


@pytest.mark.parametrize("value", [-1, 2.5, True, "3"])
def test_sizes_of_layers(value: object) -> None:
    with pytest.raises(ArgumentError, match="Linear: in_features is not a size"):
        nn.Linear(value, 3)
