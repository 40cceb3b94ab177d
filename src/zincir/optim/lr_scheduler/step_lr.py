"""Rates that fall by a factor at certain steps."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from typing import Any

from zincir.optim.lr_scheduler.scheduler import LRScheduler, Rates
from zincir.optim.optimizer import Optimizer


class StepLR(LRScheduler):
    """Rates times gamma after every so many steps.

    Args:
        optimizer: whose rates are set.
        step_size: after how many steps.
        gamma: the factor.
        last_epoch: the step to go on behind; -1 begins.

    Example:
        >>> import zincir
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = StepLR(optimizer, step_size=2, gamma=0.5)
        >>> for _ in range(4):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        step_size: int,
        gamma: float = 0.1,
        last_epoch: int = -1,
        verbose: Any = "deprecated",
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> Rates:
        """The rates of now, times gamma if it is time."""
        rates = self._rates()
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return rates
        return [rate * self.gamma for rate in rates]

    def _get_closed_form_lr(self) -> Rates:
        falls = self.last_epoch // self.step_size
        return [rate * self.gamma**falls for rate in self.base_lrs]


class MultiStepLR(LRScheduler):
    """Rates times gamma at each of a list of steps.

    Args:
        optimizer: whose rates are set.
        milestones: at which steps.
        gamma: the factor.
        last_epoch: the step to go on behind; -1 begins.

    Example:
        >>> import zincir
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
        >>> for _ in range(4):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
        verbose: Any = "deprecated",
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> Rates:
        """The rates of now, times gamma as often as this step is in the list."""
        rates = self._rates()
        if self.last_epoch not in self.milestones:
            return rates
        return [rate * self.gamma ** self.milestones[self.last_epoch] for rate in rates]

    def _get_closed_form_lr(self) -> Rates:
        falls = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [rate * self.gamma**falls for rate in self.base_lrs]
