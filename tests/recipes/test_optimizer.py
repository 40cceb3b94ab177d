"""The recipe of `docs/adding_an_optimizer.md`, carried out as it is, on a copy of the sources."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding_an_optimizer.md").read_text("utf-8")

# "... `folder`, `new file`:" or "... `file`, behind `line`:", and the block below it.
STEP = re.compile(
    r"(?:`([\w/]+)`, )?`([\w/]+\.\w+)`(?:, behind (`+)(.+?)\3)?:\n\n```\w+\n(.*?\n)```\n", re.S
)
BLOCKS = 4


def carry_out(folder: Path) -> None:
    """Write every block of the page where the page says: a new file, or behind a line of one."""
    for within, name, _, neighbour, block in STEP.findall(PAGE):
        path = folder / within / name
        if not neighbour:
            assert not path.exists(), name
            path.write_text(block, "utf-8")
            continue
        text = path.read_text("utf-8")
        (indent,) = re.findall(rf"^( *){re.escape(neighbour)}\n", text, re.M)
        line = f"{indent}{neighbour}\n"
        path.write_text(text.replace(line, f"{line}{indent}{block}"), "utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    for part in ("src", "tests", "docs"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    carry_out(folder)
    return folder


def passed(folder: Path, *arguments: str) -> int:
    """How many tests pass there, in a process of their own; none may fail."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return int(re.findall(r"(\d+) passed", done.stdout)[0])


def test_every_block_is_a_step() -> None:
    assert len(STEP.findall(PAGE)) == BLOCKS
    assert PAGE.count("```python\n") + PAGE.count("```text\n") == BLOCKS


def test_the_example_is_not_there_yet() -> None:
    assert not (ROOT / "src" / "zincir" / "optim" / "lion.py").exists()


def test_conformance(copy: Path) -> None:
    tests = "tests/conformance/test_optimizers.py"
    assert passed(copy, tests, "-k", "Lion or every_optimizer") > 10, "the row was not tried"


def test_the_house_is_content(copy: Path) -> None:
    """The lists are complete, and the example of the docstring runs."""
    tests = [f"tests/architecture/test_{name}.py" for name in ("layout", "docstrings", "sizes")]
    assert passed(copy, *tests, "-k", "lion or every or optim") > 3
