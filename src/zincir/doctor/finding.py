"""Finding: one thing that is wrong, where, how that is known, and what helps."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

WIDTH = 88
_SEVERAL: Any = (list, tuple)  # a name that checks without narrowing


class Severity(StrEnum):
    """How bad a finding is, and how sure: a plain string with a meaning.

    >>> Severity("error") == "error", max(Severity, key=lambda s: s.weight)
    (True, <Severity.ERROR: 'error'>)
    """

    ERROR = "error"
    """Provable: from the graph, the labels, a mode, or NaN. The net cannot learn as meant."""
    WARNING = "warning"
    """Statistical: it was seen several times in a row, and the training suffers."""
    INFO = "info"
    """Worth knowing; nothing suffers yet."""

    @property
    def weight(self) -> int:
        """More is more important."""
        return ("info", "warning", "error").index(self)


@dataclass(frozen=True, eq=False)
class Finding:
    """What a rule has found.

    Example:
        >>> finding = Finding(
        ...     "S9", "dropout_everything", Severity.ERROR, "dropout of 1.0 drops everything",
        ...     where="drop", evidence={"p": 1.0}, remedies=("a p of 0.1 to 0.5",),
        ... )
        >>> print(finding)
        error S9 dropout_everything: drop
          dropout of 1.0 drops everything
          numbers  p 1
          try      a p of 0.1 to 0.5
    """

    code: str
    """Stable: `zincir explain CODE` prints the page of its rule."""
    symptom: str
    """Snake case, and stable as well."""
    severity: Severity
    what: str
    """What was seen, in a sentence."""
    where: str = ""
    """The path of the layer, such as `features.3`; empty if no layer is concerned."""
    origin: str = ""
    """The user's line, `file:line`."""
    step: int | None = None
    """The step at which it began; None before training."""
    evidence: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The numbers that it rests on."""
    cause: str = ""
    remedies: tuple[str, ...] = ()
    """What to try, the cheapest first."""
    confidence: float = 1.0
    """From 0 to 1; 1 is proof."""

    def as_dict(self) -> dict[str, Any]:
        """The fields, as JSON knows them."""
        fields = asdict(self)
        fields["severity"] = str(self.severity)
        fields["evidence"] = {k: plain(v) for k, v in self.evidence.items()}
        fields["remedies"] = list(self.remedies)
        return fields

    def __str__(self) -> str:
        return self.text()

    def text(self, *, brief: bool = False) -> str:
        """A few lines; `brief`: without cause and remedies, which have been said."""
        place = ", ".join(x for x in (self.where, self.origin) if x)
        at = "" if self.step is None else f" since step {self.step}"
        head = f"{self.severity} {self.code} {self.symptom}"
        head += f": {place}{at}" if place else at
        lines = [head, *_wrapped(self.what, "  ")]
        numbers = ", ".join(f"{k} {shown(v)}" for k, v in self.evidence.items())
        for name, text in (("numbers", numbers), ("why", "" if brief else self.cause)):
            if text:
                lines += _wrapped(text, f"  {name:<9}")
        several = len(self.remedies) > 1
        for number, remedy in enumerate(() if brief else self.remedies, 1):
            name = f"  {'try' if number == 1 else '':<9}"
            lines += _wrapped(f"{number}. {remedy}" if several else remedy, name)
        return "\n".join(lines)


def _wrapped(text: str, first: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def shown(value: Any) -> str:
    """A value of evidence as text.

    >>> shown(0.000123456), shown([1, 2, 3]), shown("mul"), shown(float("nan"))
    ('0.000123', '1, 2, 3', 'mul', 'nan')
    """
    value = plain(value)
    if isinstance(value, _SEVERAL):
        more = ", ..." if len(value) > 8 else ""
        return ", ".join(shown(v) for v in value[:8]) + more
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def plain(value: Any) -> Any:
    """A number of NumPy's, or a list of them, as Python has it."""
    if isinstance(value, _SEVERAL):
        return [plain(v) for v in value]
    return value.tolist() if hasattr(value, "tolist") else value
