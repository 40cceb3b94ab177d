"""The part of a page about the optimizer's step: the second act."""

from __future__ import annotations

from html import escape

from zincir.explanation.drawing import pretty
from zincir.explanation.language import say
from zincir.explanation.reading import FEW, Reading, number
from zincir.explanation.stepping import StepTaken, Update

MOST = 40
"""So many parameters have a row."""


def step_section(step: StepTaken) -> str:
    """Back-propagation and step side by side, then each parameter, then the loss."""
    remembers = any(update.state for update in step.updates)
    rows = "".join(_row(update, remembers) for update in step.updates[:MOST])
    left = len(step.updates) - MOST
    text = say("and {count} more parameters", count=left)
    more = f"<p class='faint'>{text}</p>" if left > 0 else ""
    notices = "".join(f"<p class='notice'>{escape(text)}</p>" for text in step.notices)
    found = say(
        "It has found how the loss answers to each value: the gradients above. It has changed "
        "nothing."
    )
    settings = escape(step.settings)
    takes = say("It takes the gradients and changes the values: {settings}.", settings=settings)
    heads = ["parameter", "before", "gradient", *["remembered"] * remembers, "after"]
    losses = say(
        "The loss on the same data: {before} before the step, {after} after it.",
        before=f"<b>{number(step.loss_before)}</b>",
        after=f"<b>{number(step.loss_after)}</b>",
    )
    if not step.loss_after < step.loss_before:
        losses += " " + say("It has not fallen. A step is right only as far as the slope holds.")
    return (
        f"<h2 id='step'>{say('Two acts: back-propagation, then a step')}</h2>"
        f"<div class='acts'><div class='card'><h3>{say('1. Back-propagation')}</h3><p>{found}</p>"
        "</div><div class='card'><h3>"
        f"{say('2. The step of {optimizer}', optimizer=escape(step.optimizer))}</h3><p>{takes}</p>"
        f"<pre class='text'>{escape(step.formula)}</pre></div></div>{notices}"
        "<div class='wide'><table class='flow acted'><thead><tr>"
        f"{''.join(f'<th>{say(head)}</th>' for head in heads)}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>{more}<p class='sum'>{losses}</p>"
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
        return say("nothing")
    text = read.brief() if read.size <= FEW else f"rms {number(read.rms, 4)}"
    return pretty(text) if not text.startswith("-") else "−" + pretty(text[1:])
