"""A report as one HTML page that needs no other file and no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from zincir.doctor.finding import Finding, shown

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 52rem; padding: 0 1rem;
  color: #1d2430; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin: 0 }
article { border-left: 5px solid #8a94a6; background: #f5f6f8; padding: .8rem 1rem; margin: 1rem 0 }
article.error { border-color: #b3261e } article.warning { border-color: #c77700 }
.where { color: #4a5568; font-family: ui-monospace, monospace; font-size: .9rem }
table { border-collapse: collapse; font-size: .9rem } td { padding: .1rem .8rem .1rem 0 }
"""


def page(title: str, findings: Sequence[Finding], notes: Sequence[str]) -> str:
    """The page: a summary, then a box for each finding."""
    boxes = "\n".join(_box(f) for f in findings)
    ends = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{boxes}\n{ends}</body></html>\n"
    )


def _box(f: Finding) -> str:
    places = " &middot; ".join(escape(x) for x in (f.where, f.origin) if x)
    since = "" if f.step is None else f" &middot; since step {f.step}"
    rows = "".join(
        f"<tr><td>{escape(k)}</td><td>{escape(shown(v))}</td></tr>" for k, v in f.evidence.items()
    )
    remedies = "".join(f"<li>{escape(text)}</li>" for text in f.remedies)
    return (
        f"<article class='{f.severity}'><h2>{escape(str(f.severity))}: "
        f"{escape(f.symptom.replace('_', ' '))} <small>({escape(f.code)})</small></h2>"
        f"<p class='where'>{places}{since}</p><p>{escape(f.what)}</p>"
        + (f"<table>{rows}</table>" if rows else "")
        + (f"<p><b>Why.</b> {escape(f.cause)}</p>" if f.cause else "")
        + (f"<p><b>What to try</b></p><ol>{remedies}</ol>" if remedies else "")
        + "</article>"
    )
