"""Builds the lessons into pages, with what their blocks print and show.

    python docs/learn/build.py [FOLDER]        out/learn if no folder is given

A block of Python runs behind those before it. What it prints stands in the `text` block behind it
(a test compares both). If its last line is an expression that has a page, such as what
`zincir.explain` returns, the page is shown; and so are matplotlib's figures.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import re
import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\s*^```text\n(.*?)^```\n)?", re.M | re.S)
WORDS = {
    "en": {"before": "Previous lesson", "after": "Next lesson", "plot": "plot"},
    "tr": {"before": "Önceki ders", "after": "Sonraki ders", "plot": "grafik"},
}
STYLE = """
article { max-width: 46rem; margin: 0 auto } body { max-width: 62rem }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .7rem .9rem; overflow-x: auto; font-size: .88rem; line-height: 1.5 }
pre code { overflow-wrap: normal } img { max-width: 100%; border-radius: .4rem }
iframe { width: 100%; height: 46rem; border: 1px solid var(--line); border-radius: .5rem }
blockquote { border-left: 4px solid var(--accent); margin: 1rem 0; padding: .1rem 1rem }
nav { display: flex; justify-content: space-between; margin-bottom: 1rem }
details { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .9rem }
"""


@dataclass
class Ran:
    """What a block printed, and what it shows, as HTML."""

    printed: str = ""
    shown: list[str] = field(default_factory=list)


def lessons(language: str) -> list[Path]:
    """The lessons of a language, in order."""
    return sorted((HERE / language).glob("*.md"))


def run(path: Path) -> list[tuple[re.Match[str], Ran]]:
    """Run the blocks of a lesson."""
    text = path.read_text("utf-8")
    language = path.parent.name
    names: dict[str, Any] = {"__name__": path.stem}
    found = []
    for block in BLOCK.finditer(text):
        line = text[: block.start(1)].count("\n")
        found.append((block, _ran("\n" * line + block.group(1), str(path), names, language)))
    return found


def _ran(source: str, file: str, names: dict[str, Any], language: str) -> Ran:
    from zincir.explanation import Explanation

    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    out = io.StringIO()
    ran = Ran()
    with contextlib.redirect_stdout(out):
        exec(compile(tree, file, "exec"), names)
        value = None
        if last is not None:
            value = eval(compile(ast.Expression(last.value), file, "eval"), names)
    if isinstance(value, Explanation):
        ran.shown.append(value._repr_html_(language))
    elif hasattr(value, "_repr_html_"):
        ran.shown.append(value._repr_html_())
    ran.shown += _figures(WORDS[language]["plot"])
    ran.printed = out.getvalue()
    return ran


def _figures(plot: str) -> list[str]:
    """Figures that were left open, as images; matplotlib is looked for only if it was used."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    images = []
    for number in pyplot.get_fignums() if pyplot else ():
        png = io.BytesIO()
        figure = pyplot.figure(number)
        figure.savefig(png, format="png", dpi=110, bbox_inches="tight")
        labels = [text for a in figure.axes for text in (a.get_xlabel(), a.get_ylabel()) if text]
        alt = escape(": ".join([plot, ", ".join(labels)] if labels else [plot]))
        data = base64.b64encode(png.getvalue()).decode()
        images.append(f"<img alt='{alt}' src='data:image/png;base64,{data}'>")
    if pyplot:
        pyplot.close("all")
    return images


def page(path: Path) -> str:
    """A lesson as a page."""
    from markdown_it import MarkdownIt

    from zincir.page import frame

    text = path.read_text("utf-8")
    parts, shown, at = [], [], 0
    for block, ran in run(path):
        parts.append(text[at : block.end()])
        for html in ran.shown:  # put in behind Markdown, which would read it
            parts.append(f"\n\n<div>shown {len(shown)}</div>\n\n")
            shown.append(html)
        at = block.end()
    source = "".join([*parts, text[at:]])
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(source)
    body = re.sub(r"<div>shown (\d+)</div>", lambda m: shown[int(m.group(1))], body)
    body = re.sub(r'href="(\w+)\.md"', r'href="\1.html"', body)
    return frame(_title(text), f"{_navigation(path)}<article>{body}</article>", STYLE).replace(
        "<html lang='en'>", f"<html lang='{path.parent.name}'>"
    )


def _navigation(path: Path) -> str:
    order = lessons(path.parent.name)
    at = order.index(path)
    before = _link(order[at - 1], "before", "←") if at else "<span></span>"
    after = _link(order[at + 1], "after", "→") if at + 1 < len(order) else ""
    return f"<nav>{before}{after}</nav>"


def _link(path: Path, way: str, arrow: str) -> str:
    label = escape(f"{WORDS[path.parent.name][way]}: {_title(path.read_text('utf-8'))}")
    return f"<a href='{path.stem}.html' aria-label='{label}' title='{label}'>{arrow}</a>"


def _title(text: str) -> str:
    return text.partition("\n")[0].lstrip("# ")


def examples() -> dict[str, Any]:
    """Three explained losses: of one neuron, of a network, of a residual net."""
    import zincir
    from zincir import nn
    from zincir.data import load_digits

    zincir.manual_seed(0)
    w, x = zincir.tensor(2.0, requires_grad=True), zincir.tensor(3.0)
    p = w * x
    e = p - 10
    loss = e**2
    neuron = zincir.explain(loss, names={"w": w, "x": x}, optimizer=zincir.optim.SGD([w], lr=0.02))
    images, labels, *_ = map(zincir.from_numpy, load_digits())
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = zincir.optim.Adam(net.parameters(), lr=0.01)
    loss = nn.functional.cross_entropy(net(images[:32]), labels[:32])
    network = zincir.explain(loss, optimizer=optimizer)
    resnet = zincir.models.resnet20()
    scenes, kinds = zincir.randn(4, 3, 32, 32), zincir.tensor([0, 1, 2, 3])
    loss = nn.functional.cross_entropy(resnet(scenes), kinds)
    return {"neuron": neuron, "network": network, "resnet20": zincir.explain(loss)}


def main(folder: str = "out/learn") -> None:
    """Write all pages."""
    import matplotlib

    matplotlib.use("Agg")
    for name, explained in examples().items():
        target = Path(folder) / "examples" / f"{name}.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        explained.save(target)
        print(target)
    for language in ("en", "tr"):
        for path in lessons(language):
            target = Path(folder) / language / f"{path.stem}.html"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(page(path), "utf-8")
            print(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
