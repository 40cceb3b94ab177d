"""Square products in float32, all four transpositions, beside the machine's measured peak."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.contract import PEAK, TORCH, ZINCIR, Case, Running
from benchmarks.peak import peak_step

TITLE = "matmul, float32, n x n x n (N: as stored, T: transposed)"
CASES = tuple(
    Case(
        f"{n} {kind}, {threads} thread{'s' * (threads > 1)}",
        threads=threads,
        flops=2.0 * n**3,
        options={"n": n, "kind": kind},
    )
    for threads in (1, 2)
    for n in (512, 1024)
    for kind in ("NN", "NT", "TN", "TT")
)

PRODUCTS: dict[str, Callable[[Any, Any], Any]] = {
    "NN": lambda a, b: a @ b,
    "NT": lambda a, b: a @ b.T,
    "TN": lambda a, b: a.T @ b,
    "TT": lambda a, b: a.T @ b.T,
}


def operands(case: Case) -> tuple[np.ndarray, np.ndarray]:
    random, n = np.random.default_rng(1), case.number("n")
    return tuple(random.standard_normal((n, n)).astype(np.float32) for _ in "ab")  # type: ignore[return-value]


def summary(result: np.ndarray) -> list[float]:
    """A few of its numbers, scaled to about one, and a sum that sees every element."""
    n = len(result)
    return [float(np.abs(result).mean()), *(result[:: n // 3, n // 2] / n**0.5).tolist()]


def zincir(case: Case) -> Running:
    import zincir as torch

    torch.set_num_threads(case.threads)
    a, b = (torch.from_numpy(m) for m in operands(case))
    product = torch.compile(PRODUCTS[case.word("kind")])
    return Running(lambda: product(a, b), lambda: summary(product(a, b).numpy()))


def torch(case: Case) -> Running:
    import torch

    torch.set_num_threads(case.threads)
    a, b = (torch.from_numpy(m) for m in operands(case))
    if case.word("kind")[0] == "T":
        a = a.T
    if case.word("kind")[1] == "T":
        b = b.T
    return Running(lambda: torch.mm(a, b), lambda: summary(torch.mm(a, b).numpy()))


def peak(case: Case) -> Running:
    """Multiply-adds on registers, on the same number of threads, in the same rounds."""
    work = peak_step(case.threads)
    return Running(work.step, lambda: [], flops=work.flops)


BUILDERS = {ZINCIR: zincir, TORCH: torch, PEAK: peak}
