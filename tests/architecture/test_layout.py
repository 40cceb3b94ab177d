"""`docs/layout.md` names every file of the package, once, and none that is not there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "zincir"
PAGE = (ROOT / "docs" / "layout.md").read_text("utf-8")
LISTED = re.findall(r"^- `([\w/.]+\.py)`: ", PAGE, re.M)


def test_every_file_has_its_line() -> None:
    there = {p.relative_to(SRC).as_posix() for p in SRC.rglob("*.py")}
    missing = sorted(there - set(LISTED))
    assert not missing, "give each a line in docs/layout.md, where a step passes through it"


def test_every_line_has_its_file() -> None:
    gone = [name for name in LISTED if not (SRC / name).exists()]
    assert not gone, "take them out of docs/layout.md"
    assert len(LISTED) == len(set(LISTED)), "named twice"


def test_folders_exist() -> None:
    for name in re.findall(r"`((?:tests|benchmarks|docs)/\w*)`", PAGE):
        assert (ROOT / name).exists(), name


def test_what_to_open_is_there() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    named = [name for row in rows for name in re.findall(r"`([\w/]+(?:\.py|/))`", row)]
    assert len(named) > 20
    assert not [name for name in named if not (SRC / name).exists()]


def test_lines_are_short() -> None:
    assert all(len(line) <= 100 for line in PAGE.splitlines() if not line.startswith("| "))
