"""What came of a run, as a record; and what a set of runs is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.contract import Section
from benchmarks.doctor.jobs import Job, Record
from benchmarks.doctor.plan import Plan, run
from benchmarks.table import show


def outcome(plan: Plan) -> Record:
    """What came of a run, as a record."""
    found = run(plan)
    keep = ("code", "symptom", "severity", "where", "step", "what", "evidence", "confidence")
    told = [{k: f[k] for k in keep} for f in found.findings]
    return {
        "metric": found.metric, "findings": told, "stopped": found.stopped,
        "passing": found.passing, "seconds": round(found.seconds, 2),
    }  # fmt: skip


def alarms(record: Record) -> list[dict[str, Any]]:
    """Errors and warnings."""
    return [f for f in record["findings"] if f["severity"] != "info"]


def said(finding: dict[str, Any]) -> str:
    where = f" in {finding['where']}" if finding["where"] else ""
    return f"{finding['severity']} {finding['code']} {finding['symptom']}{where}"


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


@dataclasses.dataclass(frozen=True)
class Set:
    """One set of runs."""

    names: Callable[[bool], list[str]]
    """Of all runs; of a fraction of them."""
    half: Callable[[str], str]
    jobs: Callable[[], dict[str, Job]]
    tables: Callable[[Sequence[Record], bool], list[Section]]

    def show(self, records: Sequence[Record], plain: bool, everything: bool) -> None:
        """Print the tables of some records."""
        for section in self.tables(records, everything):
            show(section, plain)
