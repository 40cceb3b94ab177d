"""The same faults in models of this library and of PyTorch, each trained by its own: sick fires,
cured is silent."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from patients import Patients, X, Y
from zincir import doctor

NUMBERS = X[:, :1].copy()
PAIRS = (Y[:, None] % 2).astype(np.float32)
ROWS = X.reshape(-1, 8, 8)
RARE = np.where(np.random.default_rng(0).random(len(Y)) < 0.98, 0, Y)


@pytest.fixture(params=["zincir", "torch"], scope="module")
def p(request: Any) -> Patients:
    if request.param == "zincir":
        return Patients(zincir)
    torch = pytest.importorskip("torch", reason="NO PYTORCH: its models cannot be examined here")
    torch.set_num_threads(1)
    return Patients(torch)


def _one(p: Patients) -> Any:
    nn = p.nn
    return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 1))


def _dropping(p: Patients, share: float) -> Any:
    nn = p.nn
    return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Dropout(share), nn.Linear(16, 10))


def _recurrent(p: Patients, scale: float) -> Any:
    class Net(p.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.r = p.nn.RNN(8, 24, batch_first=True)
            self.head = p.nn.Linear(24, 10)
            with p.library.no_grad():
                self.r.weight_hh_l0.mul_(scale)

        def forward(self, x: Any) -> Any:
            return self.head(self.r(x)[0][:, -1])

    return Net()


def _cut_off(p: Patients, given: Any, wanted: Any) -> Any:
    return p.nn.functional.cross_entropy(given.detach().requires_grad_(), wanted)


def _clipping(p: Patients, norm: float) -> Callable[[Any], Any]:
    """An SGD that clips before each step."""

    def make(parameters: Any) -> Any:
        kept = list(parameters)
        optimizer = p.library.optim.SGD(kept, lr=0.1)
        step = optimizer.step

        def clipped() -> None:
            p.nn.utils.clip_grad_norm_(kept, norm)
            step()

        optimizer.step = clipped
        return optimizer

    return make


def _without_the_first(p: Patients) -> Callable[[Any], Any]:
    return lambda parameters: p.library.optim.SGD([*parameters][2:], lr=0.1)


def _minus(p: Patients, sign: float) -> Callable[[Any, Any], Any]:
    return lambda given, wanted: sign * p.nn.functional.cross_entropy(given, wanted)


def _squares(given: Any, wanted: Any) -> Any:
    return ((given - wanted) ** 2).mean()


Scene = tuple[Callable[[], Any], Callable[[Any], Any], int, dict[str, Any]]
"""What makes the net and the optimizer, how many steps it is trained, and other options."""
FAULTS: dict[str, Callable[[Patients], tuple[Scene, Scene]]] = {
    "unchanged_weights": lambda p: ((p.mlp, p.sgd(0.0), 150, {}), (p.mlp, p.sgd(0.1), 150, {})),
    "loss_not_decreasing": lambda p: (
        (lambda: p.mlp(p.nn.Tanh), p.sgd(0.1), 300, {"x": np.zeros_like(X)}),
        (lambda: p.mlp(p.nn.Tanh), p.sgd(0.1), 300, {}),
    ),
    "weights_blow_up": lambda p: (
        (p.mlp, p.sgd(0.1, maximize=True), 150, {}),
        (p.mlp, p.sgd(0.1), 150, {}),
    ),
    "regularisation_overwhelms": lambda p: (
        (p.mlp, p.sgd(0.1, weight_decay=0.5), 400, {}),
        (p.mlp, p.sgd(0.1, weight_decay=0.05), 400, {}),
    ),
    "adam_epsilon": lambda p: (
        (p.mlp, p.adam(1e-3, eps=1.0), 200, {}),
        (p.mlp, p.adam(1e-3, eps=1e-4), 200, {}),
    ),
    "clipping_total": lambda p: (
        (p.mlp, _clipping(p, 1e-3), 200, {}),
        (p.mlp, _clipping(p, 3.0), 200, {}),
    ),
    "not_optimised": lambda p: (
        (p.mlp, _without_the_first(p), 60, {}),
        (p.mlp, p.sgd(0.1), 60, {}),
    ),
    "dropout_everything": lambda p: (
        (lambda: _dropping(p, 1.0), p.sgd(0.1), 60, {}),
        (lambda: _dropping(p, 0.2), p.sgd(0.1), 60, {}),
    ),
    "loss_maximised": lambda p: (
        (p.mlp, p.adam(1e-3), 60, {"loss": _minus(p, -1.0)}),
        (p.mlp, p.adam(1e-3), 60, {"loss": _minus(p, 1.0)}),
    ),
    "loss_shape": lambda p: (
        (lambda: _one(p), p.adam(1e-3), 60, {"loss": _squares, "y": NUMBERS[:, 0]}),
        (lambda: _one(p), p.adam(1e-3), 60, {"loss": _squares, "y": NUMBERS}),
    ),
    "bad_initialisation": lambda p: (
        (lambda: _recurrent(p, 6.0), p.adam(1e-3), 60, {"x": ROWS}),
        (lambda: _recurrent(p, 1.0), p.adam(1e-3), 60, {"x": ROWS}),
    ),
    "class_imbalance": lambda p: (
        (p.mlp, p.sgd(1e-3), 300, {"y": RARE}),
        (p.mlp, p.sgd(0.1), 300, {}),
    ),
    "not_shuffled": lambda p: (
        (p.mlp, p.sgd(0.1), 200, {"order": np.argsort(Y, kind="stable")}),
        (p.mlp, p.sgd(0.1), 200, {"order": np.arange(len(Y))}),
    ),
    "learning_rate_too_high": lambda p: (
        (p.mlp, p.adam(1.0), 150, {}),
        (p.mlp, p.adam(1e-3), 150, {}),
    ),
    "learning_rate_too_low": lambda p: (
        (p.mlp, p.sgd(1e-6), 200, {}),
        (p.mlp, p.sgd(0.1), 200, {}),
    ),
    "no_gradient": lambda p: (
        (p.mlp, p.sgd(0.1), 60, {"loss": lambda given, wanted: _cut_off(p, given, wanted)}),
        (p.mlp, p.sgd(0.1), 60, {}),
    ),
    "stale_gradient": lambda p: (
        (p.mlp, p.sgd(0.02), 60, {"clear": False}),
        (p.mlp, p.sgd(0.02), 60, {}),
    ),
}


@pytest.mark.parametrize("symptom", FAULTS)
@pytest.mark.filterwarnings("ignore:Dropout.p=1.0. lets nothing through")
def test_a_fault_is_found_and_its_cure_is_silent(p: Patients, symptom: str) -> None:
    sick, cured = FAULTS[symptom](p)
    make, optimizer, steps, options = sick
    assert symptom in p.found(make, optimizer, steps, **options)
    make, optimizer, steps, options = cured
    assert not p.found(make, optimizer, steps, **options)


@pytest.mark.parametrize("name", ["sign", "round"])
def test_a_gradient_that_is_0_each_time_is_named(p: Patients, name: str) -> None:
    class Net(p.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, through: bool) -> None:
            super().__init__()
            self.first, self.last, self.through = p.nn.Linear(64, 32), p.nn.Linear(32, 10), through

        def forward(self, x: Any) -> Any:
            h = self.first(x)
            flat = getattr(h, name)()
            return self.last(h + (flat - h).detach() if self.through else flat)

    sick = p.found(lambda: Net(False), p.adam(1e-2), 120)
    assert list(sick) == ["no_gradient"]
    assert (sick["no_gradient"].where, str(sick["no_gradient"].severity)) == ("first", "warning")
    assert not p.found(lambda: Net(True), p.adam(1e-2), 120)


def _told(p: Patients, **series: Any) -> Any:
    """What is said about a training whose evaluations are these."""
    net = p.mlp()
    exam = doctor.watch(net, p.sgd(0.1)(net.parameters()))
    for row in zip(*series.values(), strict=True):
        exam.evaluated(**dict(zip(series, row, strict=True)))
    report = exam.report()
    assert not report.failed
    return report.symptoms


def test_epochs_are_judged_alike(p: Patients) -> None:
    down = np.exp(-np.arange(12) / 3)
    assert "overfitting" in _told(p, loss=down, val_loss=0.5 * (down + down[::-1]) + 0.2)
    assert "label_noise" in _told(p, loss=down, accuracy=0.5 * (1 - down), val_accuracy=1 - down)
    assert "validation_too_good" in _told(p, loss=down + 0.5, val_loss=down / 4)
    assert "underfitting" in _told(p, loss=0.7 + 0.3 * down**4, val_loss=0.7 + 0.3 * down**4)
    assert _told(p, loss=down, val_loss=down + 0.01, accuracy=1 - down, val_accuracy=1 - down) == []
