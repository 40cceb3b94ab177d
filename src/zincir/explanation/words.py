"""The chain rule in words and numbers: one step on the way forward, one on the way back."""

from __future__ import annotations

from zincir.explanation import notation
from zincir.explanation.language import say
from zincir.explanation.reading import number
from zincir.explanation.steps import Chain, Step, Use


def forward_line(chain: Chain, step: Step) -> str:
    """What a step computes, with numbers: `p = w * x = 2 * 3 = 6`."""
    value = "several values" if step.value is None else str(step.value)
    if not step.formula:
        return f"{step.name} = {value}"
    parts = [step.name, step.formula]
    numbers = _operands(chain, step)
    written = step.op in notation.LOCAL or step.op in notation.IN_WORDS
    if written and step.value is not None and step.value.size == 1 and any(step.inputs) and numbers:
        parts.append(notation.forward(step.op, numbers))
    return _equal([*parts, value])


def _equal(parts: list[str]) -> str:
    """What is equal, each text once."""
    return " = ".join(dict.fromkeys(part for part in parts if part))


def _operands(chain: Chain, step: Step) -> list[str]:
    """Operands as numbers; empty if they are more than one each."""
    found: list[str] = []
    for position, (i, text) in enumerate(zip(step.inputs, step.operands, strict=True)):
        value = chain.step(i).value if i else None
        if i and (value is None or value.size != 1):
            return []
        shown = text if value is None else value.brief()
        binds = position or step.op not in _BINARY
        found.append(f"({shown})" if binds and shown.startswith("-") else shown)
    return found


_BINARY = frozenset({"add", "sub", "mul", "div"})


MOST_TERMS = 8
"""So many terms of a sum are written."""


def backward_line(chain: Chain, step: Step) -> str:
    """The chain rule for one value: `dL/dw = dL/dp * dp/dw = -8 * 3 = -24`."""
    name = f"dL/d{step.name}"
    if step.gradient is None:
        return f"{name}: no gradient arrives"
    uses = chain.users_of.get(step.number, [])
    if step is chain.loss or not uses:
        return f"{name} = {step.gradient}"
    if len(uses) == 1 and chain.step(uses[0].user) is chain.loss and uses[0].formula:
        return _equal([name, *_from_loss(chain, uses[0]), str(step.gradient)])
    terms = [_symbols(chain, step, use) for use in uses[:MOST_TERMS]]
    more = len(uses) - len(terms)
    parts = [name, " + ".join([*terms, *[f"{more} more terms"] * bool(more)])]
    numbers = [_numbers(chain, use) for use in uses] if not more else []
    if numbers and all(numbers):
        first, *rest = numbers
        parts.append(" + ".join([first, *(_term(text) for text in rest)]))
    return _equal([*parts, str(step.gradient)])


def _from_loss(chain: Chain, use: Use) -> list[str]:
    """Of what the loss is computed from directly: the derivative itself."""
    user = chain.step(use.user)
    operands = _operands(chain, user)
    if not operands or user.value is None:
        return [use.formula]
    operands = [text if text.startswith("(") else notation.enclosed(text) for text in operands]
    y = notation.enclosed(user.value.brief())
    numbers = [notation.local(user.op, i, operands, y) for i in use.positions]
    inner = numbers[0].removeprefix("(").removesuffix(")")
    alone = len(numbers) == 1 and not notation.OPERATIONS_WITH_PARENTHESES & set(inner[1:])
    return [use.formula, inner if alone else " + ".join(numbers)]


def _symbols(chain: Chain, step: Step, use: Use) -> str:
    user = chain.step(use.user)
    if not use.elementwise:
        return use.rule
    if user is chain.loss and use.formula:
        return notation.enclosed(use.formula)
    text = f"dL/d{user.name} * d{user.name}/d{step.name}"
    repeated = user.value is not None and step.value is not None
    if repeated and user.value.shape != step.value.shape:  # type: ignore[union-attr]
        text += ", added up where it was repeated"
    return text


