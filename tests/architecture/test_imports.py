"""Imports point down, LLVM has one door, nothing goes round (`.importlinter`); none comes late."""

import ast
import configparser
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, STDOUT, run

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "zincir"
CONTRACTS = ROOT / ".importlinter"

# Imports inside a function: optional third-party packages may always be imported late.
OPTIONAL = {"rich", "matplotlib", "torch", "jax", "PIL", "pandas", "polars", "sklearn"}
OPTIONAL |= {"mpi4py", "shtab"}


def lint(config: Path) -> tuple[bool, str]:
    """Whether all contracts are kept, and what the tool says."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", str(config)]
    done = run(command, stdout=PIPE, stderr=STDOUT, text=True, cwd=ROOT, check=False)
    return done.returncode == 0, done.stdout


def test_contracts_are_kept() -> None:
    kept, says = lint(CONTRACTS)
    assert kept, says


def test_contracts_can_be_broken(tmp_path: Path) -> None:
    config = configparser.ConfigParser()
    config.read(CONTRACTS)
    levels = config["importlinter:contract:levels"]
    levels["layers"] = "\n".join(reversed(levels["layers"].splitlines()))
    broken = tmp_path / ".importlinter"
    with broken.open("w") as file:
        config.write(file)
    kept, says = lint(broken)
    assert not kept
    assert "zincir.operations is not allowed to import zincir.graph" in says
    assert "3 kept, 1 broken" in says


def test_a_new_file_needs_a_level(tmp_path: Path) -> None:
    without = tmp_path / ".importlinter"
    without.write_text(CONTRACTS.read_text().replace("    pending\n", ""))
    kept, says = lint(without)
    assert not kept
    assert "zincir.pending" in says


def late(tree: ast.AST, inside: bool = False) -> Iterator[tuple[int, str]]:
    """The line and the top package of every import in a function."""
    for child in ast.iter_child_nodes(tree):
        if inside and isinstance(child, ast.Import):
            yield from ((child.lineno, alias.name.split(".")[0]) for alias in child.names)
        elif inside and isinstance(child, ast.ImportFrom):
            yield child.lineno, (child.module or "").split(".")[0]
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from late(child, inside or function)


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda p: str(p.relative_to(SRC)))
def test_nothing_is_imported_late(path: Path) -> None:
    found = late(ast.parse(path.read_text("utf-8")))
    wrong = [f"{path}:{line} imports {name}" for line, name in found if name not in OPTIONAL]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import numpy", []),
        ("def f():\n    from rich.table import Table", [(2, "rich")]),
        ("def f():\n    if True:\n        import numpy.linalg", [(3, "numpy")]),
        ("class A:\n    import numpy\n    def f(self):\n        import jax", [(4, "jax")]),
    ],
)
def test_late_imports_are_found(source: str, found: list[tuple[int, str]]) -> None:
    assert list(late(ast.parse(source))) == found
