"""Callbacks that change gradients or parameters inside the step."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

from zincir.autograd import no_grad
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn.utils import clip_grad_norm_, clip_grad_value_
from zincir.tensor import Tensor
from zincir.trainer.callback import Callback, Step
from zincir.trainer.training import Training


class ClipGradients(Callback):
    """Keeps gradients from being large, by their norm together or number by number.

    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013).

    Args:
        norm: the largest norm of all gradients as one vector; the norm before is observed as
            "grad_norm".
        value: the largest size of one number.
    """

    def __init__(self, norm: float | None = None, value: float | None = None) -> None:
        if (norm is None) == (value is None) or not (norm or value or 0) > 0:
            raise ArgumentError(
                explain(
                    "ClipGradients: one of norm and value is a number above 0",
                    where=user_line(),
                    got=f"norm={norm}, value={value}",
                )
            )
        self.norm, self.value = norm, value

    def after_backward(self, step: Step) -> None:
        parameters = [p for p in step.model.parameters() if p.grad is not None]
        if self.norm is not None:
            step.observe("grad_norm", clip_grad_norm_(parameters, self.norm))
        else:
            clip_grad_value_(parameters, self.value or 0.0)


class ExponentialAverage(Callback):
    """Evaluates with averaged parameters: after each update average = decay * average
    + (1 - decay) * parameter. Buffers are the model's own.

    Polyak and Juditsky, "Acceleration of stochastic approximation by averaging" (1992); the number
    of updates k counts in the beginning: decay is at most (1 + k) / (10 + k), so that the first
    parameters are soon forgotten.

    Args:
        decay: how much of the average stays.
        keep: whether the model has the averaged parameters after the last epoch.
    """

    def __init__(self, decay: float = 0.999, *, keep: bool = True) -> None:
        if not 0 <= decay < 1:
            raise ArgumentError(
                explain("ExponentialAverage: decay is from 0 to below 1", where=user_line(),
                        got=repr(decay))
            )  # fmt: skip
        self.decay, self.keep = decay, keep
        self.averages: dict[str, Tensor] = {}
        self.updates: Tensor | None = None

    def on_fit_begin(self, trainer: Training) -> None:
        shapes = {name: p.shape for name, p in trainer.model.named_parameters()}
        averaged = {name: average.shape for name, average in self.averages.items()}
        if self.updates is None or averaged != shapes:  # for the first time, or others than then
            parameters = trainer.model.named_parameters()
            self.averages = {name: p.detach().clone() for name, p in parameters}
            self.updates = Tensor([0.0])

    @no_grad()
    def after_update(self, step: Step) -> None:
        assert self.updates is not None
        self.updates.add_(1)
        decay = ((1 + self.updates) / (10 + self.updates)).clamp(max=self.decay)
        for name, p in step.model.named_parameters():
            average = self.averages[name]
            average.add_((p - average) * (1 - decay))

    @contextmanager
    def evaluation(self, trainer: Training) -> Generator[None]:
        if trainer.running is None or not self.averages:  # after the training
            yield
            return
        self._exchange(trainer)
        try:
            yield
        finally:
            self._exchange(trainer)

    def _exchange(self, trainer: Training) -> None:
        with no_grad():
            for name, p in trainer.model.named_parameters():
                average = self.averages[name]
                held = p.detach().clone()
                p.copy_(average)
                average.copy_(held)

    def on_fit_end(self, trainer: Training) -> None:
        if self.keep:
            self._exchange(trainer)

    def state_dict(self) -> dict[str, Any]:
        return {"averages": self.averages, "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.averages, self.updates = state["averages"], state["updates"]


class Freeze(Callback):
    """Leaves parameters as they are in the first epochs, or in all.

    Args:
        names: patterns of parameters' names, such as "features.*".
        epochs: after so many they are trained; None: never.

    Raises:
        ArgumentError: a pattern fits no parameter (when training begins).
    """

    def __init__(self, *names: str, epochs: int | None = None) -> None:
        self.names, self.epochs = names, epochs
        self._turned: list[Any] = []

    def on_fit_begin(self, trainer: Training) -> None:
        named = dict(trainer.model.named_parameters())
        for pattern in self.names:
            if not any(fnmatchcase(name, pattern) for name in named):
                raise ArgumentError(
                    explain(
                        f"Freeze: no parameter fits {pattern!r}",
                        where=user_line(),
                        expected=", ".join(named),
                    )
                )
        fit = (p for n, p in named.items() if any(fnmatchcase(n, x) for x in self.names))
        self._turned = [p for p in fit if p.requires_grad]

    def on_epoch_begin(self, trainer: Training) -> None:
        frozen = self.epochs is None or trainer.epoch < self.epochs
        for p in self._turned:
            if p.requires_grad is frozen:
                p.requires_grad_(not frozen)
                p.grad = None

    def on_fit_end(self, trainer: Training) -> None:
        self._put_back()

    def on_exception(self, trainer: Training, error: BaseException) -> None:
        self._put_back()

    def _put_back(self) -> None:
        for p in self._turned:
            p.requires_grad_()
        self._turned = []
