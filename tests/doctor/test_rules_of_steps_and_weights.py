"""Rules on steps, weights and losses: sick fires, healthy is silent, cured is silent."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from patients import X, Y, adam, found, mlp, sgd, train
from zincir import doctor, nn
from zincir.nn import functional as F

DRAWS = np.random.default_rng(1)
POINTS = DRAWS.normal(size=(256, 8)).astype(np.float32)
NOISY = (POINTS @ DRAWS.normal(size=(8, 1)) + 0.5 * DRAWS.normal(size=(256, 1))).astype(np.float32)


def _curve() -> Any:
    return nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))


def _conv() -> Any:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10),
    )  # fmt: skip


class _Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(8, 24, batch_first=True), nn.Linear(24, 10)

    def forward(self, x: Any) -> Any:
        return self.head(self.gru(x.reshape(-1, 8, 8))[0][:, -1])


class _Attentive(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 16)
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Any) -> Any:
        return self.head(self.block(self.embed(x.reshape(-1, 8, 8))).mean(1))


def _tiny() -> Any:
    net = mlp()
    with zincir.no_grad():
        net[4].weight.mul_(1e-3)
    return net


def _at_the_bottom() -> Any:
    net = nn.Linear(8, 1)
    rows = np.c_[POINTS, np.ones(len(POINTS), np.float32)]
    best = np.linalg.lstsq(rows, NOISY, rcond=None)[0]
    with zincir.no_grad():
        net.weight.copy_(zincir.tensor(best[:8].T))
        net.bias.copy_(zincir.tensor(best[8]))
    return net


POINTWISE: dict[str, Any] = {"x": POINTS, "y": NOISY, "loss": F.mse_loss}
HEALTHY: dict[str, Any] = {
    "conv": (_conv, adam(3e-3), {}),
    "recurrent": (_Recurrent, adam(1e-2), {}),
    "transformer": (_Attentive, adam(3e-3), {}),
    "a head that starts at almost 0": (_tiny, sgd(0.2), {}),
    "momentum": (mlp, sgd(0.02, momentum=0.9), {}),
    "weight decay": (mlp, sgd(0.1, weight_decay=1e-2), {}),
    "AdamW": (mlp, lambda p: zincir.optim.AdamW(p, lr=3e-3, weight_decay=0.1), {}),
    "regression, noisy": (_curve, sgd(0.02), POINTWISE),
    "regression, noisy, long steps": (_curve, adam(0.03), POINTWISE),
    "a line, learnt in eight steps": (lambda: nn.Linear(8, 1), sgd(0.15), POINTWISE),
    "trained before": (_at_the_bottom, sgd(0.01), POINTWISE),
    "a small loss": (mlp, adam(1e-3), {"loss": lambda a, b: 1e-4 * F.cross_entropy(a, b)}),
}


@pytest.mark.parametrize("case", HEALTHY)
def test_healthy_is_silent(case: str) -> None:
    make, optimizer, options = HEALTHY[case]
    assert not found(make, optimizer, 300, **options)


def test_unchanged_weights() -> None:
    sick = found(mlp, sgd(0.0))
    finding = next(iter(sick.values()))
    assert (finding.code, finding.symptom, finding.severity) == ("T9", "unchanged_weights", "error")
    assert (finding.where, finding.evidence["unchanged"]) == ("0", 6)
    assert not found(mlp, sgd(0.1))  # cured


def test_a_bias_before_a_normalisation_may_stand_still() -> None:
    def wide() -> Any:
        net = mlp(depth=8, norm=nn.BatchNorm1d)
        for layer in net:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.5)
        return net

    report = train(wide, sgd(0.01), 360, every=4)[0].report()
    assert not report.of("unchanged_weights")


def _in_a_loop(step: Callable[[Any, Any], None], net: Any, optimizer: Any, rounds: int) -> Any:
    draws = np.random.default_rng(0)
    with doctor.watch(net, optimizer, every=16) as exam:
        for _ in range(rounds):
            rows = draws.integers(0, len(X), 32)
            step(zincir.tensor(X[rows]), zincir.tensor(Y[rows]))
    report = exam.report()
    assert not report.failed, report.failed
    return report


@pytest.mark.parametrize("every", [8, 10**9])
def test_weights_that_no_step_changes(every: int) -> None:
    zincir.manual_seed(0)
    net = mlp()
    optimizer = sgd(0.1)(net.parameters())
    passes = 0

    @zincir.compile
    def add(a: Any, b: Any) -> None:
        (F.cross_entropy(net(a), b) / 8).backward()

    def step(a: Any, b: Any) -> None:
        nonlocal passes
        add(a, b)
        passes += 1
        if passes % every == 0:
            optimizer.step()
            optimizer.zero_grad()

    report = _in_a_loop(step, net, optimizer, 240)
    assert [f.severity for f in report.of("unchanged_weights")] == (["error"] if every > 8 else [])


@pytest.mark.parametrize("foreign", [True, False])
def test_weights_of_another_model(foreign: bool) -> None:
    zincir.manual_seed(0)
    net, other = mlp(), mlp()
    optimizer = sgd(0.1)((other if foreign else net).parameters())

    @zincir.compile
    def step(a: Any, b: Any) -> None:
        optimizer.zero_grad()
        net.zero_grad()
        F.cross_entropy(net(a), b).backward()
        optimizer.step()

    report = _in_a_loop(step, net, optimizer, 100)
    assert bool(report.of("unchanged_weights")) == foreign
    if foreign:
        assert "none of the model's parameters" in report.of("unchanged_weights")[0].what


def test_loss_not_decreasing() -> None:
    lost = np.zeros_like(X)  # what the net gets says nothing
    for optimizer in (sgd(0.1), adam(1e-3)):
        sick = found(mlp, optimizer, 300, x=lost)["loss_not_decreasing"]
        assert (sick.code, sick.severity) == ("T7", "warning")
        assert sick.evidence["loss now"] > 0.95 * sick.evidence["guessing"]
        assert "patients.py:" in sick.origin
    assert not found(mlp, sgd(0.1), 300)  # cured


def test_a_loss_without_a_bound_is_an_info_at_most() -> None:
    for loss, wanted in ((F.l1_loss, "info"), (F.mse_loss, "warning")):
        report = train(_curve, sgd(1e-9), 300, **{**POINTWISE, "loss": loss})[0].report()
        assert [f.severity for f in report.of("loss_not_decreasing")] == [wanted]


def test_noise_is_no_oscillation() -> None:
    def trained(rate: float, batch: int) -> Any:
        zincir.manual_seed(0)
        net = _curve()
        optimizer = sgd(rate)(net.parameters())
        draws = np.random.default_rng(0)

        @zincir.compile
        def step(a: Any, b: Any) -> None:
            optimizer.zero_grad()
            F.mse_loss(net(a), b).backward()
            optimizer.step()

        with doctor.watch(net, optimizer, every=16) as exam:
            for _ in range(400):
                rows = draws.integers(0, len(POINTS), batch)
                step(zincir.tensor(POINTS[rows]), zincir.tensor(NOISY[rows]))
        report = exam.report()
        assert not report.failed
        return report

    assert not trained(0.01, 4).findings
    assert not trained(0.1, 64).findings
    for batch in (1, 2):  # noise alone is none
        assert not trained(0.005, batch).findings


def test_samples_in_order_make_the_loss_oscillate() -> None:
    halves = [np.flatnonzero(Y < 5), np.flatnonzero(Y >= 5)]

    def trained(rate: float, *, shuffled: bool) -> Any:
        zincir.manual_seed(0)
        net = mlp()
        optimizer = sgd(rate)(net.parameters())
        draws = np.random.default_rng(0)

        @zincir.compile
        def step(a: Any, b: Any) -> None:
            optimizer.zero_grad()
            F.cross_entropy(net(a), b).backward()
            optimizer.step()

        with doctor.watch(net, optimizer, every=16) as exam:
            for k in range(448):
                from_here = np.concatenate(halves) if shuffled else halves[k // 48 % 2]
                rows = draws.choice(from_here, 32)
                step(zincir.tensor(X[rows]), zincir.tensor(Y[rows]))
        return exam.report()

    (sick,) = trained(0.5, shuffled=False).of("oscillating_loss")
    assert (sick.code, sick.severity) == ("T8", "warning")
    assert sick.evidence["jump of means / loss"] > 0.5
    assert not trained(0.5, shuffled=True).findings  # cured


def test_weights_blow_up() -> None:
    sick = found(mlp, sgd(0.1, maximize=True))["weights_blow_up"]
    assert (sick.code, sick.severity, sick.where) == ("T10", "warning", "4")
    assert sick.evidence["size now"] > 10 * sick.evidence["natural size"]
    assert 0 < sick.step < 150
    assert not found(mlp, sgd(0.1))  # cured


def _clipping(norm: float) -> Callable[[Any], Any]:
    """An SGD that clips before each step."""

    def make(parameters: Any) -> Any:
        kept = list(parameters)
        optimizer = zincir.optim.SGD(kept, lr=0.1)
        step = optimizer.step

        def clipped() -> None:
            nn.utils.clip_grad_norm_(kept, norm)
            step()

        optimizer.step = clipped
        return optimizer

    return make


def test_clipping_total() -> None:
    sick = found(mlp, _clipping(1e-3), 200)
    assert next(iter(sick)) == "clipping_total"
    finding = sick["clipping_total"]
    assert (finding.code, finding.severity) == ("T15", "warning")
    assert finding.evidence["norm after clipping"] == pytest.approx(1e-3, rel=1e-2)
    assert finding.evidence["90th percentile of it"] > 0.1
    assert not found(mlp, _clipping(finding.evidence["90th percentile of it"]), 200)  # cured


def test_gradients_that_a_scaler_divides_are_not_clipped() -> None:
    zincir.manual_seed(0)
    net = mlp()
    optimizer = sgd(1e-5)(net.parameters())

    @zincir.compile
    def step(a: Any, b: Any) -> None:
        optimizer.zero_grad()
        (1024 * F.cross_entropy(net(a), b)).backward()
        for p in net.parameters():
            p.grad.div_(1024)
        optimizer.step()

    assert not _in_a_loop(step, net, optimizer, 150).of("clipping_total")


def test_regularisation_overwhelms() -> None:
    for optimizer in (
        sgd(0.1, weight_decay=0.5),
        lambda p: zincir.optim.Adam(p, lr=1e-3, weight_decay=1.0),
        lambda p: zincir.optim.AdamW(p, lr=1e-2, weight_decay=30.0),
    ):
        sick = found(mlp, optimizer, 400)
        finding = sick["regularisation_overwhelms"]
        assert (finding.code, finding.severity, finding.where) == ("T11", "warning", "0")
        assert next(iter(sick)) == "regularisation_overwhelms", list(sick)
        assert finding.evidence["size now"] < finding.evidence["size at first"] / 2
    for optimizer in (  # cured
        sgd(0.1, weight_decay=0.05),
        lambda p: zincir.optim.AdamW(p, lr=1e-2, weight_decay=1.0),
    ):
        assert not found(mlp, optimizer, 400)


def test_adam_epsilon() -> None:
    def adam_with(eps: float) -> Any:
        return lambda p: zincir.optim.Adam(p, lr=1e-3, eps=eps)

    sick = found(mlp, adam_with(1.0), 200)
    assert next(iter(sick)) == "adam_epsilon"
    finding = sick["adam_epsilon"]
    assert (finding.code, finding.severity, finding.evidence["eps"]) == ("T16", "warning", 1.0)
    tiny = found(mlp, adam(1e-3), 200, loss=lambda a, b: 1e-9 * F.cross_entropy(a, b))
    assert next(iter(tiny)) == "adam_epsilon"
    assert not found(mlp, adam_with(1e-4), 200)  # cured


def test_two_that_play_against_each_other_are_healthy() -> None:
    zincir.manual_seed(0)
    draws = np.random.default_rng(0)
    maker = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
    judge = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    of_maker, of_judge = (adam(1e-3)(net.parameters()) for net in (maker, judge))
    real, false = zincir.ones(32, 1), zincir.zeros(32, 1)
    loss = F.binary_cross_entropy_with_logits

    @zincir.compile
    def step(noise: Any, x: Any) -> None:
        of_judge.zero_grad()
        (loss(judge(x), real) + loss(judge(maker(noise).detach()), false)).backward()
        of_judge.step()
        of_maker.zero_grad()
        loss(judge(maker(noise)), real).backward()
        of_maker.step()

    with doctor.watch({"maker": maker, "judge": judge}, [of_maker, of_judge], every=16) as exam:
        for _ in range(400):
            noise, x = draws.normal(size=(32, 4)), draws.normal(2, 0.5, size=(32, 2))
            step(zincir.tensor(noise.astype("f")), zincir.tensor(x.astype("f")))
    report = exam.report()
    assert not report.failed
    assert report.ok, str(report)
