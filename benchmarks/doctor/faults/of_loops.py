"""Faults of optimizers and loops."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import zincir
from benchmarks.doctor.faults.injecting import (
    changed,
    fault,
    first,
)
from benchmarks.doctor.plan import OPTIMIZERS, Plan
from zincir import nn


def _optimizer(name: str, rate: float, **settings: Any) -> Callable[[nn.Module], Any]:
    kinds = {"sgd": zincir.optim.SGD, "adam": zincir.optim.Adam, "adamw": zincir.optim.AdamW}
    if settings:
        return lambda net: kinds[name](net.parameters(), lr=rate, **settings)
    return lambda net: OPTIMIZERS[name](net.parameters(), rate)


def _with_rate(plan: Plan, factor: float) -> Plan:
    make = plan.optimizer

    def optimizer(net: nn.Module) -> Any:
        made = make(net)
        for group in made.param_groups:
            group["lr"] = group["lr"] * factor
        return made

    return plan.but(optimizer=optimizer)


HIGH = "learning_rate_too_high exploding_gradient weights_blow_up oscillating_loss dead_relu"


@fault("rate 300 times higher, SGD", "DeepCrime HLR, TDC high lr", HIGH, "digits_sgd wine")
def _(plan: Plan) -> Plan:
    return _with_rate(plan, 300)


@fault("rate 100 times higher, Adam", "DeepCrime HLR, TDC high lr", HIGH, "digits cars penguins")
def _(plan: Plan) -> Plan:
    return _with_rate(plan, 100)


@fault("rate 30 times higher", "DeepCrime HLR, TDC high lr", HIGH, "cnn names")
def _(plan: Plan) -> Plan:
    return _with_rate(plan, 30)


@fault("rate 3,000 times lower", "DeepCrime HLR, TDC low lr",
       "learning_rate_too_low", "digits_sgd cnn cars penguins")  # fmt: skip
def _(plan: Plan) -> Plan:
    return _with_rate(plan, 1 / 3000)


@fault("rate of 0", "T9, S8", "not_optimised unchanged_weights", "moons")
def _(plan: Plan) -> Plan:
    return _with_rate(plan, 0.0)


@fault("momentum of 0.999", "DeepCrime OCH", f"{HIGH} momentum_too_high", "digits_sgd cnn")
def _(plan: Plan) -> Plan:
    return plan.but(optimizer=_optimizer("sgd", 0.1, momentum=0.999))


@fault("eps of 10", "TDC Adam's epsilon, T16", "adam_epsilon learning_rate_too_low",
       "digits penguins")  # fmt: skip
def _(plan: Plan) -> Plan:
    return plan.but(optimizer=_optimizer("adam", 3e-3, eps=10.0))


@fault("weight decay of 3", "DeepCrime RCW, TDC over-regularisation", "regularisation_overwhelms",
       "digits_sgd cnn")  # fmt: skip
def _(plan: Plan) -> Plan:
    return plan.but(optimizer=_optimizer("sgd", 0.1, weight_decay=3.0))


@fault("decay of 100, AdamW", "DeepCrime RCW, TDC over-regularisation",
       "regularisation_overwhelms", "cancer")  # fmt: skip
def _(plan: Plan) -> Plan:
    return plan.but(optimizer=_optimizer("adamw", 3e-3, weight_decay=100.0))


@fault("clipped to 0.001", "DeepCrime OCG, T15", "clipping_total", "digits_sgd cnn")
def _(plan: Plan) -> Plan:
    return plan.but(clip=1e-3)


@fault("first layer not optimised", "S8", "not_optimised", "digits", first)
def _(plan: Plan) -> Plan:
    make = plan.optimizer

    def optimizer(net: nn.Module) -> Any:
        made = make(net)
        mine = {id(p) for p in net.get_submodule(first(net)[0]).parameters()}
        for group in made.param_groups:
            group["params"] = [p for p in group["params"] if id(p) not in mine]
        return made

    return plan.but(optimizer=optimizer)


@fault("the optimizer of a copy", "S8, T9", "not_optimised unchanged_weights", "wine")
def _(plan: Plan) -> Plan:
    make = plan.optimizer
    return plan.but(optimizer=lambda net: make(copy.deepcopy(net)), loop=frozenset({"by hand"}))


@fault("zero_grad missing", "S6", "stale_gradient", "digits_sgd wine")
def _(plan: Plan) -> Plan:
    return plan.but(loop=frozenset({"no zero_grad"}))


@fault("step missing", "T9", "unchanged_weights", "moons")
def _(plan: Plan) -> Plan:
    return plan.but(loop=frozenset({"no step"}))


@fault("a tenth of the epochs", "DeepCrime HNE", "underfitting", "digits_sgd")
def _(plan: Plan) -> Plan:
    return plan.but(steps=plan.steps // 10)


@fault("the whole set as one batch", "DeepCrime HDB", "learning_rate_too_low underfitting",
       "penguins", beyond=True)  # fmt: skip
def _(plan: Plan) -> Plan:
    size = len(plan.data.x)
    return plan.but(batch=size, steps=max(4, plan.steps * plan.batch // size))


@fault("gradients of a recurrence explode", "T2",
       "exploding_gradient bad_initialisation learning_rate_too_high saturated_activation",
       "rows_rnn lstm")  # fmt: skip
def _(plan: Plan) -> Plan:
    def put(net: nn.Module) -> None:
        with zincir.no_grad():
            for name, p in net.named_parameters():
                if "weight_hh" in name:
                    p.mul_(6)

    return changed(plan, put)
