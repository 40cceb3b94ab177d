"""The part of a page about the optimizer's step: the second act."""

from __future__ import annotations

from html import escape

from zincir.explanation.drawing import pretty
from zincir.explanation.reading import FEW, Reading, number
from zincir.explanation.stepping import StepTaken, Update

MOST = 40
"""So many parameters have a row."""


def step_section(step: StepTaken) -> str:
    """Back-propagation and step side by side, then each parameter, then the loss."""
    remembers = any(update.state for update in step.updates)
    rows = "".join(_row(update, remembers) for update in step.updates[:MOST])
    left = len(step.updates) - MOST
    more = f"<p class='faint'>and {left} more parameters</p>" if left > 0 else ""
    notices = "".join(f"<p class='notice'>{escape(text)}</p>" for text in step.notices)
    better = step.loss_after < step.loss_before
    return (
        "<h2 id='step'>Two acts: back-propagation, then a step</h2>"
        "<div class='acts'><div class='card'><h3>1. Back-propagation</h3><p>It has found how the "
        "loss answers to each value: the gradients above. It has changed nothing.</p></div>"
        f"<div class='card'><h3>2. The step of {escape(step.optimizer)}</h3><p>It takes the "
        f"gradients and changes the values: {escape(step.settings)}.</p>"
        f"<pre class='text'>{escape(step.formula)}</pre></div></div>{notices}"
        "<div class='wide'><table class='flow acted'><thead><tr><th>parameter</th><th>before</th>"
        f"<th>gradient</th>{'<th>remembered</th>' * remembers}<th>after</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>{more}"
        f"<p class='sum'>The loss on the same data: <b>{number(step.loss_before)}</b> before the "
        f"step, <b>{number(step.loss_after)}</b> after it"
        + (
            "."
            if better
            else ": it has not fallen. A step is right only as far as the slope holds."
        )
        + "</p>"
    )


def _row(update: Update, remembers: bool) -> str:
    state = "<br>".join(
        f"{escape(name)}: {_shown(before)} → {_shown(after)}"
        for name, (before, after) in update.state.items()
    )
    cells = [escape(update.name), _shown(update.before), _shown(update.gradient)]
    cells += [*[state] * remembers, _shown(update.after)]
    row = "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    if update.lines:
        text = "<br>".join(pretty(line) for line in update.lines)
        row += f"<tr><td></td><td colspan='{3 + remembers}' class='mono'>{text}</td></tr>"
    return row


def _shown(read: Reading | None) -> str:
    if read is None:
        return "nothing"
    text = read.brief() if read.size <= FEW else f"rms {number(read.rms, 4)}"
    return pretty(text) if not text.startswith("-") else "−" + pretty(text[1:])
