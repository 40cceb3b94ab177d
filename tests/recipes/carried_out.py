"""Carries out a recipe of `docs/` as it stands, on a copy of the sources.

A step is a sentence that ends with a colon, and the block below it. The sentence names the file:
"... `src/zincir/a.py`:" for a new one, "at the end of `src/zincir/a.py`:", or "`src/zincir/a.py`,
behind `this line`:".
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, STDOUT, run

ROOT = Path(__file__).parents[2]

_STEP = re.compile(
    r"(at\s+the\s+end\s+of\s+)?`((?:src|tests|docs)/[\w/]+\.\w+)`"
    r"(?:,\s+behind\s+(`+)([^\n]+?)\3)?[^`]*:\n\n```\w+\n(.*?\n)```\n",
    re.S | re.I,
)


@dataclass(frozen=True)
class Recipe:
    """A page of `docs/`."""

    name: str

    @property
    def page(self) -> str:
        return (ROOT / "docs" / self.name).read_text("utf-8")

    def files(self) -> list[str]:
        """The files that it writes to, in its order."""
        return [step[1] for step in _STEP.findall(self.page)]

    def carry_out(self, folder: Path) -> Copy:
        """Do what the page says to a copy of the sources."""
        for part in ("src", "tests", "docs"):
            ignored = shutil.ignore_patterns("*.pyc.*")  # bytecode is copied, once it is whole
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        for name in ("pyproject.toml", ".importlinter"):
            shutil.copy(ROOT / name, folder)
        for end, name, _, line, block in _STEP.findall(self.page):
            _write(folder / name, block, line, at_end=bool(end))
        return Copy(folder)


def _write(path: Path, block: str, line: str, *, at_end: bool) -> None:
    if at_end:
        path.write_text(f"{path.read_text('utf-8')}\n\n{block}", "utf-8")
    elif not line:
        assert not path.exists(), f"{path} is there"
        path.write_text(block, "utf-8")
    else:
        text = path.read_text("utf-8")
        found = re.findall(rf"^( *){re.escape(line)}\n", text, re.M)
        assert len(found) == 1, f"{path.name} has {line!r} {len(found)} times"
        (indent,) = found
        above = f"{indent}{line}\n"
        below = "".join(f"{indent}{added}\n" for added in block.splitlines())
        path.write_text(text.replace(above, above + below, 1), "utf-8")


@dataclass(frozen=True)
class Copy:
    """Sources with what a recipe added."""

    folder: Path

    def python(self, *arguments: str, fails: bool = False) -> str:
        """What Python prints there, which must (or, with `fails`, must not) end well."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder / "src"),
            "ZINCIR_CACHE_DIR": str(self.folder / "cache"),
            "ZINCIR_VERIFY": "1",
        }
        command = [sys.executable, *arguments]
        done = run(
            command, cwd=self.folder, env=environment, stdout=PIPE, stderr=STDOUT, text=True,
            check=False, timeout=300,
        )  # fmt: skip
        assert (done.returncode != 0) is fails, done.stdout
        return done.stdout

    def passed(self, *arguments: str) -> int:
        """How many tests pass there; none may fail."""
        out = self.python("-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)
        return int(re.findall(r"(\d+) passed", out)[0])
