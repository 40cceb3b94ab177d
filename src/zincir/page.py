"""The frame of the pages that the library writes: one file, no network, light and dark, for paper.

The colours of gradients are the same on each: what arrives at a layer, in powers of ten of what
arrives at the last one, is blue where it is smaller (it vanishes) and red where it is larger (it
explodes). SVG takes them as classes (`flow_class`), so that they follow light and dark.
"""

from __future__ import annotations

import math
from html import escape

STEPS = 4
"""Shades on each side."""
PER_SHADE = 3 / (STEPS - 0.5)
"""Powers of ten from one shade to the next: the darkest begins at three."""

_LIGHT = """
  --ground: #ffffff; --card: #f6f7f9; --line: #d8dce3; --text: #1c2430; --faint: #5c6675;
  --accent: #2459a8; --second: #b4580a; --error: #b3261e; --warning: #9a5b00; --info: #2459a8;
  --good: #1d7a46; --none: #eceff3;
  --flow-4: #123f78; --flow-3: #2f6db3; --flow-2: #7fadd9; --flow-1: #c3dbef; --flow0: #e9ebee;
  --flow1: #f7d3c2; --flow2: #ec9d80; --flow3: #cc4a3d; --flow4: #8c1220;
"""
_DARK = """
  --ground: #12161d; --card: #1b212b; --line: #343d4b; --text: #e6eaf0; --faint: #9aa5b5;
  --accent: #7fb2f5; --second: #f0a35e; --error: #ff8a80; --warning: #f2b552; --info: #7fb2f5;
  --good: #6fcf97; --none: #232a35;
  --flow-4: #74b4ff; --flow-3: #4c8ad0; --flow-2: #37608f; --flow-1: #2d4360; --flow0: #2f3641;
  --flow1: #5d3d3a; --flow2: #93483e; --flow3: #d0564a; --flow4: #ff8577;
"""

_SHADES = "\n".join(
    f".flow{n} {{ fill: var(--flow{n}); background: var(--flow{n}) }}"
    for n in range(-STEPS, STEPS + 1)
)

STYLE = f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
@media print {{ :root {{ color-scheme: light; {_LIGHT} }} }}
* {{ box-sizing: border-box; print-color-adjust: exact; -webkit-print-color-adjust: exact }}
body {{ font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; margin: 0 auto;
  max-width: 60rem; padding: 1.5rem 1rem 3rem; color: var(--text); background: var(--ground) }}
h1 {{ font-size: 1.6rem; line-height: 1.25; margin: 0 0 .3rem }}
h2 {{ font-size: 1.2rem; margin: 2.2rem 0 .4rem }}
h3 {{ font-size: 1rem; margin: 0 }}
p {{ margin: .4rem 0 }}
code, .mono {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  font-size: .9em; overflow-wrap: anywhere }}
.faint {{ color: var(--faint) }}
.card {{ background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .9rem 1.1rem; margin: .9rem 0; break-inside: avoid }}
.wide {{ overflow-x: auto }}
svg {{ display: block; width: 100%; height: auto }}
svg text {{ font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  fill: var(--faint) }}
{_SHADES}
@media (max-width: 36rem) {{ body {{ padding: 1rem .8rem 2rem }} h1 {{ font-size: 1.35rem }} }}
@media print {{ body {{ max-width: none; padding: 0; font-size: 11pt }} }}
"""


def frame(title: str, body: str, style: str = "") -> str:
    """A whole page of a body; `style` is CSS besides the common one.

    >>> print(frame("a < b", "<p>text</p>").split("</head>")[1].strip())
    <body>
    <p>text</p>
    </body></html>
    """
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        f"<title>{escape(title)}</title>\n<style>{STYLE}{style}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def flow_class(ratio: float) -> str:
    """The CSS class for a gradient that is `ratio` times that of the last layer.

    >>> flow_class(1.0), flow_class(1e-2), flow_class(1e-9), flow_class(100.0), flow_class(0.0)
    ('flow0', 'flow-2', 'flow-4', 'flow2', 'flow-4')
    """
    if not ratio > 0:
        return f"flow-{STEPS}"
    if math.isinf(ratio):
        return f"flow{STEPS}"
    return f"flow{max(-STEPS, min(STEPS, round(math.log10(ratio) / PER_SHADE)))}"


def flow_word(ratio: float) -> str:
    """The same in a word.

    >>> flow_word(0.0), flow_word(1e-4), flow_word(0.02), flow_word(0.7), flow_word(200.0)
    ('none', 'vanishing', 'small', 'healthy', 'exploding')
    """
    if ratio == 0:
        return "none"
    if not ratio > 1e-3:
        return "vanishing"
    if ratio < 0.1:
        return "small"
    return "healthy" if ratio <= 10 else "large" if ratio <= 70 else "exploding"


def flow_legend(
    smaller: str = "1000 times smaller (vanishing)", larger: str = "1000 times larger (exploding)"
) -> str:
    """What the colours mean, as HTML."""
    shades = "".join(
        f"<i class='flow{n}' style='display:inline-block;width:1.5rem;height:.8rem'></i>"
        for n in range(-STEPS, STEPS + 1)
    )
    return (
        "<p class='faint' style='display:flex;flex-wrap:wrap;gap:.3rem .6rem;align-items:center'>"
        f"<span>{smaller}</span>"
        f"<span style='display:inline-flex'>{shades}</span>"
        f"<span>{larger}</span></p>"
    )
