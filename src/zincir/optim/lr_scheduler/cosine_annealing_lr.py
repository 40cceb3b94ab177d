"""Rates that fall along a cosine."""

from __future__ import annotations

import math
from typing import Any

from zincir.optim.lr_scheduler.scheduler import LRScheduler, Rates
from zincir.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """Rates on half a wave: down to the least in T_max steps, then up again, and so on.

    ```
    rate = eta_min + (first - eta_min) * (1 + cos(pi * step / T_max)) / 2
    ```

    From Loshchilov and Hutter 2016 (https://arxiv.org/abs/1608.03983), without the restarts; each
    rate is computed from the one before, so that it goes together with other schedules.

    Args:
        optimizer: whose rates are set.
        T_max: in how many steps.
        eta_min: the least rate.
        last_epoch: the step to go on behind; -1 begins.

    Example:
        >>> import zincir
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = CosineAnnealingLR(optimizer, T_max=2)
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,
        eta_min: float = 0.0,
        last_epoch: int = -1,
        verbose: Any = "deprecated",
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> Rates:
        """The rates of now, moved on along the cosine."""
        rates, step, least = self._rates(), self.last_epoch, self.eta_min
        if self._is_initial:
            return rates
        if self._step_count == 1 and step > 0:
            share = 1 + math.cos(step * math.pi / self.T_max)
            return [least + (first - least) * share / 2 for first in self.base_lrs]
        if (step - 1 - self.T_max) % (2 * self.T_max) == 0:  # at the bottom there is no ratio
            rise = 1 - math.cos(math.pi / self.T_max)
            pairs = zip(rates, self.base_lrs, strict=True)
            return [rate + (first - least) * rise / 2 for rate, first in pairs]
        now, before = (1 + math.cos(math.pi * s / self.T_max) for s in (step, step - 1))
        return [now / before * (rate - least) + least for rate in rates]

    def _get_closed_form_lr(self) -> Rates:
        share = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        return [self.eta_min + (first - self.eta_min) * share / 2 for first in self.base_lrs]
