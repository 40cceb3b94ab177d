"""`tests/scripts`: whole PyTorch scripts, unchanged, end with PyTorch's losses.

Each script starts from weights, data and noise of NumPy's, and prints its losses. Beside it lies
what it prints under PyTorch; where that is installed, it is run again to see if this still holds.
"""

import re
from pathlib import Path

import pytest

from as_torch.scripts_run import run

FOLDER = Path(__file__).parents[1] / "scripts"
SCRIPTS = sorted(p.stem for p in FOLDER.glob("*.py"))
NUMBER = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?")

# Largest difference of a number, relative and absolute. Batch norm makes rounding grow.
CLOSE = (3e-4, 3e-5)
COARSER = {"transformer": (1e-3, 1e-4), "cnn": (3e-3, 1e-3), "gan": (1e-3, 1e-4)}


def same(got: str, expected: str, name: str) -> None:
    """The same words, and numbers that are close."""
    assert NUMBER.sub("#", got) == NUMBER.sub("#", expected)
    relative, absolute = COARSER.get(name, CLOSE)
    numbers = [float(x) for x in NUMBER.findall(got)]
    assert len(numbers) > 3, "a script prints what is compared"
    wanted = [float(x) for x in NUMBER.findall(expected)]
    assert numbers == pytest.approx(wanted, rel=relative, abs=absolute)


def test_there_are_enough() -> None:
    assert len(SCRIPTS) >= 12


@pytest.mark.parametrize("name", SCRIPTS)
def test_ends_with_the_losses_of_pytorch(name: str, tmp_path: Path) -> None:
    out = run(str(FOLDER / f"{name}.py"), cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    same(out.stdout, (FOLDER / f"{name}.txt").read_text(), name)


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("name", SCRIPTS)
def test_these_are_the_losses_of_pytorch(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    out = run(str(FOLDER / f"{name}.py"), cwd=tmp_path, zincir=False)
    assert out.returncode == 0, out.stderr
    same(out.stdout, (FOLDER / f"{name}.txt").read_text(), name)
