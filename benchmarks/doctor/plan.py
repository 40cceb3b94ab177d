"""A run: what is trained, how, and what the doctor said of it.

It is examined as a user would: `checkup` on 256 samples before, and a `Trainer(doctor="standard")`,
or `watch` around a loop by hand where the fault is in the loop.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import zincir
from benchmarks.doctor import data as sets
from benchmarks.doctor.data import Array, Data
from zincir import doctor, nn
from zincir.doctor import Finding
from zincir.doctor.checking import together
from zincir.doctor.report import reported
from zincir.trainer import ClipGradients, Trainer

LOOKED_AT = 256
OPTIMIZERS: dict[str, Callable[[Any, float], Any]] = {
    "sgd": lambda p, rate: zincir.optim.SGD(p, lr=rate),
    "momentum": lambda p, rate: zincir.optim.SGD(p, lr=rate, momentum=0.9),
    "adam": lambda p, rate: zincir.optim.Adam(p, lr=rate),
    "adamw": lambda p, rate: zincir.optim.AdamW(p, lr=rate, weight_decay=0.01),
    "rmsprop": lambda p, rate: zincir.optim.RMSprop(p, lr=rate),
}


@dataclass(frozen=True)
class Plan:
    """All that makes a run; faults change one of these."""

    name: str
    data: Data
    net: Callable[[], nn.Module]
    loss: Callable[[Any, Any], Any]
    optimizer: Callable[[nn.Module], Any]
    batch: int = 32
    steps: int = 300
    seed: int = 0
    shuffle: bool = True
    clip: float | None = None
    loop: frozenset[str] = field(default_factory=frozenset[str])
    """Empty: a `Trainer`. "by hand": a compiled loop; "no zero_grad", "no step": without these."""
    check: Callable[[nn.Module, Data], float] | None = None
    """The held-out metric, if it is not the usual one."""
    before: bool = True
    """Whether a checkup is made."""

    def but(self, **changes: Any) -> Plan:
        """The same, but for something."""
        return replace(self, **changes)


@dataclass
class Outcome:
    """What came of a run."""

    metric: float
    findings: list[dict[str, Any]]
    """Those of the checkup and of the training, the most important first."""
    stopped: str = ""
    """The error that ended it, if one did."""
    passing: list[str] = field(default_factory=list[str])
    """Codes and layers of alarms that were raised while it was trained, and not at its end."""
    seconds: float = 0.0


def run(plan: Plan) -> Outcome:
    """Train and examine."""
    began = time.perf_counter()
    zincir.manual_seed(plan.seed)
    findings: list[Finding] = []
    stopped = ""
    passing: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = plan.net()
        optimizer = plan.optimizer(net)
        if plan.before:
            findings += _checkup(plan, net, optimizer)
        train = _by_hand if plan.loop else _by_trainer
        try:
            passing = train(plan, net, optimizer, findings)
        except Exception as error:
            stopped = f"{type(error).__name__}: {error}".splitlines()[0]
        score = held_out(plan, net)
    order = {name: i for i, (name, _) in enumerate(net.named_modules())}
    ranked = reported(findings, order).findings
    told = [f.as_dict() | {"evidence": _plain(f.as_dict()["evidence"])} for f in ranked]
    return Outcome(score, told, stopped, passing, time.perf_counter() - began)


def _plain(evidence: dict[str, Any]) -> dict[str, Any]:
    return {k: v if v == v else "nan" for k, v in evidence.items()}


def _checkup(plan: Plan, net: nn.Module, optimizer: Any) -> list[Finding]:
    """Findings before training, on samples as they come."""
    count = min(LOOKED_AT, len(plan.data.x))
    chosen = np.arange(len(plan.data.x))
    if plan.shuffle:
        chosen = np.random.default_rng(plan.seed).permutation(chosen)
    rows = chosen[: count if plan.batch >= 8 else plan.batch]
    batch = plan.data.x[rows], plan.data.y[rows]
    return list(doctor.checkup(net, plan.loss, optimizer, batch).findings)


def _add(findings: list[Finding], more: Any) -> None:
    findings[:] = together(findings, more)


class Watched:
    """A `Trainer` of a plan."""

    def __init__(self, plan: Plan, net: nn.Module, optimizer: Any, level: str = "standard") -> None:
        self.plan = plan
        self.trainer = Trainer(
            net, plan.loss, optimizer, doctor=level,
            metrics=["accuracy"] if plan.data.kind == "classes" else [],
            callbacks=[] if plan.clip is None else [ClipGradients(norm=plan.clip)],
        )  # fmt: skip

    def fit(self) -> str:
        """As many epochs as the plan's steps are about; the error that ended it, if one did."""
        plan, d = self.plan, self.plan.data
        epochs = max(1, round(plan.steps / -(-len(d.x) // plan.batch)))
        try:
            self.trainer.fit(
                (d.x, d.y), (d.x_test, d.y_test), epochs, plan.batch,
                shuffle=plan.shuffle, progress=False,
            )  # fmt: skip
        except Exception as error:
            return f"{type(error).__name__}: {error}".splitlines()[0]
        return ""


def _by_trainer(plan: Plan, net: nn.Module, optimizer: Any, findings: list[Finding]) -> list[str]:
    watched = Watched(plan, net, optimizer)
    stopped = watched.fit()
    _add(findings, watched.trainer.report.findings)
    if stopped:
        raise RuntimeError(stopped)
    at_last = {f.code for f in findings if f.severity != "info"}
    said = watched.trainer._examination._told  # what a terminal shows
    return sorted(f"{code} {where}".strip() for code, where in said if code not in at_last)


def _by_hand(plan: Plan, net: nn.Module, optimizer: Any, findings: list[Finding]) -> list[str]:
    rng = np.random.default_rng(plan.seed)

    def step(x: Any, y: Any) -> Any:
        if "no zero_grad" not in plan.loop:
            optimizer.zero_grad()
        value = plan.loss(net(x), y)
        value.backward()
        if plan.clip is not None:
            nn.utils.clip_grad_norm_(list(net.parameters()), plan.clip)
        if "no step" not in plan.loop:
            optimizer.step()
        return value

    once = zincir.compile(step)
    exam = doctor.watch(net, optimizer)
    try:
        with exam:
            for _ in range(plan.steps):
                rows = rng.integers(0, len(plan.data.x), plan.batch)
                value = once(zincir.tensor(plan.data.x[rows]), zincir.tensor(plan.data.y[rows]))
            if not np.isfinite(value.item()):
                raise FloatingPointError("the loss is not finite")
    finally:
        _add(findings, exam.report().findings)
    return []


def held_out(plan: Plan, net: nn.Module) -> float:
    """The metric on samples that were not trained on."""
    net.eval()
    try:
        if plan.check is not None:
            return plan.check(net, plan.data)
        return sets.metric(plan.data.kind, outputs(net, plan.data.x_test), plan.data.y_test)
    finally:
        net.train()


def outputs(net: nn.Module, x: Array) -> Array:
    """What a net gives, in evaluation."""
    net.eval()
    with zincir.no_grad():
        return net(zincir.tensor(x)).numpy()
