"""Faults of data."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from benchmarks.doctor import data as sets
from benchmarks.doctor.faults.injecting import (
    fault,
    first,
    last,
)
from benchmarks.doctor.plan import Plan


def _data(plan: Plan, **changes: Any) -> Plan:
    return plan.but(data=dataclasses.replace(plan.data, **changes))


def _rng(plan: Plan) -> np.random.Generator:
    return np.random.default_rng(1000 + plan.seed)


@fault("labels from 1", "TDC wrong labels, S5", "label_out_of_range", "penguins", last)
def _(plan: Plan) -> Plan:
    return _data(plan, y=plan.data.y + 1)


@fault("labels shuffled", "DeepCrime TCL, 100 %", "loss_not_decreasing label_noise overfitting",
       "digits wine plays")  # fmt: skip
def _(plan: Plan) -> Plan:
    return _data(plan, y=_rng(plan).permutation(plan.data.y))


@fault("half of the labels changed", "DeepCrime TCL, 50 %", "label_noise overfitting",
       "digits")  # fmt: skip
def _(plan: Plan) -> Plan:
    y, rng = plan.data.y.copy(), _rng(plan)
    wrong = rng.random(len(y)) < 0.5
    y[wrong] = rng.integers(0, plan.data.classes, int(wrong.sum()))
    return _data(plan, y=y)


@fault("most data deleted", "DeepCrime TRD", "overfitting", "digits wine")
def _(plan: Plan) -> Plan:
    keep = max(8, len(plan.data.x) // 40)
    return _data(plan, x=plan.data.x[:keep], y=plan.data.y[:keep])


@fault("one class in fifty", "DeepCrime TUD, I7", "class_imbalance", "digits cancer", info=True)
def _(plan: Plan) -> Plan:
    d, rng = plan.data, _rng(plan)
    rare = d.y.reshape(len(d.y)) >= (1 if d.classes == 1 else d.classes // 2)
    kept = ~rare | (rng.random(len(d.y)) < 0.02)
    return _data(plan, x=d.x[kept], y=d.y[kept])


@fault("noise on the inputs", "DeepCrime TAN", "input_noise", "wine", beyond=True)
def _(plan: Plan) -> Plan:
    d = plan.data
    noise = _rng(plan).standard_normal(d.x.shape).astype(np.float32)
    return _data(plan, x=d.x + 3 * d.x.std() * noise)


@fault("inputs are noise", "TDC wrong data", "loss_not_decreasing ignores_input overfitting",
       "digits cnn")  # fmt: skip
def _(plan: Plan) -> Plan:
    return _data(plan, x=_rng(plan).permutation(plan.data.x))


@fault("inputs all zero", "TDC, I6",
       "ignores_input loss_not_decreasing constant_feature no_gradient", "digits")  # fmt: skip
def _(plan: Plan) -> Plan:
    return _data(plan, x=plan.data.x * 0)


@fault("raw units", "TDC missing normalisation, S17", "unnormalised_input", "wine cancer", first)
def _(plan: Plan) -> Plan:

    return plan.but(data=getattr(sets, plan.data.name.split()[0])())


@fault("pixels from 0 to 255", "TDC missing normalisation, S17", "unnormalised_input",
       "digits_sgd cnn", first)  # fmt: skip
def _(plan: Plan) -> Plan:
    return _data(plan, x=plan.data.x * 255, x_test=plan.data.x_test * 255)


@fault("scaled down twice", "TDC double normalisation", "unnormalised_input learning_rate_too_low "
       "loss_not_decreasing", "digits_sgd cnn", first)  # fmt: skip
def _(plan: Plan) -> Plan:
    return _data(plan, x=plan.data.x / 255, x_test=plan.data.x_test / 255)


@fault("NaN in the data", "S18", "non_finite_data", "wine")
def _(plan: Plan) -> Plan:
    x = plan.data.x.copy()
    x[_rng(plan).random(len(x)) < 0.02, 0] = np.nan
    return _data(plan, x=x).but(loop=frozenset({"by hand"}))


@fault("sorted by class", "S21", "not_shuffled oscillating_loss", "digits penguins")
def _(plan: Plan) -> Plan:
    order = np.argsort(plan.data.y.reshape(len(plan.data.y)), kind="stable")
    return _data(plan, x=plan.data.x[order], y=plan.data.y[order]).but(shuffle=False)
