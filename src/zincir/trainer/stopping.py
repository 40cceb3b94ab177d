"""Stopping when nothing gets better."""

from __future__ import annotations

from typing import Any

from zincir.tensor import Tensor
from zincir.trainer.callback import Callback
from zincir.trainer.saving import is_better, monitored
from zincir.trainer.training import Training


class EarlyStopping(Callback):
    """Stops when a measure has not got better for some epochs.

    Prechelt, "Early stopping - but when?" (1998).

    Args:
        patience: epochs without anything better, after which training stops.
        monitor: a measure of the history: by default `val_loss`, or `loss` without a validation.
        min_delta: by how much it has to be better.
        largest: whether a larger number is better; None: found from the name.
        restore: whether the model gets back the parameters and buffers of its best epoch.

    Attributes:
        best: the best number; best_epoch: its epoch.
    """

    def __init__(
        self,
        patience: int = 10,
        *,
        monitor: str | None = None,
        min_delta: float = 0.0,
        largest: bool | None = None,
        restore: bool = True,
    ) -> None:
        self.patience, self.monitor, self.min_delta = patience, monitor, min_delta
        self.largest, self.restore = largest, restore
        self.best: float | None = None
        self.best_epoch = 0
        self._state: dict[str, Tensor] | None = None

    def on_epoch_end(self, trainer: Training, log: dict[str, Any]) -> None:
        name, largest = monitored(self.monitor, self.largest, log, "EarlyStopping")
        if is_better(log[name], self.best, largest, self.min_delta):
            self.best, self.best_epoch = float(log[name]), trainer.epoch
            if self.restore:
                state = trainer.model.state_dict()
                self._state = {k: v.detach().clone() for k, v in state.items()}
        elif trainer.epoch - self.best_epoch >= self.patience:
            trainer.stop = True

    def on_fit_end(self, trainer: Training) -> None:
        if self.restore and self._state is not None:
            trainer.model.load_state_dict(self._state)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch, "state": self._state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self._state = state["state"]
