"""Rates that begin with a share of themselves."""

from __future__ import annotations

from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.graph.node import describe, here
from zincir.optim.lr_scheduler.scheduler import LRScheduler, Rates
from zincir.optim.optimizer import Optimizer


class ConstantLR(LRScheduler):
    """Rates times a factor for the first steps, then as they are.

    Args:
        optimizer: whose rates are set.
        factor: from 0 to 1.
        total_iters: for how many steps.
        last_epoch: the step to go on behind; -1 begins.

    Raises:
        ArgumentError: the factor is out of range.

    Example:
        >>> import zincir
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = ConstantLR(optimizer, factor=0.5, total_iters=2)
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
        verbose: Any = "deprecated",
    ) -> None:
        _check("factor", factor, 0 <= factor <= 1, "from 0 to 1")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> Rates:
        """The rates of now, times the factor at first, divided by it at the end."""
        rates = self._rates()
        if self.last_epoch == 0:
            return [rate * self.factor for rate in rates]
        if self.last_epoch != self.total_iters:
            return rates
        return [rate * (1.0 / self.factor) for rate in rates]

    def _get_closed_form_lr(self) -> Rates:
        over = self.last_epoch >= self.total_iters
        return [rate * (self.factor + over * (1 - self.factor)) for rate in self.base_lrs]


class LinearLR(LRScheduler):
    """Rates times a factor that goes in a line from one number to another.

    Args:
        optimizer: whose rates are set.
        start_factor: more than 0, up to 1.
        end_factor: from 0 to 1.
        total_iters: in how many steps.
        last_epoch: the step to go on behind; -1 begins.

    Raises:
        ArgumentError: a factor is out of range.

    Example:
        >>> import zincir
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = LinearLR(optimizer, start_factor=0.5, total_iters=2)
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
        verbose: Any = "deprecated",
    ) -> None:
        _check("start_factor", start_factor, 0 < start_factor <= 1, "more than 0, up to 1")
        _check("end_factor", end_factor, 0 <= end_factor <= 1, "from 0 to 1")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> Rates:
        """The rates of now, times what the line has grown by."""
        rates, step = self._rates(), self.last_epoch
        if step == 0:
            return [rate * self.start_factor for rate in rates]
        if self._is_initial or step > self.total_iters:
            return rates
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (step - 1) * rise
        return [rate * (1.0 + rise / before) for rate in rates]

    def _get_closed_form_lr(self) -> Rates:
        rise = self.end_factor - self.start_factor
        step = min(self.total_iters, self.last_epoch)
        return [
            rate * (self.start_factor + rise * step / self.total_iters) for rate in self.base_lrs
        ]


def _check(name: str, value: float, fits: bool, expected: str) -> None:
    if not fits:
        raise ArgumentError(
            explain(
                f"{name} is out of range",
                where=describe(here()),
                expected=expected,
                got=str(value),
            )
        )
