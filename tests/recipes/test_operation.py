"""The recipe of `docs/adding.md`."""

import pytest

import zincir
from recipes.carried_out import Copy, Recipe

RECIPE = Recipe("adding.md")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return RECIPE.carry_out(tmp_path_factory.mktemp("recipe"))


def test_it_has_three_places() -> None:
    assert RECIPE.files() == [
        "src/zincir/operations/arithmetic.py",
        "src/zincir/tensor.py",
        "src/zincir/__init__.py",
    ]
    assert not hasattr(zincir, "fdim"), "take another example"


def test_conformance(copy: Copy) -> None:
    assert copy.passed("tests/conformance", "-k", "fdim") > 5, "it was not tried"


def test_users_can_call_it(copy: Copy) -> None:
    script = (
        "import zincir\n"
        "x = zincir.tensor([3.0], requires_grad=True)\n"
        "y = zincir.fdim(x, zincir.tensor([1.0]))\n"
        "y.backward()\n"
        "print(y.item(), x.grad.item(), x.fdim(4.0).item())\n"
    )
    assert copy.python("-c", script) == "2.0 1.0 0.0\n"
