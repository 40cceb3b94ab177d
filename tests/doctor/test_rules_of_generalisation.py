"""Rules on generalisation: sick fires, healthy is silent, cured is silent."""

from typing import Any

import numpy as np
import pytest

import zincir
from patients import X, Y, mlp
from zincir import doctor, nn
from zincir.trainer import Trainer

DRAWS = np.random.default_rng(3)
WRONG = np.where(DRAWS.random(len(Y)) < 0.4, DRAWS.integers(0, 10, len(Y)), Y)


def _fitted(labels: Any, samples: int, epochs: int, level: str = "standard", **options: Any) -> Any:
    zincir.manual_seed(0)
    net = mlp()
    optimizer = zincir.optim.Adam(net.parameters(), lr=1e-2, **options)
    trainer = Trainer(net, nn.CrossEntropyLoss(), optimizer, seed=0, doctor=level)
    held_out = X[1000:1500], Y[1000:1500]
    trainer.fit((X[:samples], labels[:samples]), held_out, epochs=epochs, progress=False)
    assert not trainer.report.failed
    return trainer.report


def test_overfitting() -> None:
    (sick,) = _fitted(WRONG, 300, 40).of("overfitting")
    assert (sick.code, sick.severity) == ("G1", "warning")
    assert sick.evidence["validation loss now"] > 1.5 * sick.evidence["best validation loss"]
    assert sick.evidence["training loss now"] < sick.evidence["training loss then"]
    stopped = _fitted(WRONG, 300, sick.evidence["best epoch"] + 1)
    assert not stopped.of("overfitting")  # cured by stopping
    assert not _fitted(WRONG, 300, 40, weight_decay=0.03).of("overfitting")  # and by decay
    assert _fitted(WRONG, 300, 40, "light").of("overfitting")  # epochs are seen at each level


@pytest.mark.parametrize("samples", [300, 1000])
def test_healthy_is_silent(samples: int) -> None:
    report = _fitted(Y, samples, 30)
    assert report.ok, str(report)
    assert not [f for f in report.findings if f.severity != "info"]


def test_label_noise() -> None:
    def seen(x: Any, y: Any) -> Any:
        report = doctor.checkup(mlp(), nn.CrossEntropyLoss(), None, (x, y))
        assert not report.failed
        return report.of("label_noise")

    x, y = X[:200].copy(), Y[:200].copy()
    x[150], y[150] = x[7], (y[7] + 1) % 10
    (sick,) = seen(x, y)
    assert (sick.code, sick.severity) == ("G4", "info")
    assert f"samples 7 and 150 are equal, and have the labels {y[7]} and {y[150]}" == sick.what
    y[150] = y[7]
    assert not seen(x, y)  # cured: a copy is no conflict
    assert not seen(X[:200], Y[:200])
    few = np.eye(64, dtype=np.float32)[np.arange(200) % 8]
    assert not seen(few, Y[:200])  # equal rows by nature
