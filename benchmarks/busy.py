"""A step while another process keeps one core busy: threads that spin collapse here."""

from __future__ import annotations

import statistics
import subprocess
import time

from benchmarks.contract import JAX, TORCH, ZINCIR, Section
from benchmarks.driver import Contender, Plan, duration, start

TITLE = "MLP 784-128-10, batch 32, while another process burns one core"
NAMES = (ZINCIR, TORCH, JAX)
SETTLE = 0.1
LIMIT = 3.0


def burner(plan: Plan) -> subprocess.Popen[str]:
    return start(["-c", "while True: pass"], plan)


def measure(contender: Contender, plan: Plan) -> tuple[list[float], list[float], str]:
    """Medians of rounds alone and in company, in alternation."""
    alone: list[float] = []
    company: list[float] = []
    for _ in range(plan.rounds):
        answer = contender.ask(run=plan.seconds)
        if "error" in answer:
            return alone, company, answer["error"]
        alone.append(answer["median"])
        other = burner(plan)
        try:
            time.sleep(SETTLE)
            answer = contender.ask(run=plan.seconds)
        finally:
            other.kill()
            other.wait()
        if "error" in answer:
            return alone, company, answer["error"]
        company.append(answer["median"])
    return alone, company, ""


def run(plan: Plan) -> Section:
    section = Section("busy", TITLE, ["", "alone", "in company", "times as long"])
    for name in (n for n in NAMES if plan.wants(n)):
        contender = Contender("mlp", name, plan)
        try:
            built = contender.ask(build=0)
            error = built.get("error", "")
            alone, company, late = ([], [], "") if error else measure(contender, plan)
        finally:
            contender.close()
        error = error or late
        if error:
            section.rows.append([name, "-", "-", ""])
            section.notes.append(f"{name}: {error}")
        else:
            quiet, loud = statistics.median(alone), statistics.median(company)
            row = [name, duration(quiet), duration(loud), f"{loud / quiet:.2f}"]
            section.rows.append(row)
        section.data.append({"case": name, "alone": alone, "company": company, "error": error})
    return section
