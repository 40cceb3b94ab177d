"""What a workload file offers, and the words the driver and its workers share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

ZINCIR, PLAIN, TORCH, COMPILED, JAX, PEAK = (
    "zincir",
    "zincir plain",
    "torch",
    "torch.compile",
    "jax",
    "peak",
)


@dataclass(frozen=True)
class Case:
    """One line of a workload's table. `flops` is the arithmetic of a step, 0 when not stated."""

    name: str
    threads: int = 2
    flops: float = 0.0
    options: Mapping[str, int | str] = field(default_factory=dict)

    def number(self, key: str) -> int:
        return int(self.options[key])

    def word(self, key: str) -> str:
        return str(self.options[key])


@dataclass(frozen=True)
class Running:
    """A contender ready to run: `check` gives numbers all contenders must agree on, and is called
    once, before `step` is timed.
    """

    step: Callable[[], object]
    check: Callable[[], list[float]]
    flops: float = 0.0  # where it differs from the case's


Builder = Callable[[Case], Running]


class Workload(Protocol):
    """A module in `benchmarks/workloads`."""

    TITLE: str
    CASES: tuple[Case, ...]
    BUILDERS: Mapping[str, Builder]


def is_ours(contender: str) -> bool:
    """Whether this is a way of running Zincir."""
    return contender.split()[0] == ZINCIR


@dataclass
class Section:
    """A finished table: what is printed and what is written to the JSON file."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    data: list[dict[str, object]] = field(default_factory=list)
