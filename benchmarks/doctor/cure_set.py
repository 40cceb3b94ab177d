"""The cures: how runs end that were sick, and were treated."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from benchmarks.contract import Section
from benchmarks.doctor import cures, healthy, sick
from benchmarks.doctor.faults import FAULTS
from benchmarks.doctor.jobs import Job, Record
from benchmarks.doctor.plan import run
from benchmarks.doctor.records import Set, alarms, outcome
from benchmarks.doctor.sick import BASES

CURABLE = (
    ("rate 300 times higher, SGD", "digits_sgd"),
    ("rate 3,000 times lower", "digits_sgd"),
    ("rate 3,000 times lower", "penguins"),
    ("sigmoid in a deep net", "deep"),
    ("weights too small, deep", "deep"),
    ("weights too large, deep", "deep"),
    ("weights all alike", "digits"),
    ("biases of -20", "digits"),
    ("softmax before cross-entropy", "wine"),
    ("ReLU at the end of a regression", "cars"),
    ("raw units", "wine"),
    ("clipped to 0.001", "digits_sgd"),
    ("weight decay of 3", "digits_sgd"),
    ("decay of 100, AdamW", "cancer"),
    ("eps of 10", "penguins"),
    ("dropout of 1", "penguins"),
)
SEEDS = 3
ARMS = ("nothing", "doctor", "random", "autotrainer")
NOISE = 2.0
"""Standard deviations of healthy twins: so far below their mean is as good as they."""
SMALLEST = 0.02
"""Of the metric: differences below are noise in any case."""


def _names(quick: bool) -> list[str]:
    seeds = range(1 if quick else SEEDS)
    return [f"{fault} @ {base} #{seed}" for seed in seeds for fault, base in CURABLE]


def _half(name: str) -> str:
    return healthy.half(BASES[name.split(" @ ")[1].split()[0]](0).name)


def _jobs() -> dict[str, Job]:
    known = {f.name: f for f in FAULTS}

    def job(name: str, base: str, seed: int) -> Job:
        def do() -> Record:
            plan = sick.sick(known[name], base, seed)
            nothing = outcome(plan)
            doctor = cures.by_doctor(plan)
            random = cures.by_random(plan, doctor.steps, f"{name} @ {base} #{seed}")
            order = cures.by_autotrainer(plan, [f["symptom"] for f in alarms(nothing)])
            return {
                "fault": name, "base": base, "seed": seed,
                "twin": run(BASES[base](seed)).metric, "nothing": {"metric": nothing["metric"]},
                "doctor": dataclasses.asdict(doctor), "random": dataclasses.asdict(random),
                "autotrainer": dataclasses.asdict(order),
            }  # fmt: skip

        return do

    return {
        f"{name} @ {base} #{seed}": job(name, base, seed)
        for name, base in CURABLE
        for seed in range(SEEDS)
    }


def _tables(records: Sequence[Record], everything: bool) -> list[Section]:
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[record["fault"], record["base"]].append(record)
    good, worse = Counter[str](), Counter[str]()
    lines: list[list[str]] = []
    for (fault, base), runs in groups.items():
        twins = [r["twin"] for r in runs]
        noise = max(SMALLEST, NOISE * float(np.std(twins, ddof=1)) if len(twins) > 1 else SMALLEST)
        cells: list[str] = []
        for arm in ARMS:
            metrics = [r[arm]["metric"] for r in runs]
            fine = sum(m >= np.mean(twins) - noise for m in metrics)
            good[arm] += fine
            worse[arm] += sum(r[arm]["metric"] < r["nothing"]["metric"] - noise for r in runs)
            cells.append(f"{np.mean(metrics):.2f} ({fine}/{len(runs)})")
        taken = Counter(r["doctor"]["how"] for r in runs).most_common(2)
        how = "; ".join(f"{n} {text}" if len(taken) > 1 else text for text, n in taken)
        lines.append([fault, base, f"{np.mean(twins):.2f}", *cells, how])
    steps = {arm: np.mean([r[arm].get("steps", 0) for r in records]) for arm in ARMS}
    rows = [
        [arm, str(len(records)), str(good[arm]), f"{100 * good[arm] / max(1, len(records)):.0f} %",
         str(worse[arm]), f"{steps[arm]:.0f}"]
        for arm in ARMS
    ]  # fmt: skip
    columns = ["way", "runs", "as good as healthy", "share", "made worse", "steps of trials"]
    told = ["fault", "base", "healthy", *ARMS, "what the doctor did"]
    return [
        Section("cures", "Cures of harmful faults", columns, rows),
        Section("cures", "Held-out metric (and runs as good as healthy), by fault", told, lines),
    ]


CURES = Set(_names, _half, _jobs, _tables)
