"""Report: findings, most important first, as text, JSON, SARIF and a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zincir.doctor.cured import Cure
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.page import page
from zincir.doctor.picture import Picture
from zincir.doctor.rule import rules
from zincir.doctor.sarif import document, run_of


@dataclass(frozen=True)
class Report:
    """What the doctor has to say.

    Attributes:
        findings: the most important first: errors, then warnings, then infos; of the same kind
            those that began earlier, and those nearer to the input.
        examined: what was looked at, in a few words.
        silenced: findings that are not wanted; reasons: why, by code or symptom.
        failed: by code, rules that could not judge, and why.
        picture: what draws what was measured, for the page.
    """

    findings: tuple[Finding, ...]
    examined: str = ""
    silenced: tuple[Finding, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])
    failed: Mapping[str, str] = field(default_factory=dict[str, str])
    picture: Callable[[], Picture] | None = field(default=None, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether there is neither an error nor a warning."""
        return all(f.severity is Severity.INFO for f in self.findings)

    @property
    def symptoms(self) -> list[str]:
        """The names of the symptoms, each once, in the order of the findings."""
        return list(dict.fromkeys(f.symptom for f in self.findings))

    def of(self, symptom: str) -> list[Finding]:
        """The findings with a symptom (or a code)."""
        return [f for f in self.findings if symptom in (f.symptom, f.code)]

    def __str__(self) -> str:
        lines = [f"{self.summary()}"]
        told: set[tuple[str, str]] = set()
        for finding in self.findings:
            lines += ["", finding.text(brief=(finding.code, finding.cause) in told)]
            told.add((finding.code, finding.cause))
        for finding in self.silenced:
            reason = self.reasons.get(finding.code) or self.reasons.get(finding.symptom, "")
            lines += ["", f"silenced {finding.code} {finding.symptom}: {reason}"]
        lines += [f"\nrule {code} could not judge: {why}" for code, why in self.failed.items()]
        if self.findings:
            lines += ["", f"zincir explain {self.findings[0].code} says more."]
        return "\n".join(lines)

    def summary(self) -> str:
        """One line: how many findings of each kind."""
        counts = [
            f"{n} {s}{'s' if n > 1 else ''}"
            for s in sorted(Severity, key=lambda s: -s.weight)
            if (n := sum(f.severity is s for f in self.findings))
        ]
        text = ", ".join(counts) if counts else "nothing found"
        return f"doctor: {text}" + (f" ({self.examined})" if self.examined else "")

    def to_json(self) -> str:
        """The report as JSON; numbers that are not finite are text."""
        content = {
            "ok": self.ok,
            "examined": self.examined,
            "findings": [f.as_dict() for f in self.findings],
            "silenced": [f.as_dict() for f in self.silenced],
            "reasons": dict(self.reasons),
            "failed": dict(self.failed),
        }
        return json.dumps(_finite(content), indent=2, allow_nan=False, default=str)

    def to_sarif(self) -> str:
        """The findings in SARIF 2.1.0, which code hosts show beside the lines."""
        return json.dumps(_finite(document([run_of(self.findings)])), indent=2, default=str)

    def to_html(self, path: Any, cure: Cure | None = None) -> None:
        """Write the report as one page that needs nothing else: findings, gradients through the
        layers, losses, histograms.

        Args:
            cure: what was tried against it, which is shown too.
        """
        notes = [f"silenced {f.code} {f.symptom}" for f in self.silenced]
        notes += [f"rule {code} could not judge: {why}" for code, why in self.failed.items()]
        drawn = None if self.picture is None else self.picture()
        text = page(self.summary(), self.findings, notes, drawn, cure)
        Path(path).write_text(text, encoding="utf-8")


def reported(
    findings: Sequence[Finding],
    order: Mapping[str, int],
    examined: str = "",
    silenced: Sequence[Finding] = (),
    reasons: Mapping[str, str] | None = None,
    failed: Mapping[str, str] | None = None,
    picture: Callable[[], Picture] | None = None,
) -> Report:
    """A report of findings in any order.

    Args:
        order: by the path of a layer, how early it runs.
    """

    def importance(f: Finding) -> tuple[float, ...]:
        began = -1 if f.step is None else f.step
        return (-f.severity.weight, -f.confidence, began, order.get(f.where, len(order)))

    ranked = causes_first(sorted(findings, key=importance))
    return Report(
        tuple(ranked), examined, tuple(silenced), reasons or {},
        failed or {}, picture,
    )  # fmt: skip


def causes_first(findings: Sequence[Finding]) -> list[Finding]:
    """Findings in the same order, but each behind those that explain it and began no later: what is
    so before the first step is no consequence of what happens in training.
    """
    explains = {r.code: r.explains for r in rules()}

    def is_cause(g: Finding, f: Finding) -> bool:
        began = -1 if f.step is None else f.step
        return f.symptom in explains.get(g.code, ()) and (g.step is None or g.step <= began)

    left, ordered = list(findings), list[Finding]()
    while left:
        first = [f for f in left if not any(is_cause(g, f) for g in left if g is not f)]
        chosen = (first or left)[0]  # if they explain each other, the more important one
        left.remove(chosen)
        ordered.append(chosen)
    return ordered


_TABLE: Any = dict  # names that check without narrowing
_LIST: Any = list


def _finite(value: Any) -> Any:
    if isinstance(value, _TABLE):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, _LIST):
        return [_finite(v) for v in value]
    if isinstance(value, float) and value - value != 0:
        return str(value)
    return value
