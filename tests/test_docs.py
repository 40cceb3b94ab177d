"""`docs/how_it_works.md` runs from top to bottom and prints what it says it prints; the recipe of
`docs/adding.md` works.

What a block of the first prints stands in the ```text block behind it, or in comments behind its
`print` calls.
"""

import contextlib
import doctest
import io
import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
BOOK = (DOCS / "how_it_works.md").read_text("utf-8")
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\s*^```text\n(.*?)^```\n)?", re.M | re.S)
LONGEST = 460  # without what is printed


def expected(source: str, text: str | None) -> list[str]:
    if text is not None:
        return text.rstrip().splitlines()
    prints = re.findall(r"^\s*print\(.*\)  # (.*)$", source, re.M)
    return [line.rstrip() for line in prints]


def printed(source: str, names: dict[str, Any], line: int) -> list[str]:
    out = io.StringIO()
    # Empty lines in front, so that a traceback points into the file.
    code = compile("\n" * line + source, str(DOCS / "how_it_works.md"), "exec")
    with contextlib.redirect_stdout(out):
        exec(code, names)
    return [line.rstrip() for line in out.getvalue().rstrip().splitlines()]


def test_the_book_runs() -> None:
    names: dict[str, Any] = {"__name__": "how_it_works"}
    blocks = list(BLOCK.finditer(BOOK))
    assert len(blocks) > 10
    for block in blocks:
        source, text = block.groups()
        line = BOOK[: block.start(1)].count("\n")
        found = printed(source, names, line)
        assert found == expected(source, text), f"how_it_works.md, line {line + 1}"


@pytest.mark.parametrize("page", ["data.md", "metrics.md", "training.md"])
def test_examples_of_a_page_run(page: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    found = doctest.testfile(str(DOCS / page), module_relative=False, optionflags=flags)
    assert not found.failed
    assert found.attempted > 10


def test_every_text_block_is_checked() -> None:
    checked = [m.group(2) for m in BLOCK.finditer(BOOK) if m.group(2) is not None]
    assert len(re.findall(r"^```text", BOOK, re.M)) == len(checked)


def test_the_book_is_short() -> None:
    shown = re.sub(r"^```text\n.*?^```\n", "", BOOK, flags=re.M | re.S)
    assert len(shown.splitlines()) < LONGEST


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda p: p.name)
def test_links_and_files_exist(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", text):
        assert (path.parent / target).exists(), target
    # Before a colon stands a file that a recipe is about to make.
    for name in re.findall(r"`((?:src|tests|docs|benchmarks)/[\w/.]+\.\w+)`(?!:)", text):
        assert (DOCS.parent / name).exists(), name
