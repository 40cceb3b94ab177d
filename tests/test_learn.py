"""The lessons of `docs/learn` run and print what they say, in both languages, and become pages."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed: lessons are not run")

LEARN = Path(__file__).parents[1] / "docs" / "learn"
_spec = importlib.util.spec_from_file_location("lessons_build", LEARN / "build.py")
assert _spec is not None
assert _spec.loader is not None
build = importlib.util.module_from_spec(_spec)
sys.modules["lessons_build"] = build
_spec.loader.exec_module(build)

import matplotlib  # noqa: E402

matplotlib.use("Agg")
LESSONS = [*build.lessons("en"), *build.lessons("tr")]


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_a_lesson_prints_what_it_says(path: Path):
    ran = build.run(path)
    assert len(ran) >= 4
    for block, found in ran:
        expected = (block.group(2) or "").rstrip()
        line = path.read_text("utf-8")[: block.start()].count("\n") + 1
        assert found.printed.rstrip() == expected, f"{path.name}, line {line}"
    text = path.read_text("utf-8")
    assert len(re.findall(r"^```text", text, re.M)) == sum(b.group(2) is not None for b, _ in ran)
    assert any(found.shown for _, found in ran), "it shows something"
    plots = [html.partition(" src=")[0] for _, f in ran for html in f.shown if "<img" in html[:4]]
    alt = "plot: step, loss" if "/en/" in path.as_posix() else "grafik: adım, kayıp"
    assert plots == ([f"<img alt='{alt}'"] if path.name[0] == "3" else [])


def test_both_languages_have_the_same_lessons():
    english, turkish = build.lessons("en"), build.lessons("tr")
    assert [p.name[:2] for p in english] == [p.name[:2] for p in turkish]
    for a, b in zip(english, turkish, strict=True):
        codes = [[_code(m.group(1)) for m in build.BLOCK.finditer(p.read_text("utf-8"))]
                 for p in (a, b)]  # fmt: skip
        assert codes[0] == codes[1], f"{a.name} and {b.name} compute the same"


def _code(source: str) -> str:
    """Without what is said in the language: texts and comments."""
    source = re.sub(r"#.*", "", source)
    return re.sub(r'"[^"\n]*"', '""', source)


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_a_lesson_ends_with_an_experiment_and_a_question(path: Path):
    text = path.read_text("utf-8")
    experiment, question = ("## Experiment", "## Question") if "/en/" in path.as_posix() else (
        "## Deney", "## Soru"
    )  # fmt: skip
    assert 0 < text.index(experiment) < text.index(question) < text.index("<details><summary>")


def test_a_page_of_a_lesson():
    pytest.importorskip("markdown_it", reason="markdown-it-py is not installed: no pages are built")
    page = build.page(LESSONS[0])
    assert "<h1>1. One neuron and the chain rule</h1>" in page
    assert '<iframe srcdoc="&lt;!doctype html&gt;' in page
    assert '<code class="language-python">import zincir' in page
    assert not re.findall(r"(?:src|href)=['\"](?:http|//)", page)
    turkish = build.page(build.lessons("tr")[0])
    assert "<html lang='tr'>" in turkish
    assert "<h1>1. Tek nöron ve zincir kuralı</h1>" in turkish
    assert "aria-label='Next lesson: 2. A computation graph and its backward pass'" in page
    assert "aria-label='Sonraki ders: 2. Hesaplama çizgesi ve geri geçiş'" in turkish
