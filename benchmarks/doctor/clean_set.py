"""The clean set: how many healthy runs are called sick."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.contract import Section
from benchmarks.doctor import healthy
from benchmarks.doctor.jobs import Job, Record
from benchmarks.doctor.plan import Plan
from benchmarks.doctor.records import Set, alarms, outcome, percent, said
from benchmarks.doctor.statistics import at_most


def _clean_plans() -> dict[str, Plan]:
    return {f"{p.name} #{p.seed}": p for p in healthy.plans()}


def _clean_jobs() -> dict[str, Job]:
    def job(plan: Plan) -> Job:
        return lambda: {**outcome(plan), "enough": plan.data.enough}

    return {name: job(plan) for name, plan in _clean_plans().items()}


def _clean_tables(records: Sequence[Record], everything: bool) -> list[Section]:
    rows: list[list[str]] = []
    for title, chosen in (
        ("tune", [r for r in records if healthy.half(r["name"]) == "tune"]),
        ("report", [r for r in records if healthy.half(r["name"]) == "report"]),
        ("together", list(records)),
    ):
        learnt = [r for r in chosen if r["metric"] >= r["enough"]]
        warned = [r for r in learnt if alarms(r) or r["passing"]]
        wrong = [r for r in learnt if any(f["severity"] == "error" for f in alarms(r))]
        infos = [r for r in learnt if r["findings"] and r not in warned]
        bound = at_most(len(warned), len(learnt)) if learnt else 1.0
        rows.append(
            [
                title, str(len(chosen)), str(len(learnt)), str(len(warned)),
                percent(len(warned), len(learnt)), f"{100 * bound:.1f} %", str(len(wrong)),
                str(len(infos)),
            ]
        )  # fmt: skip
    columns = ["half", "runs", "healthy", "with a warning", "share", "95 % sure: below",
               "with an error", "with infos only"]  # fmt: skip
    table = Section("clean", "Healthy runs", columns, rows)
    listed = [
        r
        for r in records
        if r["metric"] >= r["enough"] and (alarms(r) or r["passing"] or everything)
    ]
    lines = [[r["name"], f"{r['metric']:.3f}", "; ".join(_said(r)) or "silent"] for r in listed]
    lines.sort()
    alarmed = Section("clean", "False alarms", ["run", "metric", "what was said"], lines)
    sickly = Counter(bool(alarms(r)) for r in records if r["metric"] < r["enough"])
    table.notes.append(
        f"{sickly[True] + sickly[False]} runs did not learn and do not count; the doctor warned in "
        f"{sickly[True]} of them"
    )
    return [table, alarmed]


def _said(record: Record) -> list[str]:
    """What was said at the end, and on the way."""
    return [*map(said, alarms(record)), *(f"{code} on the way" for code in record["passing"])]


CLEAN = Set(
    lambda quick: list(_clean_plans())[:: 5 if quick else 1],
    healthy.half, _clean_jobs, _clean_tables,
)  # fmt: skip
