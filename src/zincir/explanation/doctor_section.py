"""The part of a page about the doctor's findings, and which layers they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from zincir.doctor import Finding, Report
from zincir.explanation.language import say
from zincir.explanation.steps import Chain


def by_layer(report: Report | None, chain: Chain) -> Mapping[str, Sequence[int]]:
    """By the path of a layer, the numbers of the findings there; those of a parameter are its
    layer's.
    """
    layers = {step.layer for step in chain.steps if step.layer} | {*chain.layers}
    found: dict[str, list[int]] = {}
    for i, finding in enumerate(() if report is None else report.findings):
        for place in (finding.where, finding.where.rpartition(".")[0]):
            if place in layers:
                found.setdefault(place, []).append(i)
                break
    return found


def title(finding: Finding) -> str:
    """What a link to a finding says.

    >>> from zincir.doctor import Severity
    >>> title(Finding("T1", "vanishing_gradient", Severity.WARNING, "it vanishes"))
    'T1 vanishing_gradient'
    """
    return f"{finding.code} {finding.symptom}"


def links(report: Report, numbers: Sequence[int]) -> str:
    """Links to findings, as HTML."""
    return ", ".join(
        f"<a href='#finding-{i}'>{escape(title(report.findings[i]))}</a>" for i in numbers
    )


def doctor_section(report: Report | None) -> str:
    """All findings, each with a place that links lead to."""
    if report is None:
        return ""
    boxes = "".join(
        f"<div class='card' id='finding-{i}' tabindex='-1'><h3>"
        f"{escape(title(f))}</h3><pre class='text'>{escape(f.text())}</pre></div>"
        for i, f in enumerate(report.findings)
    )
    heading = f"<h2 id='doctor'>{say('What the doctor says')}</h2>"
    return f"{heading}<p>{escape(report.summary())}</p>{boxes}"
