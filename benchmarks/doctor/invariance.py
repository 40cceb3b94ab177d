"""Changes that must not change a verdict: the loss times 1,000, wider nets, larger batches, units
in another order.

Each is made to a healthy run, and the fault, if there is one, is put in afterwards.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import zincir
from benchmarks.doctor.faults import FAULTS, Fault
from benchmarks.doctor.plan import Plan
from benchmarks.doctor.sick import BASES
from zincir import nn


def scaled_loss(plan: Plan) -> Plan:
    loss = plan.loss
    return plan.but(loss=lambda given, wanted: 1000 * loss(given, wanted))


def wider(plan: Plan) -> Plan:
    make: Any = plan.net
    width = inspect.signature(make.func).parameters["width"].default
    return plan.but(net=functools.partial(make, width=4 * width))


def larger_batch(plan: Plan) -> Plan:
    return plan.but(batch=4 * plan.batch)


def permuted(plan: Plan) -> Plan:
    make = plan.net

    def net() -> nn.Module:
        made = make()
        linear = [m for m in made.children() if isinstance(m, nn.Linear)]
        rng = np.random.default_rng(0)
        with zincir.no_grad():
            for one, two in itertools.pairwise(linear):
                order = zincir.tensor(rng.permutation(one.weight.shape[0]))
                one.weight.copy_(one.weight[order])
                one.bias.copy_(one.bias[order])
                two.weight.copy_(two.weight[:, order])
        return made

    return plan.but(net=net)


CHANGES: dict[str, Callable[[Plan], Plan]] = {
    "loss x 1000": scaled_loss,
    "width x 4": wider,
    "batch x 4": larger_batch,
    "units permuted": permuted,
}
SEEDS = 2
_HEALTHY = ("digits", "digits_sgd", "deep", "cars", "penguins", "wine", "cancer", "moons", "cnn")
_SICK = (
    ("softmax before cross-entropy", "digits"),
    ("weights too small, deep", "deep"),
    ("weights too large, deep", "deep"),
    ("sigmoid in a deep net", "deep"),
    ("sigmoid in a deep net", "deep_report"),
    ("biases of -20", "digits"),
    ("weights all alike", "digits"),
    ("detach in the middle", "digits"),
    ("dropout of 1", "penguins"),
    ("raw units", "wine"),
    ("labels shuffled", "digits"),
    ("rate 300 times higher, SGD", "wine"),
    ("rate 100 times higher, Adam", "cars"),
    ("rate 3,000 times lower", "digits_sgd"),
    ("rate 3,000 times lower", "cars"),
    ("weight decay of 3", "digits_sgd"),
    ("zero_grad missing", "digits_sgd"),
)
_ADAM = ("digits", "cars", "penguins", "cancer", "moons", "deep_report")
_STACKED = ("digits", "digits_sgd", "deep", "cars", "penguins", "wine", "cancer", "moons",
            "deep_report")  # fmt: skip


def _applies(change: str, base: str) -> bool:
    if change == "loss x 1000":
        return base in _ADAM
    return change != "units permuted" or base in _STACKED


def cases() -> Iterator[tuple[str, Plan]]:
    """All runs by name: what they are of, the change ("as it is" for none), the seed."""
    known = {f.name: f for f in FAULTS}
    wanted: list[tuple[Fault | None, str]] = [(None, base) for base in _HEALTHY]
    wanted += [(known[name], base) for name, base in _SICK]
    for fault, base in wanted:
        name = f"{fault.name if fault else 'healthy'} @ {base}"
        for seed in range(SEEDS):
            for change in ("as it is", *CHANGES):
                if change == "as it is" or _applies(change, base):
                    plan = CHANGES.get(change, lambda plan: plan)(BASES[base](seed))
                    yield f"{name} | {change} #{seed}", fault.put(plan) if fault else plan
