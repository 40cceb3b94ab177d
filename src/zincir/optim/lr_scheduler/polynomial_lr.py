"""Rates that fall to 0 along a power."""

from __future__ import annotations

from typing import Any

from zincir.optim.lr_scheduler.scheduler import LRScheduler, Rates
from zincir.optim.optimizer import Optimizer


class PolynomialLR(LRScheduler):
    """Rates times (1 - step / total_iters)**power.

    Args:
        optimizer: whose rates are set.
        total_iters: in how many steps they come to 0.
        power: 1 for a line.
        last_epoch: the step to go on behind; -1 begins.

    Example:
        >>> import zincir
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = PolynomialLR(optimizer, total_iters=2, power=2.0)
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
        verbose: Any = "deprecated",
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> Rates:
        """The rates of now, times what the curve falls by."""
        rates = self._rates()
        if self._is_initial or self.last_epoch > self.total_iters:
            return rates
        now, before = (1.0 - (self.last_epoch - ago) / self.total_iters for ago in (0, 1))
        return [rate * (now / before) ** self.power for rate in rates]

    def _get_closed_form_lr(self) -> Rates:
        share = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [rate * share**self.power for rate in self.base_lrs]
