"""`python -m benchmarks.doctor [--set clean,faults,invariance,cures] [--half report] [--jobs 2]`.

Prints tables, as Markdown with `--plain`, and keeps all records in `out/`; a run that was broken
off goes on where it was. `--quick` takes every fifth healthy run, and three seeds of each fault.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.doctor.jobs import ROOT, Store, complete
from benchmarks.doctor.sets import SETS, jobs_of


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.doctor", description=__doc__)
    parser.add_argument("--set", default="clean,faults,invariance,cures", help=", ".join(SETS))
    parser.add_argument("--half", choices=("tune", "report"), help="one half of the models")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--quick", action="store_true", help="a fraction of the runs")
    parser.add_argument("--only", default="", help="runs whose names contain this")
    parser.add_argument("--plain", action="store_true", help="tables as Markdown")
    parser.add_argument("--all", action="store_true", help="a line for every run, not for misses")
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="folder of the records")
    given = parser.parse_args()
    given.sets = [name for name in given.set.split(",") if name]
    for name in given.sets:
        if name not in SETS:
            parser.error(f"{name!r} is not one of {', '.join(SETS)}")
    return given


def main() -> None:
    given = arguments()
    for name in given.sets:
        chosen = SETS[name]
        names = [n for n in chosen.names(given.quick) if given.only in n]
        if given.half:
            names = [n for n in names if chosen.half(n) == given.half]
        store = Store(given.out, name)
        complete(jobs_of, name, names, store, given.jobs)
        chosen.show([store.records[n] for n in names], given.plain, given.all)


if __name__ == "__main__":
    main()
