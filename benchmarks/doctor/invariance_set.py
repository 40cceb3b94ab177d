"""The invariances: how many verdicts change where they must not."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.contract import Section
from benchmarks.doctor import healthy, invariance
from benchmarks.doctor.jobs import Job, Record
from benchmarks.doctor.plan import Plan
from benchmarks.doctor.records import Set, alarms, outcome
from benchmarks.doctor.sick import BASES


def _jobs() -> dict[str, Job]:
    def job(plan: Plan) -> Job:
        return lambda: outcome(plan)

    return {name: job(plan) for name, plan in invariance.cases()}


def _half(name: str) -> str:
    return healthy.half(BASES[name.split(" @ ")[1].split()[0]](0).name)


def _tables(records: Sequence[Record], everything: bool) -> list[Section]:
    by_name = {r["name"]: r for r in records}
    counts = {change: [0, 0, 0] for change in invariance.CHANGES}
    lines: list[list[str]] = []
    for record in records:
        run, change = record["name"].split(" | ")
        change, seed = change.split(" #")
        original = by_name.get(f"{run} | as it is #{seed}")
        if change not in counts or original is None:
            continue
        before, after = _verdict(original), _verdict(record)
        same = bool(before) == bool(after), before[:1] == after[:1]
        counts[change][0] += 1
        counts[change][1] += same[0]
        counts[change][2] += same[1]
        if everything or not all(same):
            said = [", ".join(v) or "silent" for v in (before, after)]
            lines.append([run, seed, change, *said])
    columns = ["change", "runs", "sick or healthy as before", "the same symptom first"]
    rows = [[change, *map(str, numbers)] for change, numbers in counts.items()]
    told = ["run", "seed", "change", "as it is", "changed"]
    return [
        Section("invariance", "Verdicts that must not change", columns, rows),
        Section("invariance", "Verdicts that changed", told, lines),
    ]


def _verdict(record: Record) -> list[str]:
    return list(dict.fromkeys(f["symptom"] for f in alarms(record)))


INVARIANT = Set(
    lambda quick: [n for n, _ in invariance.cases() if not quick or n.endswith("#0")],
    _half, _jobs, _tables,
)  # fmt: skip
