"""The page: one file that needs nothing else, to look at, to play and to print."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape, unescape
from pathlib import Path
from typing import Any

from zincir.doctor import Report
from zincir.explanation import words
from zincir.explanation.doctor_section import by_layer, doctor_section, links, title
from zincir.explanation.drawing import drawing, pretty
from zincir.explanation.flow import Arrival, arrivals
from zincir.explanation.folding import Group, folded
from zincir.explanation.language import TURKISH, code, say, spoken
from zincir.explanation.reading import number
from zincir.explanation.step_section import step_section
from zincir.explanation.stepping import StepTaken
from zincir.explanation.steps import Chain, Step, Use
from zincir.explanation.text import TOLD, text_of
from zincir.explanation.views import Item, View, views
from zincir.page import flow_class, flow_legend, frame

_TIP = (
    "<svg width='0' height='0' style='position:absolute;width:0' aria-hidden='true'><defs>"
    "<marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' "
    "orient='auto-start-reverse' markerUnits='userSpaceOnUse'>"
    "<path d='M0 0L8 4L0 8z' style='fill:context-stroke;stroke:none'/></marker></defs></svg>"
)
_BUTTONS = (
    ("first", "Start", "to the first step"),
    ("previous", "Back", "one step back (left arrow)"),
    ("play", "Play", ""),
    ("next", "Next", "one step on (right arrow)"),
    ("last", "All", "show all of it"),
)


def _button(key: str, text: str, title: str) -> str:
    shown = f" title='{say(title)}'" if title else ""
    return f"<button id='{key}'{shown}>{say(text)}</button>"


def _player() -> str:
    buttons = "\n".join(_button(*each) for each in _BUTTONS)
    return (
        f"<div id='player' role='region' aria-label='{say('Step by step')}'><div class='row'>\n"
        f"{buttons}\n<input id='slider' type='range' min='0' value='0' aria-label='{say('step')}'>"
        "\n<span id='phase'></span></div>\n"
        "<div aria-live='polite'><div id='rule'></div><div id='why'></div></div></div>"
    )


def page_of(chain: Chain, step: StepTaken | None = None, report: Report | None = None) -> str:
    """The page of a chain, of the step that an optimizer would take, and of what is found sick."""
    found = by_layer(report, chain)
    whole = folded(chain)
    shown = list(views(chain, whole))
    opened = {view.group.path for view in shown}
    sections = "\n".join(
        f"<section id='view-{view.group.path}'{' hidden' if view.group is not whole else ''}>"
        f"{drawing(chain, view, opened, found)}</section>"
        for view in shown
    )
    with spoken("en"):  # the text is English in all languages
        text = text_of(chain, step, report)
    heading = f"{say('The chain rule, seen')}: L = {chain.loss.value}"
    point = escape(
        say("Point at a box, tap it, or move to it with the Tab key: all about it stands here.")
    )
    body = "\n".join(
        [
            f"<h1>{pretty(heading)}</h1>",
            _summary(chain, _undrawn(chain, shown)),
            _player(),
            f"<nav id='crumbs' aria-label='{say('open layers')}' hidden></nav>",
            f"<div class='stage'><div id='graph'>{_TIP}{sections}</div>",
            f"<aside id='details' class='card' aria-label='{say('details')}'><p class='faint'>"
            f"{point}</p></aside></div>",
            "" if step is None else step_section(step),
            _flow(arrivals(chain, whole), opened, report, found),
            doctor_section(report),
            f"<details><summary>{say('The same as a text')}</summary><pre class='text'>"
            f"{escape(text)}</pre></details>",
            f"<script type='application/json' id='data'>{_data(chain, shown, report)}</script>",
            f"<script>{_file('script.js')}</script>",
        ]
    )
    return frame(heading, body, _file("style.css")).replace(
        "<html lang='en'>", f"<html lang='{code()}'>"
    )


@cache
def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def _undrawn(chain: Chain, shown: Sequence[View]) -> list[str]:
    """What is said if not all steps are drawn."""
    drawn = {item.step.number for view in shown for item in view.items if item.step is not None}
    if len(drawn) == len(chain.steps):
        return []
    return [
        f"{len(drawn):,} of {len(chain.steps):,} steps are drawn one by one: what lies deeper "
        "stays closed, and is to be seen by its last value and gradient alone"
    ]


def _summary(chain: Chain, notices: Sequence[str]) -> str:
    trained = [s for s in chain.steps if s.role == "trained"]
    meanings = [m for s in trained if (m := words.meaning(chain, s))]
    lines = [f"<p class='notice'>{escape(notice)}</p>" for notice in (*chain.notices, *notices)]
    lines += [f"<p class='sum'>{pretty(' '.join(meaning))}</p>" for meaning in meanings[:TOLD]]
    if len(meanings) > TOLD:
        lines.append(f"<p class='sum'>{words.untold(len(meanings))}</p>")
    if not meanings:
        size = sum(s.value.size for s in trained if s.value is not None)
        text = (
            "{steps} steps from what is given to the loss, and back again: the gradient of the "
            "loss by each of {count} trained numbers."
        )
        lines.append(f"<p class='sum'>{say(text, steps=len(chain.steps), count=f'{size:,}')}</p>")
    drawn = any(s.value is not None and s.value.picture is not None for s in chain.steps)
    how = say(
        "beside an arrow stands how many times as much the lower box changes as the upper one. "
        "Times the gradient of the lower box, that is the gradient of the upper one; where several "
        "arrows leave a box, add them up."
    )
    maps = say(
        "Heat maps: values orange above 0, blue below; gradients green above, purple below; 0 has "
        "no colour."
    )
    lines.append(
        f"<p class='faint'><span style='color:var(--accent)'>{say('Blue is the way forward')}"
        f"</span>: {say('each box is computed from those above it.')} "
        f"<span style='color:var(--second)'>{say('Orange is the way back')}</span>: {how}"
        f"{f' {maps}' if drawn else ''}</p>"
    )
    return "\n".join(lines)


def _flow(
    arrived: Sequence[Arrival],
    opened: set[str],
    report: Report | None,
    found: Mapping[str, Sequence[int]],
) -> str:
    if len(arrived) < 2:
        return ""
    said = {a.layer: links(report, found.get(a.layer, ())) for a in arrived} if report else {}
    rows = "\n".join(_flow_row(a, opened, said.get(a.layer, "")) for a in arrived)
    what = say(
        "What arrives at the output of each layer, from the loss on, beside what arrives at the "
        "last one."
    )
    legend = flow_legend(
        say("1000 times smaller (vanishing)"), say("1000 times larger (exploding)")
    )
    return (
        f"<h2 id='flow'>{say('How the gradient flows')}</h2><p>{what}</p>"
        f"{legend}<div class='wide'><table class='flow'><thead><tr><th>{say('layer')}</th>"
        f"<th>rms</th><th class='bar'></th><th></th><th>{say('its parameters')}</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


_CODES = {"vanishing": "T1", "exploding": "T2"}


def _flow_row(a: Arrival, opened: set[str], said: str) -> str:
    name = escape(a.layer)
    if a.group in opened:
        name = f"<a href='#{a.group},'>{name}</a>"
    share = max(2.0, min(100.0, 100 * (1 + _decades(a.ratio) / 8)))
    word = say(a.word)
    if said:
        word += f"; {say('the doctor')}: {said}"
    elif a.word in _CODES:
        word += f" <span class='faint'>(zincir explain {_CODES[a.word]})</span>"
    parameters = ", ".join(
        f"{escape(k.rpartition('.')[2])} {number(v, 3)}" for k, v in a.weights.items()
    )
    return (
        f"<tr><td>{name}</td><td>{number(a.rms, 3)}</td><td class='bar'><i "
        f"style='width:{share:.0f}%' class='{flow_class(a.ratio)}'></i></td>"
        f"<td class='word'>{word}</td><td class='faint'>{parameters}</td></tr>"
    )


def _decades(ratio: float) -> float:
    return math.log10(ratio) if ratio > 0 else -8.0


_SAID = (
    "All of it", "Forward", "Backward", "{i} of {n}", "given",
    "given, and trained: its gradient is wanted", "value", "gradient", "heat map", "number",
    "shape", "numbers", "mean", "smallest", "largest", "zeros", "infinite", "layer",
    "element by element", "all derivatives, a row for each of", "No gradient arrives here.",
    "and {count} more uses", "The doctor", "Play", "Pause",
)  # fmt: skip
"""What the script says."""


def _data(chain: Chain, shown: Sequence[View], report: Report | None) -> str:
    steps = [_step_data(chain, step) for step in _drawn(shown, chain)]
    found = [] if report is None else [title(f) for f in report.findings]
    views_ = {v.group.path: _view_data(v) for v in shown}
    said = {text: TURKISH[text] if code() == "tr" else text for text in _SAID}
    content = {"steps": steps, "views": views_, "findings": found, "words": said}
    return _json(content).replace("<", "\\u003c")


def _json(content: Any) -> str:
    return json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _drawn(shown: Sequence[View], chain: Chain) -> list[Step | None]:
    """Steps that stand somewhere, by number."""
    there = {item.shown.number for view in shown for item in view.items}
    return [s if s.number in there else None for s in chain.steps]


def _step_data(chain: Chain, step: Step | None) -> dict[str, Any] | None:
    if step is None:
        return None
    uses = chain.users_of.get(step.number, ())
    return {
        "name": step.name,
        "role": step.role,
        "value": None if step.value is None else _reading(step.value),
        "gradient": None if step.gradient is None else _reading(step.gradient),
        "forward": _plain(words.forward_line(chain, step)),
        "backward": _plain(words.backward_line(chain, step)),
        "because": _plain(words.because(chain, step)),
        "meaning": [_plain(text) for text in words.meaning(chain, step)],
        "uses": _uses_data(uses[:MOST_USES], len(uses) == 1),
        **({"more": len(uses) - MOST_USES} if len(uses) > MOST_USES else {}),
        "place": words.line_of(step),
        "source": step.source,
        "layer": step.layer,
    }


MOST_USES = 24
"""So many uses of a value are told one by one."""


def _uses_data(uses: Sequence[Use], alone: bool) -> list[dict[str, Any]]:
    """By whom it is used; what a single user adds is all of the gradient, and not said twice."""
    return [
        {
            "of": use.user,
            **({"rule": _plain(use.formula)} if use.formula else {}),
            "elementwise": use.elementwise,
            **({} if use.local is None else {"local": _reading(use.local)}),
            **({} if alone else {"contribution": _reading(use.contribution)}),
        }
        for use in uses
    ]


def _reading(read: Any) -> dict[str, Any]:
    fields = read.as_dict()
    del fields["text"]
    short = {k: float(f"{v:.9g}") if isinstance(v, float) else v for k, v in fields.items()}
    needless = [k for k in ("values", "nans", "infinite") if not short[k]]
    for key in needless:
        del short[key]
    return {**short, "shows": read.shows} if read.shows else short


def _plain(text: str) -> str:
    """As `pretty`, but as text."""
    return unescape(pretty(text))


def _view_data(view: View) -> dict[str, Any]:
    forward = [_forward(item) for item in view.order]
    back = [_backward(item) for item in reversed(view.order) if item.shown.gradient is not None]
    title = say("the whole") if view.group.path == "0" else view.group.title
    about = say("All values and gradients. From the start on: forward to the loss, and back again.")
    return {
        "title": title, "forward": len(forward), "frames": [*forward, *back], "about": about,
    }  # fmt: skip


def _forward(item: Item) -> dict[str, Any]:
    """A frame: of a step, its number is enough."""
    if item.step is not None:
        return {"key": item.key, "step": item.step.number}
    value = f"{item.shown.name} = {item.shown.value}"
    rule = say("{name} computes {value}", name=item.title, value=value)
    text = "{what} {count} steps: open it to see inside"
    why = say(text, what=item.what, count=item.count).strip()
    return {"key": item.key, "rule": _plain(rule), "why": why}


def _backward(item: Item) -> dict[str, Any]:
    if item.group is None:
        return {"key": item.key, "step": item.shown.number}
    what = f"dL/d{item.shown.name} = {item.shown.gradient}"
    rule = say("{what} arrives at {name}", what=what, name=item.title)
    return {"key": item.key, "rule": _plain(rule), "why": _inside(item.group)}


def _inside(group: Group) -> str:
    """What a layer makes of what arrives: the gradients of its parameters."""
    trained = [s for s in group.steps() if s.role == "trained" and s.gradient is not None]
    shown = [f"{s.name}: rms {number(s.gradient.rms, 3)}" for s in trained[:4] if s.gradient]
    if len(trained) > 4:
        shown.append(say("and {count} more", count=len(trained) - 4))
    return f"{say('its parameters get')} {', '.join(shown)}" if shown else ""
