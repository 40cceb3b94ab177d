"""Starts the contenders' processes and lets them run in turn."""

from __future__ import annotations

import importlib
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.contract import COMPILED, JAX, PEAK, TORCH, Case, Section, Workload, is_ours

ROOT = Path(__file__).parents[1]
PATIENCE = 300.0  # seconds a contender may take to build or to run
AGREE = 2e-3  # relative difference of the checked numbers


@dataclass(frozen=True)
class Plan:
    """How long to measure, and whom."""

    rounds: int = 7
    seconds: float = 0.3
    contenders: tuple[str, ...] = ()
    cores: tuple[int, ...] = ()

    def wants(self, contender: str) -> bool:
        return not self.contenders or contender == PEAK or contender.split()[0] in self.contenders


def two_cores() -> tuple[int, ...]:
    """The cores all contenders share: two, so that nobody's thread pool is larger."""
    if not hasattr(os, "sched_getaffinity"):
        return ()
    return tuple(sorted(os.sched_getaffinity(0))[:2])


def environment(**extra: str) -> dict[str, str]:
    """Two threads for everyone, whatever name the setting goes by."""
    fixed = {"ZINCIR_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", "JAX_PLATFORMS": "cpu"}
    fixed["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")])
    )
    return {**os.environ, **fixed, **extra}


def start(arguments: Iterable[str], plan: Plan, **pipes: Any) -> subprocess.Popen[str]:
    """A Python process of this checkout on the plan's cores, in our process group."""
    extra = pipes.pop("extra", {})
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=environment(**extra), text=True, **pipes
    )
    if plan.cores:
        os.sched_setaffinity(process.pid, plan.cores)
    return process


class Contender:
    """The driver's end of a worker process."""

    def __init__(self, workload: str, name: str, plan: Plan) -> None:
        self.name = name
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by close()
        self.process = start(
            ["-m", "benchmarks.worker", workload, name],
            plan,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )

    def ask(self, **request: float) -> dict[str, Any]:
        """Send a request and wait for the answer; `{"error": ...}` when there is none."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            return {"error": self.last_words()}
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        if not ready:
            self.process.kill()
            return {"error": f"no answer within {PATIENCE:.0f} s"}
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": self.last_words()}

    def last_words(self) -> str:
        code = self.process.wait()
        self.log.seek(0)
        lines = self.log.read().strip().splitlines()
        return f"the process ended with {code}: {lines[-1] if lines else 'no message'}"[:300]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@dataclass
class Result:
    """What one contender did on one case."""

    error: str = ""
    check: list[float] = field(default_factory=list)
    build_seconds: float = 0.0
    flops: float = 0.0
    rounds: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float | None:
        return statistics.median(self.rounds) if self.rounds and not self.error else None


def alternate(contenders: list[Contender], results: dict[str, Result], plan: Plan) -> None:
    """Rounds in which everyone runs once; the order turns round each time."""
    for turn in range(plan.rounds):
        for contender in contenders[:: -1 if turn % 2 else 1]:
            result = results[contender.name]
            if result.error:
                continue
            answer = contender.ask(run=plan.seconds)
            result.error = answer.get("error", "")
            if not result.error:
                result.rounds.append(answer["median"])


def run_case(index: int, case: Case, contenders: list[Contender], plan: Plan) -> dict[str, Result]:
    results: dict[str, Result] = {}
    for contender in contenders:
        answer = contender.ask(build=index)
        results[contender.name] = Result(
            error=answer.get("error", ""),
            check=answer.get("check", []),
            build_seconds=answer.get("seconds", 0.0),
            flops=answer.get("flops", 0.0) or case.flops,
        )
    alternate(contenders, results, plan)
    return results


def disagreement(results: dict[str, Result]) -> str:
    """A warning when two contenders did not compute the same thing."""
    checked = {name: r.check for name, r in results.items() if r.check and not r.error}
    if len(checked) < 2:
        return ""
    name = TORCH if TORCH in checked else next(iter(checked))
    reference = checked[name]
    wrong = [
        f"{other} {numbers[-1]:.6g}"
        for other, numbers in checked.items()
        if len(numbers) != len(reference)
        or any(
            not abs(a - b) <= AGREE * max(abs(b), 1e-3)
            for a, b in zip(numbers, reference, strict=True)
        )
    ]
    return f"NOT THE SAME ANSWER: {name} {reference[-1]:.6g}, {', '.join(wrong)}" if wrong else ""


def ours(results: dict[str, Result]) -> float | None:
    return next((r.seconds for name, r in results.items() if is_ours(name) and r.seconds), None)


def ratio(theirs: float | None, mine: float | None) -> str:
    return f"{theirs / mine:.2f}x" if theirs and mine else ""


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def case_row(case: Case, results: dict[str, Result], names: list[str], peak: float) -> list[str]:
    shown = [duration(results[n].seconds) + share(case, results[n].seconds, peak) for n in names]
    mine = ours(results)
    others = [results[n].seconds for n in (COMPILED, JAX) if n in results]
    best = min((s for s in others if s), default=None)
    torch = results[TORCH].seconds if TORCH in results else None
    return [case.name, *shown, ratio(torch, mine), ratio(best, mine)]


def share(case: Case, seconds: float | None, peak: float) -> str:
    """The share of the machine's peak that the arithmetic of a step reaches."""
    if not (case.flops and seconds and peak):
        return ""
    return f" {100 * case.flops / seconds / peak:3.0f}%"


def peak_of(results: dict[str, Result], otherwise: float) -> float:
    seconds = results[PEAK].seconds if PEAK in results else None
    return results[PEAK].flops / seconds if seconds else otherwise


def run_workload(name: str, plan: Plan, peak: dict[int, float]) -> Section:
    """Measure one workload; `peak` is the machine's, by number of threads."""
    workload: Workload = importlib.import_module(f"benchmarks.workloads.{name}")  # type: ignore[assignment]
    wanted = [c for c in workload.BUILDERS if plan.wants(c)]
    shown = [c for c in wanted if c != PEAK]
    section = Section(name, workload.TITLE, ["", *shown, "torch / ours", "best other / ours"])
    if any(case.flops for case in workload.CASES):
        section.title += " (%: share of FMA peak)"
    failures: list[tuple[str, str, str]] = []
    contenders = [Contender(name, c, plan) for c in wanted]
    try:
        for index, case in enumerate(workload.CASES):
            results = run_case(index, case, contenders, plan)
            top = peak_of(results, peak.get(case.threads, 0.0))
            section.rows.append(case_row(case, results, shown, top))
            note = disagreement(results)
            section.notes += [f"{case.name}: {note}"] if note else []
            failures += [(n, r.error, case.name) for n, r in results.items() if r.error]
            section.data.append(record(case, results, top))
    finally:
        for contender in contenders:
            contender.close()
    section.notes += reasons(failures, len(workload.CASES))
    return section


def reasons(failures: list[tuple[str, str, str]], cases: int = 0) -> list[str]:
    """Each reason once, with the cases it stopped."""
    where: dict[tuple[str, str], list[str]] = {}
    for contender, error, case in failures:
        where.setdefault((contender, error), []).append(case)
    return [
        f"{contender}{'' if len(stopped) == cases else ' (' + '; '.join(stopped) + ')'}: {error}"
        for (contender, error), stopped in where.items()
    ]


def record(case: Case, results: dict[str, Result], peak: float) -> dict[str, object]:
    return {
        "case": case.name,
        "threads": case.threads,
        "flops": case.flops,
        "peak_flops_per_second": peak,
        "contenders": {n: {**vars(r), "seconds": r.seconds} for n, r in results.items()},
    }
