"""Steps that are run again from a snapshot, to find where a NaN was born."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zincir import anomaly
from zincir.anomaly import Birth
from zincir.autograd import enable_grad, grad
from zincir.doctor.undisturbed import undisturbed, unwatched
from zincir.errors import AnomalyError
from zincir.nn.module.calls import called
from zincir.random import get_rng_state, set_rng_state
from zincir.tensor import Tensor
from zincir.trainer.callback import Callback, Step
from zincir.trainer.passes import loss_of, samples_of
from zincir.trainer.training import Training

EVERY = 64
"""Steps between two snapshots: so many are run again at most."""


@dataclass
class Snapshot:
    """What a training goes on from, and the batches since."""

    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    generator: Any
    gradients: list[tuple[Tensor, Any]]
    batches: list[Sequence[Any]] = field(default_factory=list[Sequence[Any]])
    """Of each update since, as the feed gave them."""

    @classmethod
    def of(cls, trainer: Training) -> Snapshot:
        """The state of this moment, copied."""
        state = {k: v.detach().clone() for k, v in trainer.model.state_dict().items()}
        gradients: list[tuple[Tensor, Any]] = [(p, p.grad) for p in trainer.model.parameters()]
        optimizer = copy.deepcopy(trainer.optimizer.state_dict())
        return cls(state, optimizer, get_rng_state(), gradients)

    def restore(self, trainer: Training) -> None:
        """Put everything back."""
        trainer.model.load_state_dict(self.model)
        trainer.optimizer.load_state_dict(self.optimizer)
        set_rng_state(self.generator)
        for p, g in self.gradients:
            p.grad = g


def birth_since(
    snapshot: Snapshot, trainer: Training, callbacks: Sequence[Callback]
) -> Birth | None:
    """Where the first NaN or infinity since a snapshot was born; None if none comes again.

    The trainer is afterwards what it was.

    Args:
        callbacks: those whose `after_backward` belongs to a step.
    """
    now = Snapshot.of(trainer)
    with unwatched(), enable_grad():
        try:
            snapshot.restore(trainer)
            return next((b for s in snapshot.batches if (b := _born(s, trainer, callbacks))), None)
        finally:
            now.restore(trainer)


def _born(group: Sequence[Any], trainer: Training, callbacks: Sequence[Callback]) -> Birth | None:
    """Where a NaN is born in an update; if none is, the update is made."""
    running = trainer.running
    assert running is not None
    pairs = [running.taken(batch) for batch in group]
    for x, y in pairs:
        with undisturbed(trainer.model):
            if _is_finite(trainer, x, y):
                continue
        try:
            with undisturbed(trainer.model), anomaly.Watch():
                _gradients(trainer, x, y)
        except AnomalyError as error:
            return error.birth
    everything = sum(samples_of(x) for x, _ in pairs)
    trainer.optimizer.zero_grad()
    for x, y in pairs:
        outputs = called(trainer.model, x)
        loss = loss_of(trainer.loss, outputs, y)
        (loss * (samples_of(x) / everything)).backward()
        if x is pairs[-1][0]:
            for callback in callbacks:
                step = Step(trainer.model, trainer.optimizer, x, y, outputs, loss)
                callback.after_backward(step)
    trainer.optimizer.step()
    return None


def _gradients(trainer: Training, x: Any, y: Any) -> tuple[Tensor, list[Any]]:
    loss = loss_of(trainer.loss, called(trainer.model, x), y)
    trained = [p for p in trainer.model.parameters() if p.requires_grad]
    found = list(grad(loss, trained, retain_graph=True, allow_unused=True))
    loss.detach().item()
    return loss, found


def _is_finite(trainer: Training, x: Any, y: Any) -> bool:
    loss, found = _gradients(trainer, x, y)
    arrays = [g.numpy() for g in found if g is not None]
    return math.isfinite(loss.item()) and all(np.isfinite(a).all() for a in arrays)
