"""What of PyTorch there is: printed while one works on it, and written for users.

    python tests/against_torch/compatibility.py walk [name ...] [--few 3] [--core] [--kinds samples]

tries the operations whose names begin so (all, without any) on PyTorch's samples, and prints what
differs, with counts.

    python tests/against_torch/compatibility.py write

writes `docs/compatibility.md` from the names that there are and `known_differences.py`, which
`test_sample_database.py` proves. Another family of names is another function in `SECTIONS`.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import known_differences
import torch
from sample_database import COMPARED, KINDS, OPERATIONS, core_names, differences, left_out, ours_of
from torch.testing._internal.common_modules import module_db
from torch.testing._internal.common_optimizers import optim_db

import zincir
from zincir.as_torch import nn as nn_as_torch

TABLE = Path(__file__).parents[2] / "docs" / "compatibility.md"

WORKS, DIFFERS, ABSENT = "works", "differs", "absent"


@dataclass(frozen=True)
class Row:
    """One name, and what there is of it.

    Args:
        note: how it differs.
    """

    name: str
    status: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A family of names."""

    title: str
    text: str
    rows: tuple[Row, ...]


def status_of(name: str) -> Row:
    """What there is of an operation."""
    if ours_of(OPERATIONS[name]) is None:
        return Row(name, ABSENT)
    known = known_differences.OPERATIONS.get(name, {})
    notes = [f"{_KIND[kind]}{reason}" for kind, reason in known.items()]
    return Row(name, DIFFERS if notes else WORKS, "; ".join(notes))


_KIND = {"samples": "", "variants": "variants: ", "errors": "errors: "}


def operations() -> Section:
    """The operations that PyTorch has samples of."""
    rows = tuple(status_of(name) for name in sorted(COMPARED, key=str.lower))
    core = [status_of(name).status for name in core_names()]
    why = Counter(reason for op in OPERATIONS.values() if (reason := left_out(op)))
    left = ", ".join(f"{reason} ({n})" for reason, n in sorted(why.items()))
    text = (
        f"PyTorch tests {len(OPERATIONS)} operations and variants of them on samples;"
        f" {len(COMPARED)} are compared, with values, types, gradients, methods, variants"
        f" in place and with `out=`, and with what must be refused. Of the {len(core)} that"
        f" count first (`tests/against_torch/core_operations.txt`), {core.count(WORKS)} work"
        f" without any difference. Not compared: {left}."
    )
    return Section("Operations", text, rows)


def layers() -> Section:
    """The public classes of `torch.nn`."""
    sampled = {info.module_cls.__name__ for info in module_db}
    text = (
        f"`test_module_db.py` compares {len(sampled)} of them over all of PyTorch's samples, in"
        " float32 and float64: results, gradients of inputs and parameters, buffers, and states"
        " that are PyTorch's; the others have tests of their own. What draws random numbers draws"
        " other ones than PyTorch, with the same distribution."
    )
    found = [name for name in dir(torch.nn) if isinstance(getattr(torch.nn, name), type)]
    rows = [_named(name, _LAYERS, known_differences.LAYERS) for name in found]
    return Section("Layers", text, tuple(sorted(rows, key=lambda row: row.name.lower())))


_LAYERS = SimpleNamespace(**{**vars(zincir.nn), **vars(nn_as_torch)})


def optimizers() -> Section:
    """The optimizers of PyTorch's own database."""
    text = (
        "`test_optim_db.py` compares each over all inputs of PyTorch's database, plain and in"
        " compiled steps. In all of them `differentiable=True` and complex parameters are refused."
    )
    rows = [_named(info.name, zincir.optim, _OPTIMIZERS) for info in optim_db]
    return Section("Optimizers", text, tuple(sorted(rows, key=lambda row: row.name.lower())))


_OPTIMIZERS = {
    "SparseAdam": "gradients are tensors like any other, and know which rows were looked up",
    "LBFGS": "its step cannot be compiled; what it is called with can",
}


def schedules() -> Section:
    """The schedules of learning rates."""
    text = "`test_lr_scheduler.py` compares rates and states over hundreds of steps, to the digit."
    names = sorted(set(torch.optim.lr_scheduler.__all__) - {"LRScheduler"}, key=str.lower)
    rows = [_named(name, zincir.optim.lr_scheduler, {}) for name in names]
    return Section("Schedules", text, tuple(rows))


def _named(name: str, module: Any, differing: Mapping[str, str]) -> Row:
    note = differing.get(name, "")
    if not hasattr(module, name):
        return Row(name, ABSENT, note)
    return Row(name, DIFFERS if note else WORKS, note)


SECTIONS: tuple[Callable[[], Section], ...] = (operations, layers, optimizers, schedules)


def written(sections: Iterable[Section]) -> str:
    """The page for users."""
    lines = [
        "# What of PyTorch there is",
        "",
        "Written by `python tests/against_torch/compatibility.py write`, and compared with it by a",
        "test. `make test TORCH=1` tries a sample of every row in each type of elements that it",
        "takes; all samples, and whether what differs still does, are tried by",
        "`make test TORCH=1 PYTEST_ARGS='-m slow --timeout 7200'`.",
    ]
    for section in sections:
        counts = Counter(row.status for row in section.rows)
        total = ", ".join(f"{counts[status]} {word}" for status, word in _COUNTED.items())
        lines += [
            "",
            f"## {section.title}",
            "",
            section.text,
            "",
            f"{len(section.rows)}: {total}.",
            "",
        ]
        lines += ["| name | | how it differs |", "|---|---|---|"]
        lines += [f"| `{r.name}` | {r.status} | {r.note} |" for r in section.rows]
    return "\n".join(lines) + "\n"


_COUNTED = {WORKS: "work", DIFFERS: "differ", ABSENT: "are absent"}


def walk(names: list[str], few: int | None, kinds: list[str], show: int) -> None:
    """Print what differs, and counts."""
    counts: Counter[str] = Counter()
    for name in names:
        found = differences(name, few, kinds)
        counts["all"] += 1
        counts["samples pass"] += "absent" not in found and "samples" not in found
        counts["everything passes"] += not found
        for kind, problems in found.items():
            counts[f"differ in {kind}"] += 1
            print(f"{name}: {kind}: {len(problems)}")
            for problem in problems[:show]:
                print(f"    {problem}")
        sys.stdout.flush()
        gc.collect()
    print(dict(counts))


def main() -> None:
    """Walk, or write."""
    parser = argparse.ArgumentParser(description="what of PyTorch there is")
    parser.add_argument("what", choices=("walk", "write"))
    parser.add_argument("names", nargs="*", help="how names begin; all, without any")
    parser.add_argument("--few", type=int, help="samples of each type; all, if not given")
    parser.add_argument("--core", action="store_true", help="only those that count first")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--show", type=int, default=3, help="differences shown of each kind")
    given = parser.parse_args()
    if given.what == "write":
        TABLE.write_text(written(section() for section in SECTIONS), "utf-8")
        return
    names = core_names() if given.core else list(COMPARED)
    exact = [n for n in names if n in given.names]
    chosen = exact or [n for n in names if n.startswith(tuple(given.names) or "")]
    walk(chosen, given.few, given.kinds.split(","), given.show)


if __name__ == "__main__":
    main()
