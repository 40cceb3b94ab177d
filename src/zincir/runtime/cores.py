"""How many threads are worth having: affinity, cgroup quotas, SLURM, MPI and the user's word."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from zincir import settings
from zincir.settings import MAX_THREADS

_CGROUP = Path("/sys/fs/cgroup")


def default_threads() -> int:
    """Threads to use: the settings, else SLURM's allocation, else the cores there are, of which
    processes that `mpiexec` started together have equal parts.
    """
    chosen = settings.current().num_threads
    if chosen is not None:
        return chosen
    cores, here = available_cores(), processes_here(os.environ)
    if here > 1:  # where mpiexec has bound each to cores of its own, there are so few already
        cores = min(cores, max(1, (os.cpu_count() or 1) // here))
    return slurm_cores(os.environ) or min(cores, MAX_THREADS)


def processes_here(environment: Mapping[str, str]) -> int:
    """How many processes MPICH and its like, or Open MPI, started on this machine."""
    names = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE")
    found = (environment.get(name, "") for name in names)
    return max((int(text) for text in found if text.isdecimal()), default=1) or 1


def available_cores() -> int:
    """Cores this process may really use: affinity and cgroup quota both count."""
    counts = [os.cpu_count() or 1]
    if hasattr(os, "sched_getaffinity"):
        counts.append(len(os.sched_getaffinity(0)))
    quota = cgroup_cores(_text(Path("/proc/self/cgroup")), _text_of)
    if quota is not None:
        counts.append(quota)
    return max(1, min(counts))


def slurm_cores(environment: Mapping[str, str]) -> int | None:
    """What SLURM_CPUS_PER_TASK grants; None when it is unset or unreadable."""
    text = environment.get("SLURM_CPUS_PER_TASK", "")
    return min(int(text), MAX_THREADS) if text.isdecimal() and int(text) > 0 else None


def cgroup_cores(membership: str, read: Callable[[str], str]) -> int | None:
    """Cores granted by the cgroups that `membership` (/proc/self/cgroup) names.

    A limit of any ancestor binds as well, so the smallest from the leaf to the root counts.

    Args:
        membership: lines `id:controllers:path`; version 2 has no controllers.
        read: text of a file below /sys/fs/cgroup by its relative path, "" when absent.
    """
    limits: list[int] = []
    for line in membership.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for folder in _ancestors(path):
            if controllers == "":
                limits.append(quota_v2(read(f"{folder}cpu.max")) or 0)
            elif "cpu" in controllers.split(","):
                for mount in ("cpu", controllers):
                    at = f"{mount}/{folder}"
                    limit = quota_v1(read(f"{at}cpu.cfs_quota_us"), read(f"{at}cpu.cfs_period_us"))
                    limits.append(limit or 0)
    return min((limit for limit in limits if limit), default=None)


def quota_v2(cpu_max: str) -> int | None:
    """Cores in a cgroup v2 `cpu.max`, rounded up; None for no limit.

    >>> quota_v2("150000 100000"), quota_v2("max 100000")
    (2, None)
    """
    fields = cpu_max.split()
    if not fields or fields[0] == "max":
        return None
    return quota_v1(fields[0], fields[1] if len(fields) > 1 else "100000")


def quota_v1(quota: str, period: str) -> int | None:
    """Cores in the two files of cgroup v1, rounded up; None for no limit (-1)."""
    try:
        microseconds, of = int(quota), int(period)
    except ValueError:
        return None
    return max(1, math.ceil(microseconds / of)) if microseconds > 0 and of > 0 else None


def _ancestors(path: str) -> list[str]:
    """Folder prefixes from the cgroup at `path` up to the root, "" for the root itself."""
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
    return ["".join(f"{part}/" for part in parts[:end]) for end in range(len(parts), -1, -1)]


def _text_of(relative: str) -> str:
    return _text(_CGROUP / relative)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
