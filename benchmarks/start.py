"""What a user waits for before anything trains: import, first step, memory, disk."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from pathlib import Path

from benchmarks.contract import COMPILED, JAX, TORCH, ZINCIR, Section
from benchmarks.driver import PATIENCE, Plan, reasons, start
from benchmarks.installed import installed_bytes

TITLE = "before the first step: MLP 784-128-10, batch 128, every number from fresh processes"
NAMES = (ZINCIR, TORCH, COMPILED, JAX)
# where each keeps compiled code between runs
CACHES = {
    ZINCIR: {"ZINCIR_CACHE_DIR": ""},
    COMPILED: {"TORCHINDUCTOR_CACHE_DIR": ""},
    JAX: {
        "JAX_COMPILATION_CACHE_DIR": "",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    },
}
MEGA = 1e6


def probe(what: str, who: str, plan: Plan, cache: str = "") -> dict[str, float] | str:
    """Run one probe in a fresh process; a text says why it failed."""
    extra = {key: value or cache for key, value in CACHES.get(who, {}).items()} if cache else {}
    process = start(
        ["-m", "benchmarks.probe", what, who],
        plan,
        extra=extra,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        out, complaints = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"no answer within {PATIENCE:.0f} s"
    if process.returncode:
        return (complaints.strip().splitlines() or ["no message"])[-1][:300]
    return json.loads(out.strip().splitlines()[-1])


class Sheet:
    """Collects one line of the table: a figure of every contender, or why there is none."""

    def __init__(self, section: Section, names: list[str]) -> None:
        self.section, self.names = section, names
        self.failures: list[tuple[str, str, str]] = []

    def line(self, title: str, unit: str, figures: dict[str, list[dict[str, float] | str]],
             key: str = "seconds", scale: float = 1e-3) -> None:  # fmt: skip
        row, data = [title], {}
        for name in self.names:
            got = figures.get(name, [])
            numbers = [g[key] for g in got if not isinstance(g, str)]
            data[name] = {"median": statistics.median(numbers) if numbers else None, "all": numbers}
            row.append(f"{statistics.median(numbers) / scale:.1f} {unit}" if numbers else "-")
            failed = {g for g in got if isinstance(g, str)}
            self.failures += [(name, text, title) for text in sorted(failed)]
        self.section.rows.append(row)
        self.section.data.append({"case": title, "contenders": data})


def run(plan: Plan) -> Section:
    names = [n for n in NAMES if plan.wants(n)]
    section = Section("start", TITLE, ["", *names])
    sheet = Sheet(section, names)
    imported = [n for n in names if n != COMPILED]
    figures = {n: [] for n in imported}
    for _ in range(max(1, round(plan.rounds * 10 / 7))):
        for name in imported:
            figures[name].append(probe("import", name, plan))
    sheet.line("import", "ms", figures)
    first_steps(sheet, names, plan)
    repeats = range(min(3, plan.rounds))
    figures = {n: [probe("memory", n, plan) for _ in repeats] for n in names}
    sheet.line("most memory resident, 300 steps", "MB", figures, key="bytes", scale=MEGA)
    disk(sheet, imported)
    section.notes += reasons(sheet.failures)
    return section


def first_steps(sheet: Sheet, names: list[str], plan: Plan) -> None:
    cold: dict[str, list[dict[str, float] | str]] = {n: [] for n in names}
    warm: dict[str, list[dict[str, float] | str]] = {n: [] for n in names}
    for _ in range(min(5, plan.rounds)):
        for name in names:
            with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
                cache = str(Path(folder) / "cache")
                cold[name].append(probe("first", name, plan, cache))
                if name in CACHES and not isinstance(cold[name][-1], str):
                    warm[name].append(probe("first", name, plan, cache))
    sheet.line("first step, empty cache", "ms", cold)
    sheet.line("first step, from the disk cache", "ms", warm)
    sheet.line("model and first step, empty cache", "ms", cold, key="with_model")
    sheet.line("model and first step, from the disk cache", "ms", warm, key="with_model")
    sheet.line("whole script to the first step, empty cache", "ms", cold, key="script")
    sheet.line("whole script to the first step, disk cache", "ms", warm, key="script")


def disk(sheet: Sheet, names: list[str]) -> None:
    figures: dict[str, list[dict[str, float] | str]] = {}
    for name in names:
        total = sum(installed_bytes(name).values())
        figures[name] = [{"bytes": float(total)} if total else "not installed"]
    sheet.line("disk, with what it depends on", "MB", figures, key="bytes", scale=MEGA)
