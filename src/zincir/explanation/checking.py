"""Does a gradient hold? Back-propagation beside differences, element by element."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from html import escape
from typing import Any, TypeAlias

import numpy as np

from zincir.doctor.undisturbed import undisturbed
from zincir.errors import ArgumentError, explain
from zincir.explanation.derivatives import gradients_of
from zincir.explanation.elsewhere import LossElsewhere, noted
from zincir.explanation.private import Array, Private, private
from zincir.explanation.reading import number
from zincir.explanation.written_file import write
from zincir.graph.node import Node, grad_mode, user_line
from zincir.half import plain
from zincir.interpret import interpret
from zincir.nn import Module
from zincir.page import frame
from zincir.tensor import Tensor

Parameters: TypeAlias = Module | Mapping[str, Tensor] | Iterable[Tensor]

HOLDS, DOUBTFUL = 1e-6, 1e-3
"""The bands of relative errors: below the first a gradient holds, above the second it is wrong."""
_WORDS = {
    "holds": "the two agree",
    "kink": "the function has a corner here: slopes differ to the left and to the right",
    "doubtful": "they agree roughly",
    "wrong": "they differ",
}
_COLOURS = {"holds": "good", "kink": "info", "doubtful": "warning", "wrong": "error"}


@dataclass(frozen=True)
class Checked:
    """One element of one parameter.

    Attributes:
        parameter: its name; of a complex one with `.real` or `.imag`, the part that is moved.
        analytic: by back-propagation; numeric: (L(x + h) - L(x - h)) / 2h. Both in float64.
        left, right: the slopes to both sides.
        error: |analytic - numeric| / max(|analytic|, |numeric|).
        verdict: holds, kink, doubtful or wrong.
    """

    parameter: str
    element: tuple[int, ...]
    analytic: float
    numeric: float
    left: float
    right: float
    error: float
    verdict: str


@dataclass(frozen=True)
class GradientCheck:
    """What a check has found; `print` shows it as a table."""

    rows: tuple[Checked, ...]
    unreached: tuple[str, ...] = ()
    """Parameters that the loss does not depend on: there is nothing to check of them."""

    @property
    def ok(self) -> bool:
        """Whether every gradient holds, or lies at a kink."""
        return all(row.verdict in ("holds", "kink") for row in self.rows)

    def summary(self) -> str:
        """One line."""
        counts = {word: sum(r.verdict == word for r in self.rows) for word in _WORDS}
        text = ", ".join(f"{n} {word}" for word, n in counts.items() if n)
        return text + (f"; not reached: {', '.join(self.unreached)}" if self.unreached else "")

    def __str__(self) -> str:
        width = max(len(_place(row)) for row in self.rows)
        lines = [f"gradients beside differences: {self.summary()}", ""]
        head = f"   {'':<{width}}   {'gradient':>13}   {'difference':>13}   {'error':>8}"
        lines.append(head)
        for r in self.rows:
            lines.append(
                f"   {_place(r):<{width}}   {number(r.analytic, 7):>13}   "
                f"{number(r.numeric, 7):>13}   {number(r.error, 2):>8}   {r.verdict}{_sides(r)}"
            )
        return "\n".join(lines)

    def to_html(self) -> str:
        """The page: one file that needs no other."""
        rows = "".join(_html(row) for row in self.rows)
        legend = "".join(
            f"<li><b style='color:var(--{_COLOURS[w]})'>{w}</b>: {text}</li>"
            for w, text in _WORDS.items()
        )
        body = (
            f"<h1>Does my gradient hold?</h1><p>{escape(self.summary())}.</p><p class='faint'>"
            "Beside the gradient that back-propagation finds stands the difference quotient: the "
            "loss a little to the right minus the loss a little to the left, divided by the "
            "distance. It knows nothing of the chain rule, so both agree if that was "
            f"applied rightly.</p><ul>{legend}</ul><div class='wide'><table class='check'><thead>"
            "<tr><th>element</th><th>gradient</th><th>difference</th><th>relative error</th>"
            "<th></th></tr></thead>"
            f"<tbody>{rows}</tbody></table></div>"
        )
        return frame("Does my gradient hold?", body, _STYLE)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file.

        Raises:
            ArgumentError: it cannot be written.
        """
        write(path, self.to_html())

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


_STYLE = (
    "table.check { border-collapse: collapse } .check td, .check th { text-align: left; "
    "padding: .2rem 1rem .2rem 0 } .check td { font-variant-numeric: tabular-nums }"
)


def check(
    loss_function: Callable[[], Tensor], parameters: Parameters, *, most: int = 6
) -> GradientCheck:
    """Compare gradients with centred differences; see `Explain.check`."""
    named = _named(parameters)
    if most < 1:
        raise ArgumentError(
            explain("explain.check: most is at least 1", where=user_line(), got=str(most))
        )
    still = undisturbed(parameters) if isinstance(parameters, Module) else nullcontext()
    with still, grad_mode(True), noted() as calls:
        graph = private(loss_function(), still=True)
    found = _leaves(graph, named)
    with grad_mode(False):
        gradients = gradients_of(graph).of
    wanted = [gradients[node] for node in found if node in gradients]
    loss = LossElsewhere(graph, calls)
    rows: list[Checked] = []
    with np.errstate(all="ignore"):
        values = interpret(wanted, graph.leaves, double=True, halves=True)
        analytic = dict(zip((n for n in found if n in gradients), values, strict=True))
        for node, name in found.items():
            value = _wide(graph.values[node])
            gradient = analytic.get(node, np.zeros(value.shape))
            for element in _elements(gradient, most):
                for part, way in _ways(value).items():
                    line = _Line(loss, node, value, element, way)
                    slope = complex(gradient[element]) * way.conjugate()
                    rows.append(_checked(line, name + part, slope.real))
    return GradientCheck(tuple(rows), tuple(sorted({*named} - {*found.values()})))


