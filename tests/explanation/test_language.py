"""The words of a page in Turkish: all of them, and nothing but words."""

import ast
import re
from pathlib import Path

import pytest

import zincir
from browser import needs_chromium, told
from zincir import explanation, nn
from zincir.errors import ArgumentError
from zincir.explanation.language import TURKISH

SOURCES = Path(explanation.__file__).parent


def network():
    net = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    x, y = zincir.randn(7, 6), zincir.tensor([0, 1, 2, 0, 1, 2, 0])
    optimizer = zincir.optim.Adam(net.parameters())
    return zincir.explain(nn.functional.cross_entropy(net(x), y), optimizer=optimizer)


def test_every_text_has_its_words():
    said = set()
    for path in SOURCES.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "say":
                said.update(a.value for a in call.args if isinstance(a, ast.Constant))
    script = (SOURCES / "script.js").read_text("utf-8")
    said.update(re.findall(r'say\("([^"]+)"', script))
    assert len(said) > 60
    assert not said - TURKISH.keys()


def test_words_keep_what_stands_in_them():
    for text, words in TURKISH.items():
        names = re.compile(r"\{\w+\}")
        assert sorted(names.findall(text)) == sorted(names.findall(words)), text


def test_a_page_in_turkish_has_no_english_words():
    w = zincir.tensor(2.0, requires_grad=True)
    one = zincir.explain((w * 3.0 - 10.0) ** 2, optimizer=zincir.optim.SGD([w], lr=0.02))
    for found in (one, network()):
        page = found.to_html("tr")
        assert "<html lang='tr'>" in page
        seen = re.sub(r"<(script|style|pre)\b.*?</\1>", "", page, flags=re.S)
        seen = re.sub(r"class='[^']*'", "", seen)
        words = [t for t in TURKISH if len(t) > 8 and "{" not in t]
        assert [t for t in words if re.search(rf"\b{re.escape(t)}\b", seen)] == []
        assert "Mavi, ileriye giden yoldur" in seen
        assert "Forward: from what is given" in page, "the text is English"
        english = found.to_html()
        assert "Mavi" not in english
        assert "<html lang='en'>" in english
    assert "w biraz büyürse L bunun 24 katı azalır" in one.to_html("tr")


def test_a_language_without_words_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="no words of this language") as error:
        network().save(tmp_path / "chain.html", "tlh")
    assert "en or tr" in str(error.value)


@needs_chromium
def test_the_player_speaks_turkish(tmp_path):
    answer = told(
        network().to_html("tr"),
        tmp_path,
        """
        const text = (id) => document.getElementById(id).textContent;
        told.all = text("phase");
        document.getElementById("first").click();
        told.first = [text("phase"), text("why")];
        told.details = text("details");
        document.getElementById("play").click();
        told.play = text("play");
        document.getElementById("play").click();
        """,
    )
    assert answer["all"] == "Hepsi"
    assert answer["first"][0].startswith("İleri doğru, 1 / ")
    assert "biçim" in answer["details"]
    assert "ortalama" in answer["details"]
    assert "shape" not in answer["details"]
    assert answer["play"] == "Durdur"
