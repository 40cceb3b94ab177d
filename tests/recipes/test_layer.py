"""The recipe of `docs/adding_a_layer.md`."""

import pytest

from recipes.carried_out import Copy, Recipe
from zincir import nn

RECIPE = Recipe("adding_a_layer.md")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return RECIPE.carry_out(tmp_path_factory.mktemp("recipe"))


def test_it_has_three_places_and_two_names_to_import() -> None:
    assert RECIPE.files() == [
        "src/zincir/nn/functional/activation.py",
        "src/zincir/nn/functional/__init__.py",
        "src/zincir/nn/layers/activation.py",
        "src/zincir/nn/__init__.py",
        "tests/conformance/test_layers.py",
    ]
    assert not hasattr(nn, "RePU"), "take another example"


def test_conformance(copy: Copy) -> None:
    tests = "tests/conformance/test_layers.py"
    assert copy.passed(tests, "-k", "RePU or every_layer") > 5, "the case was not tried"


def test_examples_and_looks(copy: Copy) -> None:
    script = (
        "import doctest\n"
        "from zincir import nn\n"
        "from zincir.nn.functional import activation as function\n"
        "from zincir.nn.layers import activation as layer\n"
        "print(doctest.testmod(function).failed, doctest.testmod(layer).failed, nn.RePU(3))"
    )
    assert copy.python("-c", script) == "0 0 RePU(power=3)\n"
