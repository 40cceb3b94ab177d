"""The recipe of `docs/adding_a_pass.md`, applied to a copy of the sources as it is written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding_a_pass.md").read_text("utf-8")
FILE = "compiler/rewrite/negations.py"


def block(number: int, language: str = "python") -> str:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)[number]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `src` with the new pass."""
    source = tmp_path_factory.mktemp("recipe") / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    new, imported, row, _ = (block(i) for i in range(4))
    (source / "zincir" / FILE).write_text(new, "utf-8")
    init = source / "zincir" / "compiler" / "__init__.py"
    text = init.read_text("utf-8")
    text = text.replace(
        "from zincir.compiler.rewrite.", imported + "from zincir.compiler.rewrite.", 1
    )
    text, found = re.subn(r"^    Pass\(\"simplify\".*\n", r"\g<0>" + row, text, flags=re.M)
    assert found == 1
    init.write_text(text, "utf-8")
    return source


def run(sources: Path, script: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(sources),
        "ZINCIR_CACHE_DIR": str(sources.parent / "cache"),
        "ZINCIR_VERIFY": "1",
    }
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=environment, text=True, capture_output=True, timeout=120)


def test_it_runs_and_is_printed_by_name(sources: Path) -> None:
    done = run(sources, block(3) + "print(y.numpy().tolist())\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout == block(1, "text") + "[[3.0, 3.0, 3.0], [3.0, 3.0, 3.0]]\n"


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("None", r"negations: <neg float32\[2, 3\]> is negated twice"),
        ("xs[1]", r"negations \(pass \d+ of \d+\) failed: IndexError: tuple index out of range"),
    ],
)
def test_it_is_verified_by_name(sources: Path, broken: str, message: str) -> None:
    script = (
        "import sys, zincir.compiler\n"
        "module = sys.modules['zincir.compiler.rewrite.negations']\n"
        f"module._neg = lambda build, node, xs, single: {broken}\n"
    )
    done = run(sources, script + block(3))
    assert re.search(rf"CompileError: {message}\n  where +.*<string>:\d+", done.stderr), done.stderr


def test_its_lines_in_the_documents() -> None:
    assert re.match(r"^- `([\w/.]+\.py)`: ", block(0, "text")).group(1) == FILE  # type: ignore[union-attr]
    assert "(layout.md)" in PAGE
    assert "(how_it_works.md)" in PAGE
