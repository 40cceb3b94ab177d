"""`zincir bench` without a model: a few nets, beside PyTorch where it is installed."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import zincir
from zincir.command_line.workloads import WORKLOADS, Workload
from zincir.models import Profile, profile
from zincir.models.layer_times import steps_in
from zincir.runtime import native, team
from zincir.runtime.peak import peak_flops

_RATE = 1e-3
_WARM = 3
"""Steps before those that are timed."""


def bench_nets(given: argparse.Namespace) -> None:
    """Time the nets that were named, or all."""
    names = given.nets or list(WORKLOADS)
    threads = team.get_num_threads()
    has_torch = not given.without_torch and find_spec("torch") is not None
    rows: list[dict[str, Any]] = []
    out = sys.stdout.write
    if not given.json:
        peak = f"{peak_flops(threads) / 1e9:.0f} GFLOP/s at best"
        out(f"zincir {metadata.version('zincir')} on {native.target().cpu}, "
            f"{threads} thread{'s' * (threads > 1)}, {peak}\n")  # fmt: skip
        out(_line(_TITLES[: 6 + 2 * has_torch]))
    for net in [WORKLOADS[name] for name in names]:
        zincir.manual_seed(0)
        model = net.make(zincir)
        found = profile(model, zincir.nn.CrossEntropyLoss(), _optimizer(zincir, net, model),
                        net.batch(zincir), seconds=given.seconds)  # fmt: skip
        other = _torch_seconds(net, threads, given.seconds) if has_torch else None
        rows.append(_row(net, found, other))
        if not given.json:
            out(_line(_cells(rows[-1], has_torch)))
            if given.layers:
                out(f"\n{found}\n\n")
            sys.stdout.flush()
    if given.json:
        out(json.dumps({"threads": threads, "nets": rows}, indent=2) + "\n")


def _optimizer(library: Any, net: Workload, model: Any) -> Any:
    options = {"momentum": 0.9} if net.optimizer == "SGD" else {}
    return getattr(library.optim, net.optimizer)(model.parameters(), lr=_RATE, **options)


# Beside PyTorch -------------------------------------------------------------------------------


def _torch_seconds(net: Workload, threads: int, seconds: float) -> float | None:
    """The median step of PyTorch on the same net; None if it fails."""
    words = ["bench", net.name, "--only-torch", "--threads", str(threads)]
    words += ["--seconds", str(seconds)]
    done = subprocess.run(
        [sys.executable, "-m", "zincir", *words], capture_output=True, text=True, check=False
    )
    try:
        return float(done.stdout.split()[-1])
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        sys.stderr.write(f"zincir bench: PyTorch did not train {net.name}: {last}\n")
        return None


def torch_alone(given: argparse.Namespace) -> None:
    """Train a net with PyTorch in this process, and print the median of its steps."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(given.threads or team.get_num_threads())
    torch.manual_seed(0)
    workload = WORKLOADS[given.nets[0]]
    model, (x, y) = workload.make(torch), workload.batch(torch)
    optimizer = _optimizer(torch, workload, model)
    loss = torch.nn.CrossEntropyLoss()

    def step() -> float:
        began = time.perf_counter()
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
        return time.perf_counter() - began

    last = [step() for _ in range(_WARM)][-1]
    times = sorted(step() for _ in range(steps_in(given.seconds, last)))
    sys.stdout.write(f"{times[len(times) // 2]}\n")


# What is printed ------------------------------------------------------------------------------


def _row(net: Workload, found: Profile, other: float | None) -> dict[str, Any]:
    samples = len(net.batch(zincir)[0])
    return {
        "net": net.name,
        "batch": samples,
        "seconds": found.seconds,
        "samples_per_second": samples / found.seconds,
        "flops": found.flops,
        "share_of_peak": None if found.peak is None else found.flops / found.peak,
        "torch_seconds": other,
    }


_TITLES = (
    "net", "batch", "step", "samples/s", "GFLOP/s", "of peak", "PyTorch", "times as fast",
)  # fmt: skip
_WIDTHS = (14, 6, 10, 11, 8, 8, 10, 14)


def _line(cells: tuple[str, ...]) -> str:
    sides = [c.rjust(w) for c, w in zip(cells[1:], _WIDTHS[1:], strict=False)]
    return "  ".join([cells[0].ljust(_WIDTHS[0]), *sides]).rstrip() + "\n"


def _cells(row: dict[str, Any], has_torch: bool) -> tuple[str, ...]:
    share, other = row["share_of_peak"], row["torch_seconds"]
    cells = (
        row["net"],
        str(row["batch"]),
        _time(row["seconds"]),
        f"{row['samples_per_second']:,.0f}",
        f"{row['flops'] / 1e9:.1f}",
        "" if share is None else f"{100 * share:.0f} %",
    )
    if not has_torch:
        return cells
    if other is None:
        return *cells, "", ""
    return *cells, _time(other), f"{other / row['seconds']:.2f}"


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"
