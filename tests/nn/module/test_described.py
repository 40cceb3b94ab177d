"""How layers look when printed: the rules, and what they must not do to layers of users."""

from typing import Any

import pytest

from zincir import nn
from zincir.nn.module.described import described


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (lambda: nn.ReLU(), "ReLU()"),
        (lambda: nn.ReLU(inplace=True), "ReLU(inplace=True)"),
        (lambda: nn.Linear(2, 3, bias=False), "Linear(in_features=2, out_features=3, bias=False)"),
        (
            lambda: nn.LayerNorm(2, 0.5),
            "LayerNorm((2,), eps=0.5, elementwise_affine=True, bias=True)",
        ),
        (lambda: nn.GELU(), "GELU(approximate='none')"),
        (lambda: nn.PReLU(3, 0.5), "PReLU(num_parameters=3)"),
        (lambda: nn.Embedding(5, 2, sparse=True), "Embedding(5, 2, sparse=True)"),
        (lambda: nn.Dropout(0.5), "Dropout(p=0.5, inplace=False)"),
        (lambda: nn.ZeroPad1d(1), "ZeroPad1d((1, 1))"),
        (lambda: nn.LazyLinear(3), "LazyLinear(in_features=0, out_features=3, bias=True)"),
    ],
)
def test_looks(layer: Any, text: str) -> None:
    assert repr(layer()) == text


def test_a_class_below_looks_as_the_layer_it_is() -> None:
    class Square(nn.Linear):
        def __init__(self, n: int) -> None:
            super().__init__(n, n)

    assert repr(Square(2)) == "Square(in_features=2, out_features=2, bias=True)"


def test_a_class_below_may_say_something_else() -> None:
    class Square(nn.Linear):
        def extra_repr(self) -> str:
            return f"{self.in_features} each way"

    assert repr(Square(2, 2)) == "Square(2 each way)"


def test_an_argument_must_be_an_attribute() -> None:
    @described()
    class Forgetful(nn.Module):
        def __init__(self, n: int) -> None:
            super().__init__()

    with pytest.raises(AttributeError, match="attribute 'n'"):
        repr(Forgetful(2))
