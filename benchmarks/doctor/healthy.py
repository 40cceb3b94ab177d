"""Healthy runs: nets, activations, optimizers, scales and data in many combinations.

A run counts only if it learnt: if its held-out metric is at least that which its data ask for.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator

from benchmarks.doctor import data as sets, nets
from benchmarks.doctor.data import Data
from benchmarks.doctor.plan import OPTIMIZERS, Plan
from zincir.nn import functional as F

RATES = {"sgd": 0.1, "momentum": 0.02, "adam": 3e-3, "adamw": 3e-3, "rmsprop": 1e-3}
BY_HAND = frozenset({"by hand"})
LOSSES: dict[str, Callable[..., object]] = {
    "classes": F.cross_entropy,
    "binary": F.binary_cross_entropy_with_logits,
    "numbers": F.mse_loss,
    "text": lambda given, wanted: F.cross_entropy(given.flatten(0, 1), wanted.flatten()),
}

TUNE = frozenset(
    {
        "digits mlp", "digits deep", "digits resnet", "digits dropped", "wine normed",
        "wine residual", "cars mlp", "cars deep", "waves residual", "cancer residual",
        "diabetes mlp", "grams mlp", "moons deep", "penguins dropped", "names gru", "names rnn",
        "names transformer", "rows rnn", "plays gru",
    }
)  # fmt: skip
"""Nets on data on which the rules may be tuned; all others are for the report."""


def half(name: str) -> str:
    """Whether a run is one to tune on or to report, by its data and its net.

    >>> half("digits unit/mlp/relu/adam"), half("digits unit/cnn/relu/adam")
    ('tune', 'report')
    """
    data, net = name.split("/")[:2]
    return "tune" if f"{data.split()[0]} {net}" in TUNE else "report"


def plan(
    data: Data, net: str, act: str, optimizer: str, rate: float | None = None, seed: int = 0
) -> Plan:
    """A run as it should be."""
    make = getattr(nets, net)
    rate = RATES[optimizer] if rate is None else rate
    if act == "sigmoid" and optimizer in ("sgd", "momentum"):
        rate *= 5
    return Plan(
        name=f"{data.name}/{net}/{act}/{optimizer}",
        data=data,
        net=functools.partial(make, data, nets.ACTS[act]),
        loss=LOSSES[data.kind],
        optimizer=lambda model: OPTIMIZERS[optimizer](model.parameters(), rate),
        seed=seed,
        steps=400 if optimizer in ("sgd", "rmsprop") else 300,
    )


ALL = ("relu", "gelu", "tanh", "sigmoid")
_GRID: tuple[tuple[Callable[[], Data], tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (sets.digits, ("", "centred", "sixteen"), ("mlp", "deep", "cnn", "resnet"), ALL),
    (sets.digits, ("", "centred"), ("residual", "dropped"), ("relu", "gelu", "silu")),
    (sets.penguins, ("", "unit"), ("mlp", "dropped", "residual"), ALL),
    (sets.wine, ("standard",), ("mlp", "deep", "residual"), ALL),
    (sets.wine, ("",), ("normed",), ALL),
    (sets.cancer, ("standard", "unit"), ("mlp", "residual"), ALL),
    (sets.cancer, ("",), ("normed",), ALL),
    (sets.cars, ("", "unit"), ("mlp", "deep", "residual"), ALL),
    (sets.diabetes, ("standard",), ("mlp", "residual"), ALL),
    (sets.moons, ("",), ("mlp", "deep"), (*ALL, "leaky")),
    (sets.waves, ("",), ("mlp", "deep", "residual"), ALL),
    (sets.grams, ("",), ("mlp", "dropped"), ALL),
    (sets.names, ("",), ("gru", "lstm", "rnn"), ("tanh",)),
    (sets.names, ("",), ("transformer",), ("relu", "gelu")),
    (sets.rows, ("",), ("gru", "lstm", "rnn"), ("tanh",)),
    (sets.plays, ("",), ("transformer",), ("relu", "gelu")),
    (sets.plays, ("",), ("gru",), ("tanh",)),
)  # fmt: skip
"""Data, their scales, nets and activations; each with two optimizers in turn."""
SEQUENCES = ("gru", "lstm", "rnn", "transformer")


def plans() -> Iterator[Plan]:
    """All of them, each with a seed of its own."""
    turn = itertools.cycle(("sgd", "adam", "momentum", "adamw", "adam", "rmsprop"))
    number = 0
    for load, scales, kinds, acts in _GRID:
        for scale, kind, act in itertools.product(scales, kinds, acts):
            wanted = [next(turn), next(turn)]
            if kind in SEQUENCES:
                wanted = ["adam", "adamw", "rmsprop"]
            for optimizer in wanted:
                data = load().scaled(scale)
                given = plan(data, kind, act, optimizer, seed=number)
                if data.kind == "text":
                    given = given.but(steps=400, batch=16)
                if data.name.startswith("diabetes"):
                    given = given.but(steps=100)  # there is little to learn: soon by heart
                yield given.but(loop=BY_HAND if number % 3 == 2 else frozenset())
                number += 1
