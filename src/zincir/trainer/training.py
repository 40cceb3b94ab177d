"""What takes part in a training sees of it: the `Trainer`, and the `fit` that runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from zincir.distributed import Comm
from zincir.metrics import Metric
from zincir.nn import Module
from zincir.optim import Optimizer
from zincir.tensor import Tensor
from zincir.trainer.history import History


class Running(Protocol):
    """A `fit` that runs."""

    until: int
    """The number of epochs at which it ends."""
    position: int
    """Batches of this epoch that are done."""

    @property
    def batches(self) -> int | None:
        """Batches in an epoch, if that is known."""
        ...

    @property
    def clock(self) -> float:
        """Seconds since some moment; of several processes, all have the same."""
        ...

    def loss(self) -> float:
        """The mean loss of this epoch so far."""
        ...

    @property
    def known(self) -> tuple[Any, Any]:
        """Inputs and targets that are trained on, and those of the validation, if both are arrays
        that are trained on as they are; else None and None.
        """
        ...

    def taken(self, batch: Any) -> tuple[Any, Any]:
        """Inputs and targets of a batch that callbacks were given."""
        ...


class Training(Protocol):
    """A `Trainer`, as callbacks get it."""

    model: Module
    metrics: list[Metric]
    scheduler: Any
    history: History
    epoch: int
    """Epochs that are done."""
    steps: int
    """Updates that are done."""
    stop: bool
    """Set it, and training stops after this update."""
    observed: dict[str, Tensor]
    """What callbacks let the last step give."""
    ranks: Comm
    """The processes that train together."""

    @property
    def optimizer(self) -> Optimizer:
        """What updates the parameters."""
        ...

    @property
    def loss(self) -> Callable[[Any, Any], Tensor]:
        """What is trained for."""
        ...

    @property
    def running(self) -> Running | None:
        """The `fit` that runs, if one does."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that training goes on from."""
        ...
