"""The sets by name."""

from __future__ import annotations

from benchmarks.doctor.clean_set import CLEAN
from benchmarks.doctor.cure_set import CURES
from benchmarks.doctor.fault_set import FAULTY
from benchmarks.doctor.invariance_set import INVARIANT
from benchmarks.doctor.jobs import Job
from benchmarks.doctor.records import Set

SETS: dict[str, Set] = {"clean": CLEAN, "faults": FAULTY, "invariance": INVARIANT, "cures": CURES}


def jobs_of(name: str) -> dict[str, Job]:
    """The jobs of a set."""
    return SETS[name].jobs()
