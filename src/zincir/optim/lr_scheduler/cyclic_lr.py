"""Rates that go up and down again between two bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.graph.node import describe, here
from zincir.optim.lr_scheduler.momentum import begin_momentum, set_momentum
from zincir.optim.lr_scheduler.scheduler import (
    LRScheduler,
    Rates,
    per_group,
    refuse_other,
    saved_function,
    set_value,
)
from zincir.optim.optimizer import Optimizer

_SCALE_MODES = {"triangular": "cycle", "triangular2": "cycle", "exp_range": "iterations"}
"""What the height of a cycle depends on: the number of the cycle, or that of the step."""


class CyclicLR(LRScheduler):
    """Rates that go up from a least to a largest and down again, over and over.

    From Smith 2015 (https://arxiv.org/abs/1506.01186). Cycles are all as high ("triangular"), each
    half as high as the one before ("triangular2"), or shrink by gamma at each step ("exp_range").
    With `cycle_momentum`, momentum goes the other way. A step is one batch.

    Args:
        optimizer: whose rates are set.
        base_lr: the least rate, or one for each group.
        max_lr: the largest rate, or one for each group.
        step_size_up: how many steps it goes up.
        step_size_down: how many steps it goes down; as many unless given.
        mode: "triangular", "triangular2" or "exp_range".
        gamma: of "exp_range".
        scale_fn: the height of a cycle in place of `mode`, of the number that `scale_mode` says.
        scale_mode: "cycle" or "iterations".
        base_momentum, max_momentum: the bounds of momentum, or of the first beta.
        last_epoch: the step to go on behind; -1 begins.

    Raises:
        ArgumentError: there is no such mode; or momentum cycles, and the optimizer has none.

    Example:
        >>> import zincir
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], momentum=0.9)
        >>> schedule = CyclicLR(optimizer, base_lr=0.5, max_lr=1.0, step_size_up=2)
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
        verbose: Any = "deprecated",
    ) -> None:
        refuse_other(optimizer)
        if mode not in _SCALE_MODES and scale_fn is None:
            raise ArgumentError(
                explain(
                    "CyclicLR: mode is invalid and scale_fn is None",
                    where=describe(here()),
                    expected=", ".join(_SCALE_MODES),
                    got=repr(mode),
                )
            )
        base_lrs = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for rate, group in zip(base_lrs, optimizer.param_groups, strict=True):
                set_value(group, "lr", rate)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        self.mode, self.gamma = mode, gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else _SCALE_MODES[mode]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            found = begin_momentum("CyclicLR", optimizer, base_momentum, max_momentum, last_epoch)
            self.use_beta1, self.base_momentums, self.max_momentums = found
        super().__init__(optimizer, last_epoch, verbose)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """How high a cycle is, of 1."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return 1 / (2.0 ** (x - 1))
        return self.gamma**x if self.mode == "exp_range" else 1.0

    def get_lr(self) -> Rates:
        """The rates of this step; momentum is set besides."""
        self._rates()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        going_up = x <= self.step_ratio
        share = x / self.step_ratio if going_up else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.base_momentums, self.max_momentums, strict=True)
            momenta = [most - (most - least) * share * scale for least, most in bounds]
            for group, momentum in zip(self.optimizer.param_groups, momenta, strict=True):
                set_momentum(group, momentum, self.use_beta1)
        rates = zip(self.base_lrs, self.max_lrs, strict=True)
        return [least + (most - least) * share * scale for least, most in rates]

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer; of a function nothing, of another object its own."""
        custom = self._scale_fn_custom
        saved = None if custom is None else saved_function(custom)
        return {**super().state_dict(), "_scale_fn_custom": saved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` gave."""
        own = self._scale_fn_custom
        super().load_state_dict({**state_dict, "_scale_fn_custom": own})
        if state_dict["_scale_fn_custom"] is not None:
            vars(own).update(state_dict["_scale_fn_custom"])
