"""`python -m benchmarks [--only mlp,rows] [--rounds 5] [--contenders zincir,torch]`."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import busy, start
from benchmarks.contract import COMPILED, JAX, TORCH, ZINCIR, Section
from benchmarks.driver import ROOT, Plan, run_workload, two_cores
from benchmarks.machine import describe
from benchmarks.peak import measure
from benchmarks.table import markdown, show

WORKLOADS = (
    "mlp",
    "rl",
    "plain",
    "matmul",
    "rows",
    "conv",
    "recurrent",
    "transformer",
    "dense",
    "bf16",
)
ALONE: dict[str, Callable[[Plan], Section]] = {"start": start.run, "busy": busy.run}
CONTENDERS = (ZINCIR, TORCH, COMPILED, JAX)


def listed(allowed: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(part.strip() for part in text.split(",") if part.strip())
        for name in names:
            if name not in allowed:
                raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(allowed)}")
        return names

    return parse


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    every = (*WORKLOADS, *ALONE)
    parser.add_argument("--only", type=listed(every), default=every, help=", ".join(every))
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contender (7)")
    parser.add_argument("--seconds", type=float, default=0.3, help="length of a turn (0.3)")
    parser.add_argument(
        "--contenders", type=listed(CONTENDERS), default=(), help=", ".join(CONTENDERS)
    )
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="folder of the JSON file")
    parser.add_argument("--plain", action="store_true", help="tables as Markdown")
    return parser.parse_args()


def write(folder: Path, machine: dict[str, object], sections: list[Section], plan: Plan) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"bench-{time.strftime('%Y%m%d-%H%M%S')}.json"
    tables = {s.name: {"title": s.title, "cases": s.data, "notes": s.notes} for s in sections}
    whole = {"machine": machine, "plan": vars(plan), "workloads": tables}
    path.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
    path.with_suffix(".md").write_text("\n\n".join(map(markdown, sections)) + "\n", "utf-8")
    return path


def main() -> None:
    given = arguments()
    plan = Plan(given.rounds, given.seconds, given.contenders, two_cores())
    peak = {threads: measure(threads) for threads in (1, 2)}
    machine = describe()
    machine["peak_flops_per_second"] = peak
    print(f"{machine['cpu']}, load {machine['load']}")
    print(", ".join(f"{n} thread(s): {top / 1e9:.0f} GFLOP/s at most" for n, top in peak.items()))
    sections: list[Section] = []
    try:
        for name in given.only:
            section = ALONE[name](plan) if name in ALONE else run_workload(name, plan, peak)
            sections.append(section)
            show(section, plain=given.plain)
    finally:
        if sections:  # what was measured is kept, even when the rest is interrupted
            print(f"written to {write(given.out, machine, sections, plan)} and .md")


if __name__ == "__main__":
    main()
