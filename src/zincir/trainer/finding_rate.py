"""The learning rate range test."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from zincir.distributed import SelfComm
from zincir.errors import ArgumentError, NotFinite, explain
from zincir.graph.node import user_line
from zincir.trainer.callback import Callback, Callbacks, Step
from zincir.trainer.trainer import Trainer
from zincir.trainer.training import Training

_SMOOTHING, _TOO_HIGH = 0.9, 4.0


@dataclass(frozen=True)
class RateRange:
    """What a range test found: a loss for each rate, and the rate that it suggests."""

    rates: list[float]
    losses: list[float]
    """Smoothed: l = 0.9 l + 0.1 loss, divided by 1 - 0.9^k."""
    suggestion: float
    """A tenth of the rate at which the loss was smallest."""

    def plot(self, path: Any = None) -> Any:
        """The losses over the rates, by matplotlib; written to `path` if there is one."""
        from matplotlib.figure import Figure

        figure: Any = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.rates, self.losses)
        axes.axvline(self.suggestion, linestyle="--", label=f"suggested: {self.suggestion:.2g}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss (smoothed)")
        axes.legend()
        if path is not None:
            figure.savefig(path, dpi=150)
        return figure


def find_learning_rate(
    trainer: Trainer,
    train: Any,
    *,
    smallest: float = 1e-6,
    largest: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
) -> RateRange:
    """Train for some steps with a rate that grows from step to step, and see where the loss falls.

    Smith, "Cyclical learning rates for training neural networks" (2017). Model, optimizer, schedule
    and random numbers are as before when it is done. It ends early when the loss is four times
    as large as the smallest one was.

    Raises:
        ArgumentError: there are no rates between `smallest` and `largest`, or fewer than 10 steps.

    Example:
        >>> import zincir
        >>> from zincir.trainer import Trainer, find_learning_rate
        >>> model = zincir.nn.Linear(2, 1)
        >>> trainer = Trainer(model, zincir.nn.MSELoss(), zincir.optim.SGD(model.parameters()))
        >>> x = zincir.randn(64, 2)
        >>> found = find_learning_rate(trainer, (x, x.sum(1, keepdim=True)))
        >>> 0.001 < found.suggestion < 1
        True
    """
    if not 0 < smallest < largest or steps < 10:
        raise ArgumentError(
            explain(
                "find_learning_rate: needs 0 < smallest < largest and 10 steps",
                where=user_line(),
                got=f"smallest={smallest}, largest={largest}, steps={steps}",
            )
        )
    before = deepcopy(trainer.state_dict())
    callbacks, scheduler, ranks = trainer.callbacks, trainer.scheduler, trainer.ranks
    growing = _Growing(np.geomspace(smallest, largest, steps).tolist())
    trainer.callbacks = Callbacks([growing, *(c for c in callbacks.all if _is_of_the_step(c))])
    trainer.scheduler, trainer.ranks = None, SelfComm()  # each process finds it alone
    groups = trainer.optimizer.param_groups
    rates: list[Any] = [group["lr"] for group in groups]
    try:
        trainer.fit(train, epochs=steps, batch_size=batch_size, progress=False, allow_nan=True)
    finally:
        trainer.callbacks, trainer.scheduler, trainer.ranks = callbacks, scheduler, ranks
        trainer.load_state_dict(before)
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
    losses = growing.losses
    if not losses:
        raise NotFinite(
            explain("find_learning_rate: the loss is not finite at the first step",
                    where=user_line(), got=f"with a rate of {smallest}")
        )  # fmt: skip
    best = growing.rates[int(np.argmin(losses))]
    return RateRange(growing.rates[: len(losses)], losses, best / 10)


def _is_of_the_step(callback: Callback) -> bool:
    return type(callback).after_backward is not Callback.after_backward


class _Growing(Callback):
    def __init__(self, rates: list[float]) -> None:
        self.rates, self.losses = rates, list[float]()
        self._mean = 0.0

    def after_backward(self, step: Step) -> None:
        step.observe("loss", step.loss)

    def on_fit_begin(self, trainer: Training) -> None:
        self._set(trainer, 0)

    def on_step_end(self, trainer: Training) -> None:
        loss = trainer.observed["loss"].item()
        self._mean = _SMOOTHING * self._mean + (1 - _SMOOTHING) * loss
        smooth = self._mean / (1 - _SMOOTHING ** (len(self.losses) + 1))
        best = min(self.losses, default=math.inf)
        done = len(self.losses) + 1
        if not math.isfinite(smooth) or (smooth > _TOO_HIGH * best and done > 10):
            trainer.stop = True
            return
        self.losses.append(smooth)
        if done == len(self.rates):
            trainer.stop = True
        else:
            self._set(trainer, done)

    def _set(self, trainer: Training, number: int) -> None:
        for group in trainer.optimizer.param_groups:
            group["lr"] = self.rates[number]
