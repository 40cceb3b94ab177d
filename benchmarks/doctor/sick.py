"""Sick runs: each fault in each of its bases, with ten seeds; and their healthy twins."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.doctor import data as sets
from benchmarks.doctor.faults import FAULTS, Fault
from benchmarks.doctor.healthy import BY_HAND, plan
from benchmarks.doctor.plan import Plan

SEEDS = 10
BASES: dict[str, Callable[[int], Plan]] = {
    # to tune on (see `healthy.TUNE`)
    "digits": lambda seed: plan(sets.digits(), "mlp", "relu", "adam", seed=seed),
    "digits_sgd": lambda seed: plan(sets.digits(), "mlp", "gelu", "sgd", seed=seed),
    "deep": lambda seed: plan(
        sets.digits().scaled("centred"), "deep", "tanh", "momentum", seed=seed
    ),
    "cars": lambda seed: plan(sets.cars(), "mlp", "relu", "adam", seed=seed),
    "waves": lambda seed: plan(sets.waves(), "residual", "gelu", "sgd", 0.02, seed=seed),
    "names": lambda seed: plan(sets.names(), "gru", "tanh", "adam", seed=seed),
    "names_rnn": lambda seed: plan(sets.names(), "rnn", "tanh", "adam", seed=seed),
    "rows_rnn": lambda seed: plan(sets.rows(), "rnn", "tanh", "adam", seed=seed),
    "resnet": lambda seed: plan(sets.digits(), "resnet", "relu", "adam", seed=seed),
    # to report
    "cnn": lambda seed: plan(sets.digits(), "cnn", "relu", "momentum", 0.05, seed=seed),
    "penguins": lambda seed: plan(sets.penguins(), "mlp", "gelu", "adamw", seed=seed),
    "wine": lambda seed: plan(sets.wine().scaled("standard"), "mlp", "relu", "sgd", seed=seed),
    "cancer": lambda seed: plan(sets.cancer().scaled("standard"), "mlp", "relu", "adam", seed=seed),
    "normed": lambda seed: plan(sets.cancer(), "normed", "relu", "adam", seed=seed),
    "moons": lambda seed: plan(sets.moons(), "mlp", "tanh", "adam", seed=seed),
    "waves_mlp": lambda seed: plan(sets.waves(), "mlp", "relu", "adam", seed=seed),
    "waves_tanh": lambda seed: plan(sets.waves(), "mlp", "tanh", "adam", seed=seed),
    "deep_report": lambda seed: plan(sets.waves(), "deep", "relu", "adam", seed=seed),
    "lstm": lambda seed: plan(sets.rows(), "lstm", "tanh", "adam", seed=seed),
    "plays": lambda seed: plan(sets.plays(), "transformer", "gelu", "adam", seed=seed).but(
        batch=16
    ),
}
"""Healthy runs that faults are put into."""


def pairs() -> Iterator[tuple[Fault, str]]:
    """All faults with their bases."""
    for fault in FAULTS:
        for base in fault.bases:
            yield fault, base


def sick(fault: Fault, base: str, seed: int) -> Plan:
    """A run with a fault."""
    return fault.put(BASES[base](seed))


def twin(fault: Fault, base: str, seed: int) -> tuple[str, Plan]:
    """The same run without it, and its name: judged alike, in the same kind of loop."""
    with_fault = sick(fault, base, seed)
    healthy = BASES[base](seed)
    name = base
    if with_fault.loop:
        healthy, name = healthy.but(loop=BY_HAND), f"{name} by hand"
    if with_fault.check is not None:
        healthy = healthy.but(check=with_fault.check)
        name += f" {with_fault.check.__name__.strip('_')}"
    return name, healthy