def _numbers(chain: Chain, use: Use) -> str:
    gradient = chain.step(use.user).gradient
    if not use.elementwise or use.local is None or gradient is None:
        return ""
    if use.local.size != 1 or gradient.size != 1:
        return ""
    factor = use.local.brief()
    if chain.step(use.user) is chain.loss and use.formula:
        return factor
    return f"{gradient.brief()} * {f'({factor})' if factor.startswith('-') else factor}"


def _term(text: str) -> str:
    """A number or a product behind a plus."""
    first, times, rest = text.partition(" * ")
    return f"({first}){times}{rest}" if first.startswith("-") else text


def because(chain: Chain, step: Step) -> str:
    """What the rule rests on: the formulas of the users, with their derivatives and lines."""
    found: list[str] = []
    for use in chain.users_of.get(step.number, [])[:3]:
        user = chain.step(use.user)
        text = f"{user.name} = {user.formula}"
        trivial = use.local is not None and use.formula == use.local.brief()
        at_loss = user is chain.loss and len(chain.users_of[step.number]) == 1
        plain_factor = use.formula in user.operands
        if use.elementwise and use.formula and not (trivial or at_loss or plain_factor):
            text += f", so d{user.name}/d{step.name} = {use.formula}"
        found.append(f"{text}, {line_of(user)}" if user.line else text)
    more = len(chain.users_of.get(step.number, ())) - len(found)
    return "; ".join([*found, *[f"and {more} more uses"] * (more > 0)])


def line_of(step: Step) -> str:
    """Where the user wrote a step: `line 3 of train.py`."""
    file, _, line = step.place.rpartition(":")
    return say("line {line} of {file}", line=line, file=file) if file else ""


def meaning(chain: Chain, step: Step) -> list[str]:
    """What the gradient of a parameter says, for somebody who knows no calculus."""
    if step.gradient is None or step.gradient.single is None or step.value is None:
        return []
    slope, name = step.gradient.single, step.name
    lines: list[str] = []
    if slope != slope or abs(slope) == float("inf"):
        text = "dL/d{name} is {slope}: no step can be made with it."
        return [say(text, name=name, slope=number(slope))]
    if not slope:
        text = "dL/d{name} = 0: where {name} changes a little, L stays as it is."
        lines.append(say(text, name=name))
    else:
        way = "rises" if slope > 0 else "falls"
        text = "dL/d{name} = {slope}: where {name} grows by a little, L "
        text += f"{way} {{size}} times as much."
        lines.append(say(text, name=name, slope=number(slope), size=number(abs(slope))))
    for trial in chain.trials:
        if trial.step == step.number and chain.loss.value is not None:
            lines.append(_tried(chain, step, trial.value, trial.loss))
    if slope:
        text = (
            "So {name} has to shrink for L to fall: against the sign of its gradient."
            if slope > 0
            else "So {name} has to grow for L to fall: against the sign of its gradient."
        )
        lines.append(say(text, name=name))
    return lines


def untold(count: int) -> str:
    """That more is to be said of the same kind, after three of `count`.

    >>> untold(5)
    'The gradients of 2 more trained numbers are to be read in the same way.'
    """
    more = count - 3
    if more == 1:
        return say("The gradient of one more trained number is to be read in the same way.")
    text = "The gradients of {more} more trained numbers are to be read in the same way."
    return say(text, more=more)


def _tried(chain: Chain, step: Step, value: float, loss: float) -> str:
    assert chain.loss.value is not None
    before = chain.loss.value.single
    change = loss - (before if before is not None else loss)
    text = (
        "Tried: {name} = {value} gives L = {loss}, {change} more."
        if change > 0
        else "Tried: {name} = {value} gives L = {loss}, {change} less."
        if change < 0
        else "Tried: {name} = {value} gives L = {loss}, the same."
    )
    size = number(abs(change), 3)
    return say(text, name=step.name, value=number(value), loss=number(loss), change=size)
