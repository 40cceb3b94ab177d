"""Rates that fall along a cosine, and begin again."""

from __future__ import annotations

import math
from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.graph.node import describe, here
from zincir.optim.lr_scheduler.scheduler import LRScheduler, Rates
from zincir.optim.optimizer import Optimizer


class CosineAnnealingWarmRestarts(LRScheduler):
    """Rates on half a wave, down to the least, then at once from the first again.

    ```
    rate = eta_min + (first - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2
    ```

    From Loshchilov and Hutter 2016 (https://arxiv.org/abs/1608.03983).

    Args:
        optimizer: whose rates are set.
        T_0: the length of the first wave.
        T_mult: how many times longer each wave is than the one before.
        eta_min: the least rate.
        last_epoch: the step to go on behind; -1 begins.

    Raises:
        ArgumentError: lengths are no whole numbers, 1 or more.

    Example:
        >>> import zincir
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = CosineAnnealingWarmRestarts(optimizer, T_0=2)
        >>> rates = []
        >>> for _ in range(3):
        ...     rates += schedule.get_last_lr()
        ...     optimizer.step()
        ...     schedule.step()
        >>> rates
        [1.0, 0.5, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
        verbose: Any = "deprecated",
    ) -> None:
        _check("T_0", T_0, isinstance(T_0, int) and T_0 > 0, "a whole number, 1 or more")
        _check(
            "T_mult", T_mult, isinstance(T_mult, int) and T_mult > 0, "a whole number, 1 or more"
        )
        _check("eta_min", eta_min, isinstance(eta_min, int | float), "a float or int")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> Rates:
        """The rates of this place in the wave."""
        self._rates()
        share = 1 + math.cos(math.pi * self.T_cur / self.T_i)
        return [self.eta_min + (first - self.eta_min) * share / 2 for first in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Set the rates of the next step, or of a place, which may lie between two steps."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur = self.T_cur % self.T_i
                self.T_i = self.T_i * self.T_mult
        else:
            _check("epoch", epoch, epoch >= 0, "0 or more")
            self._go_to(epoch)
        self.last_epoch = math.floor(epoch)
        with self._within_step():
            self._set(self.get_lr())

    def _go_to(self, epoch: float) -> None:
        self.T_i, self.T_cur = self.T_0, epoch
        if epoch >= self.T_0 and self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        elif epoch >= self.T_0:
            waves = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            begun = self.T_0 * (self.T_mult**waves - 1) / (self.T_mult - 1)
            self.T_cur = epoch - begun
            self.T_i = self.T_0 * self.T_mult**waves


def _check(name: str, value: Any, fits: bool, expected: str) -> None:
    if not fits:
        raise ArgumentError(
            explain(
                f"CosineAnnealingWarmRestarts: {name} is out of range",
                where=describe(here()),
                expected=expected,
                got=repr(value),
            )
        )
