"""A report as one HTML page that needs no other file and no network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from zincir.doctor import charts
from zincir.doctor.cured import Cure
from zincir.doctor.finding import Finding, Severity, shown
from zincir.doctor.picture import Picture
from zincir.page import flow_legend, frame

_STYLE = (
    charts.STYLE
    + """
.verdict { display: flex; gap: .8rem; align-items: center; margin: 0 0 .6rem }
.verdict b { flex: none; width: 2.6rem; height: 2.6rem; border-radius: 50%; display: grid;
  place-items: center; color: var(--ground); font-size: 1.4rem }
.is-error { background: var(--error) } .is-warning { background: var(--warning) }
.is-info { background: var(--info) } .is-good { background: var(--good) }
article { border-left: .4rem solid var(--faint) !important }
article.error { border-left-color: var(--error) !important }
article.warning { border-left-color: var(--warning) !important }
article.info { border-left-color: var(--info) !important }
article .tag { font-size: .75rem; font-weight: 700; letter-spacing: .04em;
  text-transform: uppercase }
article.error .tag { color: var(--error) } article.warning .tag { color: var(--warning) }
article.info .tag { color: var(--info) }
article h3 { font-size: 1.1rem; margin: .1rem 0 }
.numbers { display: flex; flex-wrap: wrap; gap: .3rem 1.6rem; margin: .5rem 0 }
.numbers div { min-width: 6rem } .numbers dt { font-size: .78rem; color: var(--faint) }
.numbers dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
ol { margin: .2rem 0 .2rem 1.2rem; padding: 0 } li { margin: .15rem 0 }
table { border-collapse: collapse; font-size: .88rem; width: 100% }
th, td { text-align: left; padding: .35rem .9rem .35rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line) }
th { color: var(--faint); font-weight: 500 } td.n { font-variant-numeric: tabular-nums }
tr.accepted td { font-weight: 600; color: var(--good) }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .7rem .9rem; overflow-x: auto; font-size: .85rem }
footer { margin-top: 2.5rem; font-size: .85rem }
"""
)


def page(
    title: str,
    findings: Sequence[Finding],
    notes: Sequence[str],
    picture: Picture | None = None,
    cure: Cure | None = None,
) -> str:
    """The page: a verdict, a box for each finding, what was tried, and the charts."""
    parts = [_verdict(title, findings)]
    told: set[tuple[str, str]] = set()
    for f in findings:
        parts.append(_box(f, again=(f.code, f.cause) in told))
        told.add((f.code, f.cause))
    parts += [_cure(cure)] if cure is not None else []
    parts += _charts(picture, findings) if picture is not None else []
    if notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in notes)
        parts.append(f"<h2>Notes</h2><ul>{items}</ul>")
    parts.append(_footer(findings))
    return frame(title, "\n".join(parts), _STYLE)


def _verdict(title: str, findings: Sequence[Finding]) -> str:
    worst = max((f.severity for f in findings), key=lambda s: s.weight, default=None)
    kind, sign = {
        Severity.ERROR: ("error", "&#10005;"), Severity.WARNING: ("warning", "!"),
        Severity.INFO: ("info", "i"), None: ("good", "&#10003;"),
    }[worst]  # fmt: skip
    head, _, examined = title.partition(" (")
    head = head.removeprefix("doctor: ").capitalize()
    below = examined.removesuffix(")")
    first = ""
    if findings and worst is not Severity.INFO:
        where = f" in <code>{escape(findings[0].where)}</code>" if findings[0].where else ""
        name = escape(findings[0].symptom.replace("_", " "))
        more = "; what follows from it stands below" if len(findings) > 1 else ""
        first = f"<p>Look first at <b>{name}</b>{where}{more}.</p>"
    return (
        f"<header><div class='verdict'><b class='is-{kind}'>{sign}</b><div><h1>{escape(head)}</h1>"
        f"<span class='faint'>{escape(below)}</span></div></div>{first}</header>"
    )


def _box(f: Finding, *, again: bool) -> str:
    """A finding; `again`: what it comes from and what helps has been said."""
    places = [f"<code>{escape(x)}</code>" for x in (f.where, f.origin) if x]
    places += [f"since step {f.step}"] if f.step is not None else []
    if f.confidence < 1:
        places.append(f"{f.confidence:.0%} sure")
    numbers = "".join(
        f"<div><dt>{escape(k)}</dt><dd>{escape(shown(v))}</dd></div>" for k, v in f.evidence.items()
    )
    remedies = "" if again else "".join(f"<li>{escape(text)}</li>" for text in f.remedies)
    cause = "" if again else f.cause
    return (
        f"<article class='card {f.severity}'><span class='tag'>{f.severity} {escape(f.code)}</span>"
        f"<h3>{escape(f.symptom.replace('_', ' ').capitalize())}</h3>"
        f"<p class='faint'>{' &middot; '.join(places)}</p><p>{escape(_sentence(f.what))}</p>"
        + (f"<dl class='numbers'>{numbers}</dl>" if numbers else "")
        + (f"<p><b>Why.</b> {escape(_sentence(cause))}</p>" if cause else "")
        + (f"<p><b>What to try,</b> the cheapest first:</p><ol>{remedies}</ol>" if remedies else "")
        + "</article>"
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _cure(cure: Cure) -> str:
    rows = "".join(
        f"<tr class='{'accepted' if t is cure.accepted else ''}'><td>{escape(t.what)}</td>"
        f"<td>{escape(t.verdict)}</td><td class='n'>{_pair(t.before, t.after)}</td>"
        f"<td class='n'>{_pair(t.control, t.probe)}</td></tr>"
        for t in cure.trials
    )
    measure = next((t.measure for t in cure.trials if t.measure), "the symptom")
    table = (
        "<div class='wide'><table><tr><th>what was tried</th><th>verdict</th>"
        f"<th>{escape(measure)}, without and with it</th>"
        f"<th>loss on {cure.held} samples held out, without and with it</th></tr>"
        f"{rows}</table></div>"
    )
    said = cure.summary().removeprefix("cure: ").replace("_", " ")
    code = f"<p>The same as code:</p><pre>{escape(cure.code)}</pre>" if cure.code else ""
    return (
        f"<h2>What was tried against it</h2><p>{escape(_sentence(said))}"
        f" Each was trained for {cure.steps} steps from the same state on the same batches, beside "
        f"a training without it.</p>{table if rows else ''}{code}"
    )


def _pair(one: float, other: float) -> str:
    return " &rarr; ".join("&ndash;" if math.isnan(v) else f"{v:.3g}" for v in (one, other))


_FLOW = (
    "Each row is a layer, the one nearest to the input on top; time goes to the right. The "
    "colour says how large the gradients are that arrive there, beside those at the last "
    "layer. Grey is healthy. Blue rows on top: the first layers hardly learn. Red rows on "
    "top: gradients explode on their way back."
)
_UPDATES = (
    "How far a step moves each weight, in lengths of the weight. In the green band (a "
    "hundred-thousandth to a tenth) all is usual; a thousandth is typical. Above it steps "
    "destroy what was learnt, below it nothing moves."
)
_UNITS = (
    "For each activation: how many of its units are active (ReLU), or saturated (tanh, "
    "sigmoid), for what share of the samples. A bar at the very left of a ReLU is units that "
    "are never active, which learn nothing; a bar at the right of a tanh or sigmoid is units "
    "at their limits, which hardly let a gradient through."
)
_SPREAD = (
    "How large gradients are within each layer, as powers of ten: -3 is a thousandth. All "
    "have the same scale, so that the layers can be compared."
)


def _charts(picture: Picture, findings: Sequence[Finding]) -> list[str]:
    marks = [(f.step, f.code) for f in findings if f.step is not None]
    dashed = None if picture.guessing is None else ("guessing", picture.guessing)
    parts = _titled(
        "Loss",
        "Dashed red: when a finding began." if marks else "",
        charts.lines(picture.losses, marks=marks, dashed=dashed),
    )
    parts += _titled("Metrics", "", charts.lines(picture.metrics, logarithmic=False))
    flow = charts.heat_map(picture.layers, picture.steps, picture.flow)
    one = len(picture.steps) == 1
    text = _FLOW.replace("; time goes to the right", "") if one else _FLOW
    parts += _titled("Gradients on their way back", text, flow_legend() + flow if flow else "")
    updates = charts.lines(_bounded(picture.updates), band=(1e-5, 1e-1), logarithmic=True)
    parts += _titled("How long steps are", _UPDATES, updates)
    parts += _titled("Units at work", _UNITS, charts.histograms(picture.units, ends="{:.0%}"))
    parts += _titled("Gradients within layers", _SPREAD, charts.histograms(picture.spread))
    return parts


def _titled(title: str, text: str, chart: str) -> list[str]:
    if not chart:
        return []
    note = f"<p class='faint'>{escape(text)}</p>" if text else ""
    return [f"<section><h2>{title}</h2>{note}{chart}</section>"]


def _bounded(updates: Mapping[str, charts.Series]) -> Mapping[str, charts.Series]:
    """All of them, if they are few; else the first, the middle and the last layer."""
    names = list(updates)
    if len(names) <= len(charts.COLOURS):
        return updates
    return {n: updates[n] for n in (names[0], names[len(names) // 2], names[-1])}


def _footer(findings: Sequence[Finding]) -> str:
    codes = list(dict.fromkeys(f.code for f in findings))
    more = ""
    if codes:
        more = "More on each: " + ", ".join(
            f"<code>zincir explain {escape(c)}</code>" for c in codes
        )
    return f"<footer class='faint'>{more}</footer>"
