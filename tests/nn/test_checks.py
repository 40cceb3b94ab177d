"""Arguments that all layers and losses share: devices, types and older words."""

import inspect
from typing import Any

import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError
from zincir.nn import functional as F

MADE: dict[str, tuple[Any, ...]] = {
    "Linear": (2, 3),
    "LazyLinear": (3,),
    "LayerNorm": (2,),
    "RMSNorm": (2,),
    "GroupNorm": (2, 4),
    "Embedding": (3, 2),
    "PReLU": (),
    **{f"{k}Norm{n}d": (4,) for k in ("Batch", "Instance") for n in (1, 2, 3)},
    **{f"Lazy{k}Norm{n}d": () for k in ("Batch", "Instance") for n in (1, 2, 3)},
    **{f"{k}{n}d": (2, 3, 1) for k in ("Conv", "ConvTranspose") for n in (1, 2, 3)},
    **{f"Lazy{k}{n}d": (3, 1) for k in ("Conv", "ConvTranspose") for n in (1, 2, 3)},
}


def test_the_list_is_complete() -> None:
    typed = {
        name
        for name, kind in vars(nn).items()
        if inspect.isclass(kind)
        and "dtype" in inspect.signature(kind).parameters
        and not name.startswith("Uninitialized")
    }
    assert typed == set(MADE)


@pytest.mark.parametrize("name", MADE)
def test_device_and_dtype(name: str) -> None:
    kind, arguments = getattr(nn, name), MADE[name]
    layer = kind(*arguments, device="cpu", dtype=zincir.float64)
    held = [*layer.parameters(), *(b for b in layer.buffers() if b.dtype.is_floating_point)]
    assert held or "Instance" in name
    assert all(p.dtype is zincir.float64 for p in held)
    with pytest.raises(ArgumentError, match="there is no such device") as error:
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


@pytest.mark.parametrize(
    ("size_average", "reduce", "expected"),
    [
        (True, None, "mean"),
        (False, None, "sum"),
        (None, True, "mean"),
        (None, False, "none"),
        (False, True, "sum"),
        (True, False, "none"),
    ],
)
def test_older_words_for_reduction(
    size_average: bool | None, reduce: bool | None, expected: str
) -> None:
    a, b = zincir.tensor([1.0, 2.0]), zincir.tensor([1.0, 5.0])
    with pytest.warns(UserWarning, match=f"please use reduction='{expected}' instead"):
        loss = F.mse_loss(a, b, size_average, reduce)
    assert loss.tolist() == {"mean": 4.5, "sum": 9.0, "none": [0.0, 9.0]}[expected]
    with pytest.warns(UserWarning, match=expected):
        layer = nn.MSELoss(size_average, reduce)
    assert layer.reduction == expected


def test_a_reduction_in_their_place() -> None:
    x = zincir.tensor([1.0, 2.0])
    with pytest.raises(ArgumentError, match=r"size_average is no bool[\s\S]*reduction='sum'"):
        F.mse_loss(x, x, "sum")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentError, match="CrossEntropyLoss: size_average is no bool"):
        nn.CrossEntropyLoss(None, -100)  # pyright: ignore[reportArgumentType]
    rows, labels = zincir.tensor([[0.0, 0.0], [1.0, 0.0]]), zincir.tensor([1, 0])
    assert F.cross_entropy(rows, labels, None, None, 0).item() == pytest.approx(0.6931472)
    assert nn.NLLLoss(None, None, 0)(rows, labels).item() == 0.0
