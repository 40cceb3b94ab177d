"""A contender's own process: builds a case, runs it for a while when asked, sleeps in between.

One JSON object a line on standard input, one a line back: {"build": 0} prepares the workload's
first case, {"run": 0.3} runs it for that many seconds.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import statistics
import sys
import time
import traceback
from typing import Any

from benchmarks.contract import Running, Workload

WARM_UP = 0.15  # of the time of a run
FEWEST = 3


def timed(running: Running, seconds: float) -> dict[str, Any]:
    """Run for about that long; the first part of it is not counted."""
    step, clock = running.step, time.perf_counter
    end = clock() + WARM_UP * seconds
    step()
    while clock() < end:
        step()
    times: list[float] = []
    end = clock() + seconds
    before = clock()
    while before < end or len(times) < FEWEST:
        step()
        after = clock()
        times.append(after - before)
        before = after
    quarters = statistics.quantiles(times, n=4)
    return {"median": quarters[1], "low": quarters[0], "high": quarters[2], "steps": len(times)}


def reason(error: BaseException) -> str:
    """The first line of what went wrong, for a cell of the table."""
    text = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {text}"[:300]


class Stall:
    """The one contender this process runs."""

    def __init__(self, workload: Workload, contender: str) -> None:
        self.workload, self.contender = workload, contender
        self.running: Running | None = None

    def build(self, index: int) -> dict[str, Any]:
        self.running = None
        gc.collect()
        start = time.perf_counter()
        self.running = self.workload.BUILDERS[self.contender](self.workload.CASES[index])
        check = self.running.check()
        self.running.step()
        seconds = time.perf_counter() - start
        return {"check": check, "seconds": seconds, "flops": self.running.flops}

    def run(self, seconds: float) -> dict[str, Any]:
        assert self.running is not None
        return timed(self.running, seconds)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            if "build" in request:
                return self.build(request["build"])
            return self.run(request["run"])
        except Exception as error:
            traceback.print_exc()
            return {"error": reason(error)}


def main() -> None:
    # libraries may print: the replies have a pipe of their own, everything else goes to stderr
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    name, contender = sys.argv[1:]
    workload: Any = importlib.import_module(f"benchmarks.workloads.{name}")
    stall = Stall(workload, contender)
    for line in sys.stdin:
        print(json.dumps(stall.answer(json.loads(line))), file=replies)


if __name__ == "__main__":
    main()
