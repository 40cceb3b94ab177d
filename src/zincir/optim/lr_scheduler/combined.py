"""Schedules one after the other, and schedules together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from zincir.errors import ArgumentError, DTypeError, explain
from zincir.graph.node import describe, here
from zincir.optim.lr_scheduler.reduce_lr_on_plateau import ReduceLROnPlateau
from zincir.optim.lr_scheduler.scheduler import LRScheduler, set_value, values_of, warn_verbose
from zincir.optim.optimizer import Optimizer


class _Combined(LRScheduler):
    """A schedule made of others, whose state is saved with its own."""

    _schedulers: Sequence[LRScheduler]

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer; schedules among them as their own states."""
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` gave."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_schedulers"})
        for schedule, saved in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            schedule.load_state_dict(saved)


class SequentialLR(_Combined):
    """Schedules one after the other.

    Args:
        optimizer: whose rates are set.
        schedulers: schedules of this optimizer.
        milestones: the steps at which the second, the third ... takes over.
        last_epoch: the step to go on behind; -1 begins.

    Raises:
        ArgumentError, DTypeError: schedules and milestones do not fit.

    Example:
        >>> import zincir
        >>> from zincir.optim.lr_scheduler import ConstantLR, ExponentialLR
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], lr=1.0)
        >>> parts = [ConstantLR(optimizer, 0.1, total_iters=2), ExponentialLR(optimizer, 0.5)]
        >>> schedule = SequentialLR(optimizer, parts, milestones=[2])
        >>> rates = []
        >>> for _ in range(4):
        ...     rates += schedule.get_last_lr()
        ...     optimizer.step()
        ...     schedule.step()
        >>> rates
        [0.1, 0.1, 1.0, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
        verbose: Any = "deprecated",
    ) -> None:
        _check("SequentialLR", schedulers, optimizer)
        warn_verbose(verbose)
        if len(milestones) != len(schedulers) - 1:
            raise ArgumentError(
                explain(
                    "SequentialLR: a milestone between each two schedulers",
                    where=describe(here()),
                    expected=f"{len(schedulers) - 1} milestones",
                    got=f"{len(milestones)}",
                )
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # What each of them has done when it was made is undone, and the first begins anew.
        for group in optimizer.param_groups:
            set_value(group, "lr", group["initial_lr"])
        _step_back(self)
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Let the schedule whose turn it is set the rates."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        schedule = self._schedulers[turn]
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            schedule._update_lr(0)
        else:
            schedule.step()
        self._last_lr = schedule.get_last_lr()


class ChainedScheduler(_Combined):
    """Schedules together: each changes what the ones before have set.

    Args:
        schedulers: schedules of one optimizer.
        optimizer: that optimizer; the first schedule's unless given.

    Raises:
        ArgumentError, DTypeError: schedules do not fit.

    Example:
        >>> import zincir
        >>> from zincir.optim.lr_scheduler import ConstantLR, ExponentialLR
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], lr=1.0)
        >>> parts = [ConstantLR(optimizer, 0.5, total_iters=2), ExponentialLR(optimizer, 0.5)]
        >>> schedule = ChainedScheduler(parts)
        >>> for _ in range(2):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [0.25]
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        first = next(iter(schedulers), None)
        owner = optimizer or getattr(first, "optimizer", None)
        self.optimizer = _check("ChainedScheduler", schedulers, owner)
        self._schedulers = schedulers
        self._last_lr = values_of(self.optimizer, "lr")

    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Let all of them set the rates, in their order."""
        for schedule in self._schedulers:
            schedule.step()
        self._last_lr = values_of(self.optimizer, "lr")


def _step_back(schedule: Any) -> None:
    if hasattr(schedule, "_schedulers"):
        for part in schedule._schedulers:
            _step_back(part)
    elif hasattr(schedule, "last_epoch"):
        schedule.last_epoch -= 1


def _check(owner: str, schedulers: Sequence[Any], optimizer: Any) -> Any:
    """The optimizer, of schedules that fit."""
    if len(schedulers) < 1:
        raise ArgumentError(
            explain(f"{owner} expects at least one scheduler", where=describe(here()))
        )
    for number, schedule in enumerate(schedulers):
        if not hasattr(schedule, "optimizer"):
            raise DTypeError(
                explain(
                    f"{owner}: the scheduler at index {number} has no optimizer",
                    where=describe(here()),
                    got=type(schedule).__name__,
                )
            )
        if isinstance(schedule, ReduceLROnPlateau):
            raise ArgumentError(
                explain(
                    f"{owner} does not support ReduceLROnPlateau, whose step takes a number",
                    where=describe(here()),
                    got=f"one at index {number}",
                    try_="step it beside the others",
                )
            )
        if schedule.optimizer is not optimizer:
            raise ArgumentError(
                explain(
                    f"{owner} expects all schedulers to belong to the same optimizer",
                    where=describe(here()),
                    got=f"another one at index {number}, of {type(schedule).__name__}",
                )
            )
    return optimizer
