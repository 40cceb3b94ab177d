"""Ways to mend a sick training: the doctor's, random search with as many steps, AutoTrainer's.

Each gets the sick plan, and ends in a training as long as the plan's, judged on held-out samples.
"""

from __future__ import annotations

import math
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import zincir
from benchmarks.doctor import nets
from benchmarks.doctor.data import Data
from benchmarks.doctor.faults.injecting import activations, changed, swap
from benchmarks.doctor.plan import OPTIMIZERS, Plan, Watched, held_out, run
from zincir import doctor, nn

ROUNDS = 3
"""Cures one after the other, while there is something to treat."""
TRIAL = 160
"""Steps of a draw of random search: those of a trial of the doctor's."""

Edit = Callable[[Plan], Plan]


@dataclass
class Mended:
    """What came of it."""

    metric: float
    steps: int
    """Steps of training until it was found, the last training left out."""
    how: str


# The doctor --------------------------------------------------------------------------------------


def by_doctor(plan: Plan) -> Mended:
    """`doctor.cure` before the first step, until nothing is found or nothing helps; then `fit`."""
    zincir.manual_seed(plan.seed)
    net = plan.net()
    trained = Watched(plan, net, plan.optimizer(net))
    taken, steps = list[str](), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(ROUNDS):
            try:
                found = doctor.cure(
                    trained.trainer, (plan.data.x, plan.data.y), allow="architecture",
                    batch_size=plan.batch,
                )  # fmt: skip
            except Exception as error:
                taken.append(f"{type(error).__name__}")
                break
            steps += found.steps * (1 + len(found.trials))
            if found.accepted is None:
                break
            taken.append(found.accepted.remedy)
        trained.fit()
    return Mended(held_out(plan, trained.trainer.model), steps, ", ".join(taken) or "nothing")


# Changes of a plan, from scratch -----------------------------------------------------------------


def with_optimizer(name: str, rate: float) -> Edit:
    return lambda plan: plan.but(optimizer=lambda net: OPTIMIZERS[name](net.parameters(), rate))


def with_rate(factor: float) -> Edit:
    def edit(plan: Plan) -> Plan:
        make = plan.optimizer

        def optimizer(net: nn.Module) -> Any:
            made = make(net)
            for group in made.param_groups:
                group["lr"] *= factor
            return made

        return plan.but(optimizer=optimizer)

    return edit


def with_clip(norm: float) -> Edit:
    return lambda plan: plan.but(clip=norm)


def with_activation(kind: Callable[[], nn.Module], draw: Callable[[Any], Any] | None) -> Edit:
    def put(net: nn.Module) -> None:
        for path in activations(net):
            swap(net, path, kind())
        if draw is not None:
            _draw(net, draw)

    return lambda plan: changed(plan, put)


def with_weights(draw: Callable[[Any], Any]) -> Edit:
    return lambda plan: changed(plan, lambda net: _draw(net, draw))


def _draw(net: nn.Module, draw: Callable[[Any], Any]) -> None:
    for m in net.modules():
        if isinstance(m, nn.Linear | nn.Conv2d):
            draw(m.weight)
            if m.bias is not None:
                nn.init.zeros_(m.bias)


def with_norm(plan: Plan) -> Plan:
    """A BatchNorm before each activation."""

    def put(net: nn.Module) -> None:
        names = dict(net.named_modules())
        wanted = activations(net)
        kind: Any = None
        for path, m in names.items():
            if isinstance(m, nn.Linear):
                kind = nn.BatchNorm1d(m.out_features)
            elif isinstance(m, nn.Conv2d):
                kind = nn.BatchNorm2d(m.out_channels)
            elif path in wanted and kind is not None:
                swap(net, path, nn.Sequential(kind, m))
                kind = None

    return changed(plan, put)


def lecun_uniform(p: Any) -> Any:
    return nn.init.uniform_(p, -_bound(p), _bound(p))


def _bound(p: Any) -> float:
    return math.sqrt(3 / math.prod(p.shape[1:]))


def he_uniform(p: Any) -> Any:
    return nn.init.kaiming_uniform_(p, nonlinearity="relu")


def glorot(p: Any) -> Any:
    return nn.init.xavier_uniform_(p)


# Random search -----------------------------------------------------------------------------------


