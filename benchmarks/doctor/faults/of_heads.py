"""Faults of the last layer and of the loss."""

from __future__ import annotations

import dataclasses

import numpy as np

import zincir
from benchmarks.doctor.data import Data
from benchmarks.doctor.faults.injecting import (
    changed,
    end,
    fault,
    followed_by,
)
from benchmarks.doctor.plan import Plan, outputs
from zincir import nn
from zincir.nn import functional as F


@fault("softmax before cross-entropy", "TDC redundant softmax, S1", "softmax_before_cross_entropy",
       "digits wine", end)  # fmt: skip
def _(plan: Plan) -> Plan:
    return changed(plan, followed_by(nn.Softmax(dim=1)))


@fault("sigmoid before cross-entropy", "DeepCrime AAL, S1", "softmax_before_cross_entropy",
       "cnn", end)  # fmt: skip
def _(plan: Plan) -> Plan:
    return changed(plan, followed_by(nn.Sigmoid()))


@fault("log-softmax missing", "TDC missing softmax, S2",
       "missing_output_activation", "digits", end)  # fmt: skip
def _(plan: Plan) -> Plan:
    return plan.but(loss=F.nll_loss)


@fault("ReLU at the end of a regression", "DeepCrime AAL, S3", "output_range", "cars", end)
def _(plan: Plan) -> Plan:
    return changed(plan, followed_by(nn.ReLU()))


@fault("sigmoid at the end of a regression", "DeepCrime ACH, S3", "output_range", "waves", end)
def _(plan: Plan) -> Plan:
    return changed(plan, followed_by(nn.Sigmoid()))


@fault("targets without their last axis", "TDC wrong loss, S4", "loss_shape", "cars", end)
def _(plan: Plan) -> Plan:
    d = plan.data
    flat = dataclasses.replace(d, y=d.y[:, 0])
    return plan.but(
        data=flat,
        loss=lambda given, wanted: (given - wanted).square().mean(),
        check=lambda net, d: _explained(net, d),
        loop=frozenset({"by hand"}),
    )


def _explained(net: nn.Module, d: Data) -> float:
    rest = np.square(outputs(net, d.x_test) - d.y_test).mean() / d.y_test.var()
    return float(max(-1.0, 1 - rest)) if np.isfinite(rest) else -1.0


@fault("cross-entropy over one class", "TDC wrong loss, S4", "loss_shape", "moons", end)
def _(plan: Plan) -> Plan:
    return plan.but(
        loss=lambda given, wanted: F.cross_entropy(given, wanted[:, 0].to(zincir.int64) * 0)
    )


@fault("sign of the loss flipped", "TDC flipped sign", "loss_maximised weights_blow_up non_finite",
       "digits penguins")  # fmt: skip
def _(plan: Plan) -> Plan:
    loss = plan.loss
    return plan.but(loss=lambda given, wanted: -loss(given, wanted))


@fault(
    "sum in place of mean",
    "TDC wrong loss, S22",
    "sum_reduction learning_rate_too_high exploding_gradient non_finite",
    "waves",
)
def _(plan: Plan) -> Plan:
    return plan.but(loss=lambda given, wanted: (given - wanted).square().sum())
