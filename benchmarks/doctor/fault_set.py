"""The fault set: how many runs that are hurt by a fault are called sick, and rightly so."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.contract import Section
from benchmarks.doctor import healthy, sick
from benchmarks.doctor.faults import Fault
from benchmarks.doctor.jobs import Job, Record
from benchmarks.doctor.records import Set, alarms, outcome, percent
from benchmarks.doctor.sick import SEEDS
from benchmarks.doctor.statistics import effect, hurts
from zincir.doctor.rule import rules

FEW = 5
"""Seeds, if it has to be quick."""


def _fault_name(fault: Fault, base: str, seed: int) -> str:
    return f"{fault.name} @ {base} #{seed}"


def _fault_names(quick: bool) -> list[str]:
    found: dict[str, None] = {}
    for seed in range(FEW if quick else SEEDS):
        for fault, base in sick.pairs():
            found[_fault_name(fault, base, seed)] = None
            found[f"twin @ {sick.twin(fault, base, seed)[0]} #{seed}"] = None
    return list(found)


def _fault_half(name: str) -> str:
    base = name.split(" @ ")[1].split()[0]
    return healthy.half(sick.BASES[base](0).name)


def _fault_jobs() -> dict[str, Job]:
    def of_fault(fault: Fault, base: str, seed: int) -> Job:
        def job() -> Record:
            plan = sick.sick(fault, base, seed)
            right = None
            if fault.where is not None:
                right = sorted(set(fault.where(plan.net())))
            return {
                **outcome(plan), "fault": fault.name, "base": base, "seed": seed, "right": right,
                "twin": sick.twin(fault, base, seed)[0],
            }  # fmt: skip

        return job

    def of_twin(fault: Fault, base: str, seed: int) -> Job:
        return lambda: outcome(sick.twin(fault, base, seed)[1])

    found: dict[str, Job] = {}
    for fault, base in sick.pairs():
        for seed in range(SEEDS):
            found[_fault_name(fault, base, seed)] = of_fault(fault, base, seed)
            name = f"twin @ {sick.twin(fault, base, seed)[0]} #{seed}"
            found.setdefault(name, of_twin(fault, base, seed))
    return found


@dataclasses.dataclass
class Group:
    """The runs of one fault in one base, over seeds."""

    fault: Fault
    base: str
    records: list[Record]
    twins: list[Record]

    @property
    def metrics(self) -> tuple[list[float], list[float]]:
        return [r["metric"] for r in self.records], [r["metric"] for r in self.twins]

    @property
    def hurts(self) -> bool:
        return len(self.records) > 1 and hurts(*self.metrics)

    def told(self, record: Record) -> list[dict[str, Any]]:
        """What was said that counts: alarms; infos that are all their rule can give."""
        found = [*alarms(record), *(_passing(text) for text in record["passing"])]
        if self.fault.info:
            rest = [f for f in record["findings"] if f["severity"] == "info"]
            found += [f for f in rest if f["symptom"] in self.fault.symptoms]
        return found

    @property
    def detected(self) -> list[Record]:
        return [r for r in self.records if self.told(r)]

    @property
    def named(self) -> list[Record]:
        """Runs whose first finding has a right symptom."""
        return [r for r in self.detected if self.told(r)[0]["symptom"] in self.fault.symptoms]

    @property
    def located(self) -> list[Record]:
        """Runs in which an alarm with a right symptom names a right layer."""

        def right(f: dict[str, Any], r: Record) -> bool:
            return f["symptom"] in self.fault.symptoms and f["where"] in r["right"]

        return [r for r in self.detected if any(right(f, r) for f in self.told(r))]


def _passing(text: str) -> dict[str, Any]:
    """An alarm that was raised on the way alone."""
    code, _, where = text.partition(" ")
    symptom = next((r.symptom for r in rules() if r.code == code), code)
    return {"code": code, "symptom": symptom, "where": where, "severity": "warning"}


def _groups(records: Sequence[Record]) -> list[Group]:
    by_name = {r["name"]: r for r in records}
    gathered: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        if "fault" in record:
            gathered[record["fault"], record["base"]].append(record)
    found: list[Group] = []
    for fault, base in sick.pairs():
        mine = sorted(gathered.get((fault.name, base), []), key=lambda r: r["seed"])
        twins = [by_name.get(f"twin @ {r['twin']} #{r['seed']}") for r in mine]
        kept = [(r, t) for r, t in zip(mine, twins, strict=True) if t is not None]
        if kept:
            found.append(Group(fault, base, [r for r, _ in kept], [t for _, t in kept]))
    return found


def _parts(groups: list[Group]) -> list[tuple[str, list[Group]]]:
    """The halves, both, and those of both that a rule is there for."""
    halves = [(name, [g for g in groups if _half_of(g) == name]) for name in ("tune", "report")]
    ruled = [g for g in groups if not g.fault.beyond]
    return [*halves, ("together", groups), ("with a rule", ruled)]


def _half_of(group: Group) -> str:
    return _fault_half(f"x @ {group.base}")


def _fault_tables(records: Sequence[Record], everything: bool) -> list[Section]:
    groups = _groups(records)
    harmful = [g for g in groups if g.hurts]
    rows: list[list[str]] = []
    for title, chosen in _parts(harmful):
        runs = sum(len(g.records) for g in chosen)
        found = sum(len(g.detected) for g in chosen)
        named = sum(len(g.named) for g in chosen)
        placed = [g for g in chosen if g.fault.where is not None]
        layered = sum(len(g.records) for g in placed)
        located = sum(len(g.located) for g in placed)
        twins = {r["name"]: r for g in chosen for r in g.twins}
        false = sum(bool(alarms(r) or r["passing"]) for r in twins.values())
        rows.append(
            [
                title, str(len(chosen)), str(runs), percent(found, runs), percent(named, runs),
                f"{percent(located, layered)} of {layered}", f"{false} of {len(twins)}",
            ]
        )  # fmt: skip
    columns = ["half", "harmful faults", "runs", "detected", "right symptom first", "right layer",
               "alarms on healthy twins"]  # fmt: skip
    summary = Section("faults", "Faults that hurt", columns, rows)
    summary.notes.append(
        "no rule: what such faults do cannot be told from what is left: "
        + ", ".join(dict.fromkeys(g.fault.name for g in harmful if g.fault.beyond))
    )
    mild = [f"{g.fault.name} ({g.base})" for g in groups if not g.hurts]
    if mild:
        summary.notes.append("do not hurt, and do not count: " + ", ".join(mild))
    lines = [_line(g) for g in harmful if everything or _misses(g)]
    columns = ["fault", "base", "half", "metric (twin)", "d", "detected", "first", "layer",
               "what was said first"]  # fmt: skip
    title = "Each fault" if everything else "Misses"
    return [summary, Section("faults", title, columns, lines)]


def _misses(group: Group) -> bool:
    whole = len(group.records)
    placed = group.fault.where is None or len(group.located) == whole
    return len(group.detected) < whole or len(group.named) < whole or not placed


def _line(group: Group) -> list[str]:
    whole = len(group.records)
    sick_ones, healthy_ones = group.metrics
    firsts = Counter(
        f"{group.told(r)[0]['symptom']}" + (f" in {w}" if (w := group.told(r)[0]["where"]) else "")
        if group.told(r)
        else "nothing"
        for r in group.records
    )
    layer = "" if group.fault.where is None else f"{len(group.located)}/{whole}"
    return [
        group.fault.name, group.base, _half_of(group),
        f"{np.mean(sick_ones):.2f} ({np.mean(healthy_ones):.2f})",
        f"{min(99.0, effect(sick_ones, healthy_ones)):.1f}",
        f"{len(group.detected)}/{whole}", f"{len(group.named)}/{whole}", layer,
        ", ".join(f"{n} {text}" if len(firsts) > 1 else text for text, n in firsts.most_common(3)),
    ]  # fmt: skip


FAULTY = Set(_fault_names, _fault_half, _fault_jobs, _fault_tables)
