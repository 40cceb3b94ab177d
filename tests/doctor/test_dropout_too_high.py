"""T18: dropout that leaves too little to learn with."""

from typing import Any

from patients import adam, found
from zincir import nn


def test_dropout_too_high() -> None:
    def dropped(p: float) -> Any:
        return lambda: nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(p), nn.Linear(32, 10))

    sick = found(dropped(0.98), adam(1e-3), 150)["dropout_too_high"]
    assert (sick.code, sick.severity, sick.where) == ("T18", "warning", "2")
    assert sick.evidence["p"] == 0.98
    assert "dropout_too_high" not in found(dropped(0.6), adam(3e-3), 200)  # strong, and learns
    assert not found(dropped(0.2), adam(3e-3), 150)  # cured
