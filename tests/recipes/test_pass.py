"""The recipe of `docs/adding_a_pass.md`."""

import re

import pytest

from recipes.carried_out import Copy, Recipe
from zincir.compiler import PIPELINE

RECIPE = Recipe("adding_a_pass.md")
BROKEN = """
import sys, zincir.compiler
module = sys.modules["zincir.compiler.rewrite.negations"]
module._neg = lambda build, node, xs, single: {}
"""


def shown() -> tuple[str, str]:
    """The last example of the page, and what it prints."""
    pattern = r"^```python\n([^`]*?)^```\n\n```text\n(.*?)^```"
    return re.findall(pattern, RECIPE.page, re.M | re.S)[-1]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return RECIPE.carry_out(tmp_path_factory.mktemp("recipe"))


def test_it_has_three_places() -> None:
    assert RECIPE.files() == [
        "src/zincir/compiler/rewrite/negations.py",
        "src/zincir/compiler/__init__.py",
        "src/zincir/compiler/__init__.py",
        "docs/layout.md",
        "docs/how_it_works.md",
    ]
    assert "negations" not in [row.name for row in PIPELINE], "take another example"


def test_it_runs_and_is_printed_by_name(copy: Copy) -> None:
    script, text = shown()
    values = "[[3.0, 3.0, 3.0], [3.0, 3.0, 3.0]]\n"
    assert copy.python("-c", script + "print(y.numpy().tolist())\n") == text + values


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("None", r"negations: <neg float32\[2, 3\]> is negated twice"),
        ("xs[1]", r"negations \(pass \d+ of \d+\) failed: IndexError: tuple index out of range"),
    ],
)
def test_it_is_verified_by_name(copy: Copy, rule: str, message: str) -> None:
    """A rule that does nothing is found out; one that fails is named, with the user's line."""
    said = copy.python("-c", BROKEN.format(rule) + shown()[0], fails=True)
    assert re.search(rf"CompileError: {message}\n  where +.*<string>:\d+", said), said


def test_the_other_tests_of_passes_know_it(copy: Copy) -> None:
    tests = "tests/compiler/test_stages.py", "tests/architecture/test_layout.py"
    assert copy.passed(*tests, "tests/test_docs.py", "-k", "stages or every or book_runs") > 10
