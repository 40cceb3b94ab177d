"""Rules on trainings, each in three: sick fires, healthy is silent, cured is silent."""

from typing import Any

import numpy as np
import pytest

import zincir
from patients import X, Y, adam, found, mlp, sgd
from zincir import nn
from zincir.nn import functional as F


def _dead(bias: float) -> Any:
    net = mlp()
    with zincir.no_grad():
        net[0].bias.fill_(bias)
    return net


HEALTHY: dict[str, Any] = {
    "relu, sgd": (mlp, sgd(0.1)),
    "relu, adam": (mlp, adam(1e-3)),
    "deep relu": (lambda: mlp(depth=6), adam(1e-3)),
    "tanh": (lambda: mlp(nn.Tanh, 3), sgd(0.1)),
    "sigmoid": (lambda: mlp(nn.Sigmoid, 1), sgd(0.5)),
    "gelu": (lambda: mlp(nn.GELU, 3), adam(1e-3)),
    "deep sigmoid with BatchNorm": (lambda: mlp(nn.Sigmoid, 6, norm=nn.BatchNorm1d), sgd(0.1)),
}


@pytest.mark.parametrize("case", HEALTHY)
def test_healthy_is_silent(case: str) -> None:
    assert not found(*HEALTHY[case], 200)


def test_vanishing_gradient() -> None:
    sick = found(lambda: mlp(nn.Sigmoid, 8), sgd(0.1))["vanishing_gradient"]
    assert (sick.code, sick.severity, sick.where) == ("T1", "warning", "0")
    assert sick.evidence["gradient"] < 1e-3 * sick.evidence["largest gradient"]
    assert sick.evidence["layers"][:3] == ["0", "2", "4"]
    assert not found(lambda: mlp(nn.ReLU, 8), adam(1e-3))  # cured
    assert "vanishing_gradient" in found(lambda: mlp(nn.Sigmoid, 10), adam(1e-3))


def test_the_verdict_does_not_depend_on_the_scale_of_the_loss() -> None:
    def scaled(a: Any, b: Any) -> Any:
        return 1000 * F.cross_entropy(a, b)

    for act in (nn.Sigmoid, nn.ReLU):
        one = found(lambda act=act: mlp(act, 8), adam(1e-3))
        other = found(lambda act=act: mlp(act, 8), adam(1e-3), loss=scaled)
        assert {f.symptom: f.where for f in one.values()} == {
            f.symptom: f.where for f in other.values()
        }


def test_dead_relu() -> None:
    sick = found(lambda: _dead(-100.0), sgd(0.1))["dead_relu"]
    assert (sick.code, sick.severity, sick.where) == ("T3", "error", "1")
    assert sick.evidence["dead"] == 1
    assert sick.evidence["dead from the start"] == 32
    assert not found(lambda: _dead(0.0), sgd(0.1))  # cured


def test_dead_relu_knows_when() -> None:
    sick = found(lambda: mlp(depth=3), sgd(16.0), 200)
    assert sick["dead_relu"].step > 0
    assert sick["dead_relu"].evidence["dead from the start"] < 32
    order = list(sick)
    assert order.index("learning_rate_too_high") < order.index("dead_relu")


def test_saturated_activation() -> None:
    sick = found(lambda: mlp(nn.Tanh, 2, scale=150), sgd(0.01))["saturated_activation"]
    assert (sick.severity, sick.where) == ("warning", "1")
    assert sick.evidence["saturated units"] > 0.5
    assert not found(lambda: mlp(nn.Tanh, 2), sgd(0.1))  # cured


def test_learning_rate_too_high() -> None:
    for optimizer in (sgd(30.0), adam(1.0)):
        sick = found(mlp, optimizer)
        assert next(iter(sick)) == "learning_rate_too_high", list(sick)
    assert not found(mlp, sgd(0.3))  # cured


def test_learning_rate_too_low() -> None:
    sick = found(mlp, sgd(1e-6))["learning_rate_too_low"]
    assert sick.evidence["largest update / weight"] < 1e-4
    assert not found(mlp, sgd(0.1))


def test_exploding_gradient() -> None:
    def wild(norm: Any = None) -> Any:
        net = mlp(nn.GELU, 8, norm=norm)
        for layer in net:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=1.0)
        return net

    sick = found(wild, adam(1e-3), 60)["exploding_gradient"]
    assert (sick.code, sick.severity, sick.where) == ("T2", "warning", "0")
    assert sick.evidence["first / last"] >= 70
    assert next(iter(found(wild, sgd(0.1), 60))) == "exploding_gradient"  # before what follows
    assert not found(lambda: wild(nn.BatchNorm1d), sgd(0.1))  # cured


@pytest.mark.parametrize("compiled", [False, True])
def test_stale_gradient(compiled: bool) -> None:
    sick = found(mlp, sgd(0.02), 40, clear=False, compiled=compiled)
    assert sick["stale_gradient"].severity == "error"
    assert next(iter(sick)) == "stale_gradient"
    assert not found(mlp, sgd(0.02), 40, compiled=compiled)


def test_stale_gradient_that_is_meant() -> None:
    reasons = {"stale_gradient": "momentum by hand"}
    assert not found(mlp, sgd(0.001), 40, clear=False, silence=reasons)


def test_zeros_instead_of_none_are_no_stale_gradients() -> None:
    net = mlp()
    optimizer = zincir.optim.SGD(net.parameters(), lr=0.1)

    @zincir.compile
    def step(a: Any, b: Any) -> None:
        optimizer.zero_grad(set_to_none=False)
        F.cross_entropy(net(a), b).backward()
        optimizer.step()

    with zincir.doctor.watch(net, optimizer, every=4) as exam:
        for _ in range(20):
            step(zincir.tensor(X[:32]), zincir.tensor(Y[:32]))
    assert not exam.report().of("stale_gradient")


def test_non_finite_names_the_step() -> None:
    draws = np.random.default_rng(0)
    rows = [draws.integers(0, len(X), 32) for _ in range(30)]
    x = X.copy()
    x[rows[9][0]] = np.nan
    first = next(step for step, some in enumerate(rows) if rows[9][0] in some)
    for compiled in (False, True):
        sick = found(mlp, sgd(0.1), 30, x=x, compiled=compiled)["non_finite"]
        assert sick.severity == "error"
        assert sick.step == first
    assert not found(mlp, sgd(0.1), 30)


class _Rows(nn.Module):
    def __init__(self, kind: Any, scale: float) -> None:
        super().__init__()
        self.rows, self.head = kind(8, 32, batch_first=True), nn.Linear(32, 10)
        with zincir.no_grad():
            for p in self.rows.parameters():
                p.mul_(scale)

    def forward(self, x: Any) -> Any:
        return self.head(self.rows(x.reshape(-1, 8, 8))[0][:, -1])


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM])
def test_saturated_activation_inside_of_a_recurrent_layer(kind: Any) -> None:
    sick = found(lambda: _Rows(kind, 200.0), sgd(0.001))["saturated_activation"]
    assert (sick.severity, sick.where) == ("warning", "rows")
    assert not found(lambda: _Rows(kind, 1.0), adam(1e-2))  # cured
