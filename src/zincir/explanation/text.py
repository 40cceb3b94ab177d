"""An explanation as text: forward line by line, the loss, and backward in reverse."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from zincir.doctor import Report
from zincir.explanation import words
from zincir.explanation.folding import folded
from zincir.explanation.reading import number
from zincir.explanation.stepping import StepTaken
from zincir.explanation.steps import Chain, Step

WIDTH = 100
MOST_STEPS = 60
"""With more steps, the text is by layer."""
TOLD = 3
"""Of so many trained numbers it is said what their gradients mean."""


def text_of(chain: Chain, step: StepTaken | None = None, report: Report | None = None) -> str:
    """The text; a small graph is told step by step, a large one layer by layer."""
    told = _by_layer(chain) if len(chain.steps) > MOST_STEPS else _by_step(chain)
    told += _notices(chain.notices)
    told += [] if step is None else _step(step)
    if report is not None:
        told += ["", "What the doctor says", ""]
        told += [f"   {line}".rstrip() for line in str(report).splitlines()]
    return "\n".join(told)


def _by_step(chain: Chain) -> list[str]:
    lines = ["Forward: from what is given to the loss", ""]
    lines += _table((words.forward_line(chain, s), _remark(s)) for s in chain.steps)
    loss = chain.loss.value
    lines += ["", f"The loss is L = {loss}.", ""]
    lines += ["Backward: from the loss to what is given; each line is the chain rule once", ""]
    back = [s for s in reversed(chain.steps) if s.gradient is not None]
    reasons = ((words.backward_line(chain, s), words.because(chain, s)) for s in back)
    lines += _table((line, f"({why})" if why else "") for line, why in reasons)
    meanings = [m for s in chain.steps if s.role == "trained" and (m := words.meaning(chain, s))]
    if meanings:
        lines += ["", "What it says", ""]
        lines += [f"   {line}" for meaning in meanings[:TOLD] for line in meaning]
        lines += [f"   {words.untold(len(meanings))}"] * (len(meanings) > TOLD)
    return lines


def _step(step: StepTaken) -> list[str]:
    """The other act: what an optimizer makes of the gradients."""
    lines = ["", f"The step: what {step.optimizer} makes of these gradients ({step.settings})", ""]
    lines.append("   Back-propagation found gradients and changed nothing. A step changes values:")
    lines += ["", *(f"      {line}" for line in step.formula.splitlines()), ""]
    for update in step.updates:
        if update.lines:
            lines += [f"   {line}" for line in update.lines]
            continue
        lines.append(f"   {update.name}: {update.before}, becomes {update.after}")
        lines.append(f"      gradient: {update.gradient}")
        for name, (before, after) in update.state.items():
            was = "" if before is None else f"{before}, becomes "
            lines.append(f"      {name}: {was}{after}")
    lines += ["", "The loss on the same data:", ""]
    lines.append(
        f"   before the step L = {number(step.loss_before)}, after it L = {number(step.loss_after)}"
    )
    return [*lines, *_notices(step.notices)]


def _by_layer(chain: Chain) -> list[str]:
    """Layers in order, with what they give; and back, with the gradients of their parameters."""
    whole = folded(chain)
    groups = whole.children
    lines = [f"Forward: {len(chain.steps)} steps, folded by layer", ""]
    for item in groups:
        last = item if isinstance(item, Step) else list(item.steps())[-1]
        count = "" if isinstance(item, Step) else f"{len(list(item.steps()))} steps, "
        title = item.name if isinstance(item, Step) else item.title
        value = "several values" if last.value is None else str(last.value)
        lines.append(f"   {title[:40]:<24} {count}{value}")
    lines += ["", f"The loss is L = {chain.loss.value}.", ""]
    lines += ["Backward: the gradients of the parameters, from the loss on", ""]
    for step in reversed(list(whole.steps())):
        if step.role == "trained":
            gradient = "none arrives" if step.gradient is None else str(step.gradient)
            lines.append(f"   dL/d{step.name:<24} {gradient}")
    return lines


def _notices(notices: Sequence[str]) -> list[str]:
    if not notices:
        return []
    wrapped = [
        textwrap.fill(n, WIDTH, initial_indent="   ", subsequent_indent="     ") for n in notices
    ]
    return ["", "To note", "", *wrapped]


def _remark(step: Step) -> str:
    what = {"trained": "given; wants a gradient", "given": "given", "aside": "no gradient passes"}
    parts = [what.get(step.role, ""), step.place]
    return ", ".join(part for part in parts if part)


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Lines with remarks beside them, or below if that is too wide."""
    rows = list(rows)
    fitting = [len(a) for a, b in rows if len(a) + len(b) + 6 <= WIDTH]
    width = max(fitting, default=0)
    lines: list[str] = []
    for line, remark in rows:
        if len(line) <= width and width + len(remark) + 6 <= WIDTH:
            lines.append(f"   {line:<{width}}   {remark}".rstrip())
        else:
            lines += [f"   {line}"] + [f"         {remark}"] * bool(remark)
    return lines
