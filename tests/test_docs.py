"""`docs/how_it_works.md` runs from top to bottom and prints what it says it prints; the recipe of
`docs/adding.md` works.

What a block of the first prints stands in the ```text block behind it, or in comments behind its
`print` calls.
"""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zincir
from zincir.autograd import gradcheck, gradgradcheck
from zincir.graph.primitive import REGISTRY
from zincir.interpret import interpret
from zincir.ops import arithmetic
from zincir.tensor import wrap

DOCS = Path(__file__).parents[1] / "docs"
BOOK = (DOCS / "how_it_works.md").read_text("utf-8")
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\s*^```text\n(.*?)^```\n)?", re.M | re.S)
LONGEST = 430  # without what is printed


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


def test_every_text_block_is_checked() -> None:
    checked = [m.group(2) for m in BLOCK.finditer(BOOK) if m.group(2) is not None]
    assert len(re.findall(r"^```text", BOOK, re.M)) == len(checked)


def test_the_book_is_short() -> None:
    shown = re.sub(r"^```text\n.*?^```\n", "", BOOK, flags=re.M | re.S)
    assert len(shown.splitlines()) < LONGEST


def test_the_recipe_for_an_operation_works() -> None:
    (source,) = re.findall(
        r"^```python\n(.*?)^```", (DOCS / "adding.md").read_text("utf-8"), re.M | re.S
    )
    names = {**vars(arithmetic), "np": np}
    own = REGISTRY.pop("hypot", None)
    try:
        exec(compile(source, "adding.md", "exec"), names)
        hypot = lambda x, y: wrap(names["hypot"](x._node, y._node))  # noqa: E731
        x, y = (zincir.rand(3, 4, dtype=zincir.float64) + 0.5 for _ in range(2))
        z = hypot(x, y)
        np.testing.assert_allclose(z.numpy(), np.hypot(x.numpy(), y.numpy()), 1e-12)
        inputs = [x.requires_grad_(), y.requires_grad_()]
        np.testing.assert_allclose(z.numpy(), interpret([hypot(*inputs)._node])[0], 1e-12)
        assert gradcheck(hypot, inputs)
        assert gradgradcheck(hypot, inputs)
    finally:
        REGISTRY.pop("hypot", None)
        if own is not None:
            REGISTRY["hypot"] = own


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda p: p.name)
def test_links_and_files_exist(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", text):
        assert (path.parent / target).exists(), target
    for name in re.findall(r"`((?:src|tests|docs|benchmarks)/[\w/.]+\.\w+)`", text):
        assert (DOCS.parent / name).exists(), name
