"""The recipe of `docs/adding_an_optimizer.md`."""

import pytest

from recipes.carried_out import Copy, Recipe
from zincir import optim

RECIPE = Recipe("adding_an_optimizer.md")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return RECIPE.carry_out(tmp_path_factory.mktemp("recipe"))


def test_it_has_two_places_and_two_lists() -> None:
    assert RECIPE.files() == [
        "src/zincir/optim/signum.py",
        "tests/conformance/test_optimizers.py",
        "src/zincir/optim/__init__.py",
        "docs/layout.md",
    ]
    assert not hasattr(optim, "Signum"), "take another example"


def test_conformance(copy: Copy) -> None:
    tests = "tests/conformance/test_optimizers.py"
    assert copy.passed(tests, "-k", "Signum or every_optimizer") > 10, "the row was not tried"


def test_the_house_is_content(copy: Copy) -> None:
    """The lists are complete, and the example of the docstring runs."""
    tests = [f"tests/architecture/test_{name}.py" for name in ("layout", "docstrings", "sizes")]
    assert copy.passed(*tests, "-k", "signum or every or optim") > 3
