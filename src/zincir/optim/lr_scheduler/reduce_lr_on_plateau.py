"""Rates that fall when nothing gets better."""

from __future__ import annotations

import math
from typing import Any

from zincir.errors import ArgumentError, StateError, explain
from zincir.graph.node import describe, here
from zincir.optim.lr_scheduler.scheduler import (
    LRScheduler,
    per_group,
    refuse_other,
    set_value,
    values_of,
    warn_epoch,
    warn_verbose,
)
from zincir.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """Rates times a factor when a number has not got better for a while.

    Args:
        optimizer: whose rates are set.
        mode: whether less ("min") or more ("max") is better.
        factor: what rates are multiplied by, less than 1.
        patience: how many steps without progress are allowed.
        threshold: how much better counts as progress,
        threshold_mode: as a share of the best so far ("rel") or as a difference ("abs").
        cooldown: how many steps nothing is counted after rates fell.
        min_lr: the least rate, or one for each group.
        eps: the least change of a rate that is made.
        verbose: deprecated, and prints nothing; `get_last_lr()` tells the rates.

    Raises:
        ArgumentError: an argument is out of range.

    Example:
        >>> import zincir
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
        >>> for loss in (3.0, 2.0, 2.0, 2.0):
        ...     schedule.step(loss)
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: list[float] | float = 0,
        eps: float = 1e-8,
        verbose: Any = "deprecated",
    ) -> None:
        refuse_other(optimizer)
        warn_verbose(verbose)
        _check("factor", factor, factor < 1.0, "less than 1")
        self.factor = factor
        self.optimizer = optimizer
        self.default_min_lr = None if isinstance(min_lr, list | tuple) else min_lr
        self.min_lrs = per_group("min_lr", optimizer, min_lr)
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = values_of(optimizer, "lr")
        self._init_is_better(mode=mode, threshold=threshold, threshold_mode=threshold_mode)
        self._reset()

    def _init_is_better(self, mode: str, threshold: float, threshold_mode: str) -> None:
        _check("mode", mode, mode in ("min", "max"), "'min' or 'max'")
        _check("threshold_mode", threshold_mode, threshold_mode in ("rel", "abs"), "'rel' or 'abs'")
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode

    def _reset(self) -> None:
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    @property
    def in_cooldown(self) -> bool:
        """Whether nothing is counted at the moment."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Look at a number, such as the loss on data that is not trained on.

        Args:
            metrics: a number, or a tensor of one.
            epoch: deprecated: steps count by themselves.
        """
        current = float(metrics)
        if epoch is not None:
            warn_epoch()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = values_of(self.optimizer, "lr")

    def _reduce_lr(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise StateError(
                    explain(
                        "ReduceLROnPlateau: the optimizer has other groups than when it was made",
                        where=describe(here()),
                        expected=f"{len(self.min_lrs)} groups, as there are min_lrs",
                        got=f"{len(groups)}",
                        try_="set min_lrs of the schedule to a list of that length",
                    )
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            before = float(group["lr"])
            rate = max(before * self.factor, least)
            if before - rate > self.eps:
                set_value(group, "lr", rate)

    def _is_better(self, a: float, best: float) -> bool:
        if self.mode == "min":
            relative = self.threshold_mode == "rel"
            return a < (best * (1.0 - self.threshold) if relative else best - self.threshold)
        relative = self.threshold_mode == "rel"
        return a > (best * (self.threshold + 1.0) if relative else best + self.threshold)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` gave."""
        super().load_state_dict(state_dict)
        self._init_is_better(self.mode, self.threshold, self.threshold_mode)


def _check(name: str, value: Any, fits: bool, expected: str) -> None:
    if not fits:
        raise ArgumentError(
            explain(
                f"ReduceLROnPlateau: {name} is out of range",
                where=describe(here()),
                expected=expected,
                got=repr(value),
            )
        )
