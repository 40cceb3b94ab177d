"""Findings in SARIF, the form in which tools that look at code hand on what they found.

Code hosts show such a file beside the lines that it names. Form 2.1.0,
https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import rules

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def run_of(findings: Sequence[Finding]) -> dict[str, Any]:
    """One run of the doctor: its rules, and what they found."""
    used = {f.code for f in findings}
    described = [
        {
            "id": r.code,
            "name": r.symptom,
            "shortDescription": {"text": r.page.splitlines()[0]},
            "fullDescription": {"text": r.page},
        }
        for r in rules()
        if r.code in used
    ]
    driver = {"name": "zincir doctor", "rules": described}
    return {"tool": {"driver": driver}, "results": [_result(f) for f in findings]}


def document(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A whole file."""
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return {"$schema": schema, "version": "2.1.0", "runs": list(runs)}


def _result(finding: Finding) -> dict[str, Any]:
    text = [finding.what, finding.cause, *(f"Try: {remedy}." for remedy in finding.remedies[:1])]
    place: dict[str, Any] = {}
    path, _, line = finding.origin.rpartition(":")
    if path and line.isdigit():
        place["physicalLocation"] = {
            "artifactLocation": {"uri": _uri(path)},
            "region": {"startLine": int(line)},
        }
    if finding.where:
        place["logicalLocations"] = [{"fullyQualifiedName": finding.where}]
    return {
        "ruleId": finding.code,
        "level": _LEVELS[finding.severity],
        "message": {"text": ". ".join(part for part in text if part)},
        "locations": [place] if place else [],
        "properties": finding.as_dict(),
    }


def _uri(path: str) -> str:
    """A file as seen from the folder one is in, which code hosts take for the repository."""
    inside = os.path.relpath(path)
    return Path(path).absolute().as_uri() if inside.startswith("..") else Path(inside).as_posix()