def _wide(value: Array) -> Array:
    """Values in float64; complex ones in complex128."""
    value = plain(value)
    return value.astype(np.complex128 if value.dtype.kind == "c" else np.float64)


def _ways(value: Array) -> Mapping[str, complex]:
    """What an element is moved along: of a complex one both parts, each on its own."""
    return {".real": 1.0, ".imag": 1j} if value.dtype.kind == "c" else {"": 1.0}


def _named(parameters: Any) -> dict[str, Tensor]:
    if isinstance(parameters, Module):
        found: dict[str, Any] = dict(parameters.named_parameters())
    elif isinstance(parameters, Mapping):
        found = dict(parameters)  # type: ignore[arg-type]
    else:
        several: list[Any] = [parameters] if isinstance(parameters, Tensor) else [*parameters]
        found = {f"parameter {i}": t for i, t in enumerate(several)}
    if not found or not all(isinstance(t, Tensor) for t in found.values()):
        raise ArgumentError(
            explain(
                "explain.check: these are no parameters", where=user_line(),
                expected="a module, tensors by name, or a list of tensors",
                got="nothing" if not found else "something else",
                try_='explain.check(loss_function, {"w": w})',
            )
        )  # fmt: skip
    return found


def _leaves(graph: Private, named: Mapping[str, Tensor]) -> dict[Node, str]:
    by_id = {id(t): name for name, t in named.items()}
    found: dict[Node, str] = {}
    for node in graph.order:
        owner: Any = graph.original[node].owner
        name = None if owner is None else by_id.get(id(owner()))
        if name is not None and not node.inputs and node.dtype.category >= 2:
            found[node] = name
    if not found:
        raise ArgumentError(
            explain(
                "explain.check: the loss does not depend on these parameters", where=user_line(),
                expected="what the loss function computes with", got=", ".join(named),
            )
        )  # fmt: skip
    return {node: name for name in named for node, n in found.items() if n == name}


def _elements(gradient: Array, most: int) -> list[tuple[int, ...]]:
    """Where the gradient is largest, and others drawn at random, always the same."""
    if not gradient.size:
        return []
    largest = int(np.argmax(np.abs(gradient)))
    drawn = np.random.default_rng(0).permutation(gradient.size)
    chosen = dict.fromkeys([largest, *(int(i) for i in drawn if i != largest)][:most])
    return sorted(tuple(int(i) for i in np.unravel_index(n, gradient.shape)) for n in chosen)


@dataclass(frozen=True)
class _Line:
    """The loss along one element of one parameter; of a complex one, along one of its parts."""

    loss: LossElsewhere
    node: Node
    value: Array
    element: tuple[int, ...]
    way: complex

    def at(self, step: float) -> float:
        moved = self.value.copy()
        moved[self.element] += step * self.way
        return self.loss.at(self.node, moved)


def _checked(line: _Line, name: str, a: float) -> Checked:
    """Slopes to both sides beside the gradient `a`."""
    size = max(1.0, abs(line.value[line.element]))
    middle = line.at(0.0)

    def slopes(h: float) -> tuple[float, float, float]:
        """To the left and to the right, and how far rounding may have moved them."""
        above, below = (line.at(step) for step in (h, -h))
        return (middle - below) / h, (above - middle) / h, 1e-14 * max(abs(middle), 1e-3) / h

    left, right, noise = slopes(1e-5 * size)
    jump = abs(right - left)
    error = _error(a, (left + right) / 2, noise)
    kink = False
    if error > HOLDS or jump > max(1e-3 * max(abs(left), abs(right)), 10 * noise):
        left, right, noise = slopes(1e-7 * size)  # smooth functions bend 100 times less then
        kink = abs(right - left) > max(0.5 * jump, 10 * noise)
        error = min(error, _error(a, (left + right) / 2, noise))
    kink = kink and min(left, right) - noise <= a <= max(left, right) + noise
    word = "kink" if kink else "holds" if error <= HOLDS else "doubtful"
    word = "wrong" if word == "doubtful" and not error <= DOUBTFUL else word
    return Checked(name, line.element, a, (left + right) / 2, left, right, error, word)


def _error(a: float, b: float, noise: float) -> float:
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.nan
    difference = abs(a - b)
    return 0.0 if difference <= noise else difference / max(abs(a), abs(b))


def _place(row: Checked) -> str:
    return row.parameter + (f"[{', '.join(map(str, row.element))}]" if row.element else "")


def _sides(row: Checked) -> str:
    if row.verdict != "kink":
        return ""
    return f": {number(row.left, 4)} to the left, {number(row.right, 4)} to the right"


def _html(row: Checked) -> str:
    cells = [escape(_place(row)), number(row.analytic, 7), number(row.numeric, 7)]
    cells.append(number(row.error, 2))
    word = f"<b style='color:var(--{_COLOURS[row.verdict]})'>{row.verdict}</b>{_sides(row)}"
    return "<tr>" + "".join(f"<td>{c}</td>" for c in [*cells, word]) + "</tr>"
