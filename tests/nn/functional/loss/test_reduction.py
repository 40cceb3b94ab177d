"""The reduction of losses, and older words for it."""

import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError
from zincir.nn import functional as F


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
