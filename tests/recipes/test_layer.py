"""The recipe of `docs/adding_a_layer.md`, carried out as it stands, on a copy of the sources."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding_a_layer.md").read_text("utf-8")

# "... `file`:" or "... `file`, behind `line`: ...", and the block below it.
STEP = re.compile(
    r"`((?:src|tests)/[\w/]+\.py)`(?:,\s+behind\s+`([^`]+)`)?[^`]*:\n\n```python\n(.*?)```", re.S
)


def carry_out(folder: Path) -> list[str]:
    """Write every block of the page where the page says. Returns the files, in its order."""
    steps = STEP.findall(PAGE)
    for name, neighbour, block in steps:
        path = folder / name
        text = path.read_text("utf-8")
        if neighbour:
            (line,) = re.findall(rf"^( *){re.escape(neighbour)}\n", text, re.M)
            below = f"{line}{neighbour}\n"
            text = text.replace(below, f"{below}{line}{block}", 1)
        else:
            text += f"\n\n{block}"
        path.write_text(text, "utf-8")
    return [name for name, _, _ in steps]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    for part in ("src", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    carry_out(folder)
    return folder


def run(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_block_is_a_step() -> None:
    assert len(STEP.findall(PAGE)) == PAGE.count("```python") == 5


def test_the_example_is_not_there_yet() -> None:
    rooms = (ROOT / "src" / "zincir" / "nn").rglob("*.py")
    assert not any("RePU" in path.read_text("utf-8") for path in rooms)


def test_conformance(copy: Path) -> None:
    tests = "tests/conformance/test_layers.py"
    out = run(copy, "-m", "pytest", "-q", tests, "-k", "RePU or every_layer")
    (passed,) = re.findall(r"(\d+) passed", out)
    assert int(passed) > 5, "the case was not tried"


def test_examples_and_looks(copy: Path) -> None:
    out = run(
        copy,
        "-c",
        "import doctest\n"
        "from zincir import nn\n"
        "from zincir.nn.functional import activation as function\n"
        "from zincir.nn.layers import activation as layer\n"
        "print(doctest.testmod(function).failed, doctest.testmod(layer).failed, nn.RePU(3))",
    )
    assert out == "0 0 RePU(power=3)\n"
