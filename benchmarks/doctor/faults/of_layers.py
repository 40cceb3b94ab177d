"""Faults of parameters and layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import zincir
from benchmarks.doctor import nets
from benchmarks.doctor.data import Array, Data
from benchmarks.doctor.faults.injecting import (
    activations,
    beside,
    changed,
    early,
    fault,
    last,
    middle,
    swap,
    weighted,
)
from benchmarks.doctor.plan import Plan, outputs
from zincir import nn
from zincir.nn import functional as F


def _weights(net: nn.Module) -> list[Any]:
    return [p for p in net.parameters() if p.ndim > 1]


def _each_weight(change: Callable[[Any], Any]) -> Callable[[nn.Module], None]:
    def put(net: nn.Module) -> None:
        with zincir.no_grad():
            for p in _weights(net):
                change(p)

    return put


@fault("weights all alike", "DeepCrime WCI, TDC wrong init, S14", "symmetric_initialisation",
       "digits", weighted)  # fmt: skip
def _(plan: Plan) -> Plan:
    return changed(plan, _each_weight(lambda p: p.fill_(0.05)))


@fault("weights all zero", "DeepCrime WCI, S14",
       "symmetric_initialisation no_gradient dead_relu vanishing_gradient bad_initialisation",
       "penguins", weighted)  # fmt: skip
def _(plan: Plan) -> Plan:
    return changed(plan, _each_weight(lambda p: p.zero_()))


@fault("weights too small, deep", "DeepCrime WCI, I2", "bad_initialisation vanishing_gradient",
       "deep deep_report")  # fmt: skip
def _(plan: Plan) -> Plan:
    return changed(plan, _each_weight(lambda p: p.mul_(0.05)))


@fault("weights too large, deep", "DeepCrime WCI, I2",
       "bad_initialisation exploding_gradient saturated_activation wrong_initial_loss",
       "deep deep_report")  # fmt: skip
def _(plan: Plan) -> Plan:
    return changed(plan, _each_weight(lambda p: p.mul_(12)))


@fault("outputs scaled up", "TDC over-scaled outputs, I1",
       "wrong_initial_loss learning_rate_too_high", "digits_sgd", last)  # fmt: skip
def _(plan: Plan) -> Plan:
    def put(net: nn.Module) -> None:
        with zincir.no_grad():
            net.get_submodule(last(net)[0]).weight.mul_(100)

    return changed(plan, put)


@fault("sigmoid in a deep net", "DeepCrime ACH, TDC wrong activation", "vanishing_gradient",
       "deep deep_report", early)  # fmt: skip
def _(plan: Plan) -> Plan:
    def put(net: nn.Module) -> None:
        for path in activations(net):
            swap(net, path, nn.Sigmoid())

    return changed(plan, put)


@fault("no activations", "DeepCrime ARM, S13", "missing_nonlinearity", "moons deep",
       lambda net: weighted(net)[1:])  # fmt: skip
def _(plan: Plan) -> Plan:
    def put(net: nn.Module) -> None:
        for path in activations(net):
            swap(net, path, nn.Identity())

    return changed(plan, put)


@fault("biases of -20", "DeepCrime bias, T3",
       "dead_relu bad_initialisation", "digits wine",
       lambda net: [*activations(net), *weighted(net)])  # fmt: skip
def _(plan: Plan) -> Plan:
    def put(net: nn.Module) -> None:
        with zincir.no_grad():
            for path in weighted(net)[:-1]:
                net.get_submodule(path).bias.fill_(-20)

    return changed(plan, put)


@fault("tanh saturated", "T4", "saturated_activation bad_initialisation exploding_gradient "
       "wrong_initial_loss",
       "deep waves_tanh")  # fmt: skip
def _(plan: Plan) -> Plan:
    return changed(plan, _each_weight(lambda p: p.mul_(40)))


@fault("dropout of 1", "DeepCrime DCR, S9", "dropout_everything", "penguins",
       lambda net: beside(net, middle(net)))  # fmt: skip
def _(plan: Plan) -> Plan:
    return changed(plan, lambda net: _drop(net, 1.0))


@fault("dropout of 0.97", "DeepCrime DCR", "dropout_too_high underfitting loss_not_decreasing",
       "digits penguins", lambda net: beside(net, middle(net)))  # fmt: skip
def _(plan: Plan) -> Plan:
    return changed(plan, lambda net: _drop(net, 0.97))


def _drop(net: nn.Module, p: float) -> None:
    path = middle(net)
    swap(net, path, nn.Sequential(net.get_submodule(path), nn.Dropout(p)))


class _Always(nn.Module):
    """Dropout that forgets to ask whether it is trained."""

    def forward(self, x: Any) -> Any:
        return F.dropout(x, 0.7, True)


@fault("dropout in evaluation", "S10", "wrong_mode", "penguins",
       lambda net: beside(net, middle(net)))  # fmt: skip
def _(plan: Plan) -> Plan:
    def put(net: nn.Module) -> None:
        path = middle(net)
        swap(net, path, nn.Sequential(net.get_submodule(path), _Always()))

    return changed(plan, put)


class _Cut(nn.Module):
    """Lets values through, and no gradients."""

    def forward(self, x: Any) -> Any:
        return x.detach()


@fault("detach in the middle", "S7", "no_gradient", "waves_mlp", early)
def _(plan: Plan) -> Plan:
    def put(net: nn.Module) -> None:
        path = middle(net)
        swap(net, path, nn.Sequential(net.get_submodule(path), _Cut()))

    return changed(plan, put)


class _Log(nn.Module):
    """With a logarithm of what may be 0."""

    def forward(self, x: Any) -> Any:
        return x + 0.01 * x.relu().log()


@fault("logarithm of 0", "T6", "non_finite", "wine", lambda net: beside(net, middle(net)))
def _(plan: Plan) -> Plan:
    def put(net: nn.Module) -> None:
        path = middle(net)
        swap(net, path, nn.Sequential(net.get_submodule(path), _Log()))

    return changed(plan, put)


class _Mixing(nn.Module):
    """A softmax along the batch."""

    def forward(self, x: Any) -> Any:
        return x * F.softmax(x, 0) * x.shape[0]


@fault("softmax along the batch", "S19", "batch_leak", "moons")
def _(plan: Plan) -> Plan:
    def put(net: nn.Module) -> None:
        path = middle(net)
        swap(net, path, nn.Sequential(net.get_submodule(path), _Mixing()))

    return changed(plan, put).but(check=_one_by_one)


def _one_by_one(net: nn.Module, d: Data) -> float:
    """The metric of samples that come alone, as they do in use."""
    given = np.concatenate([outputs(net, d.x_test[i : i + 1]) for i in range(80)])
    from benchmarks.doctor.data import metric

    return metric(d.kind, given, d.y_test[:80])


@fault("no causal mask", "S20", "future_leak", "plays")
def _(plan: Plan) -> Plan:
    def put(net: nn.Module) -> None:
        for m in net.modules():
            if isinstance(m, nets.Block):
                m.causal = False

    return changed(plan, put).but(check=_last_letter)


def _last_letter(net: nn.Module, d: Data) -> float:
    """The accuracy of the last letter alone, behind which nothing stands, at each length."""
    right: list[Array] = []
    for length in (4, 8, 16, 24):
        given = outputs(net, d.x_test[:, :length])[:, -1].argmax(-1)
        right.append(given == d.y_test[:, length - 1])
    return float(np.mean(right))


def _norms(net: nn.Module) -> list[str]:
    return [n for n, m in net.named_modules() if "BatchNorm" in type(m).__name__]


@fault("BatchNorm on batches of 2", "S11", "batchnorm_tiny_batch", "normed resnet", _norms)
def _(plan: Plan) -> Plan:
    return plan.but(batch=2)