def by_random(plan: Plan, steps: int, name: str) -> Mended:
    """Draws of rate, optimizer, batch, activation, weights, norm; the best on a tenth held out."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    known, part = _split(plan)
    best, score, used, how = plan, _score(known, part), TRIAL, "as it was"
    while used + TRIAL <= max(steps, 4 * TRIAL):
        edits, names = _drawn(rng)
        tried = known
        for edit in edits:
            tried = edit(tried)
        used += TRIAL
        reached = _score(tried, part)
        if reached > score:
            best, score, how = plan, reached, ", ".join(names)
            for edit in edits:
                best = edit(best)
    return Mended(_trained(best), used, how)


def _drawn(rng: np.random.Generator) -> tuple[list[Edit], list[str]]:
    name, rate = str(rng.choice(list(OPTIMIZERS))), float(10 ** rng.uniform(-5, 0))
    edits, names = [with_optimizer(name, rate)], [f"{name} {rate:.2g}"]
    if rng.random() < 0.5:
        act = str(rng.choice(["relu", "tanh", "gelu", "leaky"]))
        edits.append(with_activation(nets.ACTS[act], None))
        names.append(act)
    if rng.random() < 0.5:
        edits.append(with_weights(he_uniform))
        names.append("he")
    if rng.random() < 0.3:
        edits.append(with_norm)
        names.append("norm")
    if rng.random() < 0.3:
        size = int(rng.choice([16, 64]))
        edits.append(lambda plan: plan.but(batch=size))
        names.append(f"batch {size}")
    return edits, names


def _split(plan: Plan) -> tuple[Plan, Data]:
    d = plan.data
    tenth = max(8, len(d.x) // 10)
    part = replace(d, x_test=d.x[:tenth], y_test=d.y[:tenth])
    return plan.but(data=replace(d, x=d.x[tenth:], y=d.y[tenth:])), part


def _score(plan: Plan, part: Data) -> float:
    shorter = plan.but(steps=TRIAL, data=replace(plan.data, x_test=part.x_test, y_test=part.y_test))
    return _trained(shorter)


def _trained(plan: Plan) -> float:
    zincir.manual_seed(plan.seed)
    net = plan.net()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Watched(plan, net, plan.optimizer(net), level="off").fit()
    return held_out(plan, net)


# AutoTrainer -------------------------------------------------------------------------------------

_NORM: tuple[str, Edit] = ("norm", with_norm)
ORDERS: dict[str, list[tuple[str, Edit]]] = {
    "vanishing": [
        ("selu", with_activation(nn.SELU, lecun_uniform)),
        ("relu", with_activation(nn.ReLU, he_uniform)),
        _NORM,
    ],
    "exploding": [
        ("selu", with_activation(nn.SELU, lecun_uniform)),
        ("relu", with_activation(nn.ReLU, he_uniform)),
        ("clip", with_clip(10.0)),
        ("tanh", with_activation(nn.Tanh, None)),
        _NORM,
    ],
    "dying": [
        ("selu", with_activation(nn.SELU, lecun_uniform)),
        _NORM,
        ("glorot", with_weights(glorot)),
        ("leaky", with_activation(nn.LeakyReLU, None)),
    ],
    "oscillating": [
        ("adam", with_optimizer("adam", 1e-3)),
        ("sgd 0.01", with_optimizer("sgd", 0.01)),
        ("sgd 0.001", with_optimizer("sgd", 0.001)),
        ("batch 64", lambda plan: plan.but(batch=64)),
        ("momentum", with_optimizer("momentum", 0.01)),
    ],
    "slow": [
        ("adam", with_optimizer("adam", 1e-3)),
        ("rmsprop", with_optimizer("rmsprop", 1e-3)),
        ("rate x 10", with_rate(10)),
        ("rate x 100", with_rate(100)),
        ("glorot", with_weights(glorot)),
    ],
}
"""AutoTrainer's repairs ("balance") by its five problems, in its order; what it draws at random is
one of its draws here."""
PROBLEMS = {
    "vanishing_gradient": "vanishing",
    "saturated_activation": "vanishing",
    "exploding_gradient": "exploding",
    "non_finite": "exploding",
    "dead_relu": "dying",
    "learning_rate_too_high": "oscillating",
    "oscillating_loss": "oscillating",
    "weights_blow_up": "oscillating",
}
"""Which of its problems a symptom is; all others are slow convergence to it."""


def by_autotrainer(plan: Plan, symptoms: list[str]) -> Mended:
    """Retrained with one repair after the other, until nothing is found any more."""
    problem = PROBLEMS.get(symptoms[0] if symptoms else "", "slow")
    used, best, how = 0, -math.inf, "as it was"
    for name, edit in ORDERS[problem]:
        tried = run(edit(plan).but(before=False))
        used += plan.steps
        silent = all(f["severity"] == "info" for f in tried.findings)
        if silent or tried.metric > best:
            best, how = tried.metric, name
        if silent:
            break
    return Mended(best, used - plan.steps, how)
