"""One measurement that needs a fresh process: `python -m benchmarks.probe import zincir`.

Prints one JSON object. What: `import`, `first` (the first training step), `memory` (300 steps).
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS = 300
BATCH = 128
MODULE = {"torch.compile": "torch"}


def process_age() -> float:
    """Seconds since this process was started, Python's own start included."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return uptime - ticks / os.sysconf("SC_CLK_TCK")


def peak_memory() -> int:
    """Bytes this process ever had resident."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel does not say VmHWM")


def importing(contender: str) -> dict[str, float]:
    start = time.perf_counter()
    importlib.import_module(MODULE.get(contender, contender))
    return {"seconds": time.perf_counter() - start}


def contender_step(contender: str) -> tuple[Any, Callable[[], Any]]:
    from benchmarks import training
    from benchmarks.contract import Case

    builders = {
        "zincir": training.zincir_compiled,
        "torch": training.torch_eager,
        "torch.compile": training.torch_compiled,
        "jax": training.jax_jit,
    }
    task = training.mlp_task(BATCH)
    importlib.import_module(MODULE.get(contender, contender))
    return builders[contender], lambda: builders[contender](Case(""), task)


def first(contender: str) -> dict[str, float]:
    """The first step alone; with building the net; and all of it, from the start of Python."""
    _, build = contender_step(contender)
    start = time.perf_counter()
    step = build().step
    built = time.perf_counter()
    step()
    end = time.perf_counter()
    return {"seconds": end - built, "with_model": end - start, "script": process_age()}


def memory(contender: str) -> dict[str, float]:
    _, build = contender_step(contender)
    running = build()
    for _ in range(STEPS):
        running.step()
    running.check()
    return {"bytes": peak_memory()}


if __name__ == "__main__":
    what, who = sys.argv[1:]
    print(json.dumps({"import": importing, "first": first, "memory": memory}[what](who)))
