"""The runs of a set by name, done by several processes; what is done is on disk, and stays done.

Results are those of one state of the code: the folder of a set is named after a digest of the
doctor's and this harness's sources, so that a run that was broken off goes on, and one with other
rules begins anew.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
Record = dict[str, Any]
Job = Callable[[], Record]


def digest() -> str:
    """A name for the state of the sources that results depend on."""
    found = hashlib.sha256()
    for folder in ("src/zincir/doctor", "src/zincir/trainer", "benchmarks/doctor"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()[:12]


class Store:
    """Records by name, a line each in a file."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"doctor-{name}-{digest()}.jsonl"
        self.records: dict[str, Record] = {}
        if self.path.exists():
            for line in self.path.read_text("utf-8").splitlines():
                record = json.loads(line)
                self.records[record["name"]] = record

    def add(self, record: Record) -> None:
        """Keep a record, on disk at once."""
        self.records[record["name"]] = record
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def complete(
    jobs_of: Callable[[str], dict[str, Job]], wanted: str, names: Iterable[str], store: Store,
    processes: int,
) -> None:  # fmt: skip
    """Do what is not done yet; `jobs_of` gives the jobs of a set, in every process anew."""
    left = [name for name in names if name not in store.records]
    began = time.perf_counter()
    for done, record in enumerate(_results(jobs_of, wanted, left, processes), 1):
        store.add(record)
        if done % 25 == 0 or done == len(left):
            seconds = time.perf_counter() - began
            print(f"{wanted}: {done} of {len(left)} runs, {seconds:.0f} s", flush=True)


def _results(
    jobs_of: Callable[[str], dict[str, Job]], wanted: str, names: list[str], processes: int
) -> Iterable[Record]:
    if processes < 2:
        jobs = jobs_of(wanted)
        for name in names:
            yield {"name": name, **jobs[name]()}
        return
    os.environ["ZINCIR_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _begin, (jobs_of, wanted)) as pool:
        yield from pool.imap_unordered(_do, names, 4)


_JOBS: dict[str, Job] = {}


def _begin(jobs_of: Callable[[str], dict[str, Job]], wanted: str) -> None:
    _JOBS.update(jobs_of(wanted))


def _do(name: str) -> Record:
    return {"name": name, **_JOBS[name]()}
