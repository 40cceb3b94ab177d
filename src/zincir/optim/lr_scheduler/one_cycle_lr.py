"""Rates that go up once, and far down."""

from __future__ import annotations

import math
from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.graph.node import describe, here
from zincir.optim.lr_scheduler.momentum import begin_momentum, set_momentum
from zincir.optim.lr_scheduler.scheduler import LRScheduler, Rates, per_group, refuse_other
from zincir.optim.optimizer import Optimizer


class OneCycleLR(LRScheduler):
    """Rates from max_lr / div_factor up to max_lr, then down to a final_div_factor of the first.

    From Smith and Topin 2017 (https://arxiv.org/abs/1708.07120). With `three_phase` it goes down to
    the first rate as fast as it went up, then to the last. With `cycle_momentum`, momentum goes the
    other way. A step is one batch, and there are no more than `total_steps`.

    Args:
        optimizer: whose rates are set; its groups get the keys "initial_lr", "max_lr", "min_lr".
        max_lr: the largest rate, or one for each group.
        total_steps: how many steps there are; or `epochs` times `steps_per_epoch`.
        pct_start: the share of steps that go up.
        anneal_strategy: "cos" or "linear".
        base_momentum, max_momentum: the bounds of momentum, or of the first beta.
        div_factor, final_div_factor: as above.
        last_epoch: the step to go on behind; -1 begins.

    Raises:
        ArgumentError: an argument is out of range; or momentum cycles, and the optimizer has none.

    Example:
        >>> import zincir
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], momentum=0.9)
        >>> schedule = OneCycleLR(optimizer, max_lr=1.0, total_steps=10, anneal_strategy="linear")
        >>> for _ in range(2):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
        verbose: Any = "deprecated",
    ) -> None:
        refuse_other(optimizer)
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        fits = isinstance(pct_start, float) and 0 <= pct_start <= 1
        _check("pct_start", pct_start, fits, "a float between 0 and 1")
        _check("anneal_strategy", anneal_strategy, anneal_strategy in _ANNEAL, "'cos' or 'linear'")
        self._schedule_phases = _phases(pct_start, self.total_steps, three_phase)
        self._anneal_func_type = anneal_strategy
        max_lrs = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, most in zip(optimizer.param_groups, max_lrs, strict=True):
                group["initial_lr"] = most / div_factor
                group["max_lr"] = most
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            found = begin_momentum("OneCycleLR", optimizer, base_momentum, max_momentum, last_epoch)
            self.use_beta1 = found[0]
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> Rates:
        """The rates of this step; momentum is set besides."""
        self._rates()
        step = self.last_epoch
        if step > self.total_steps:
            raise ArgumentError(
                explain(
                    f"OneCycleLR: tried to step {step} times",
                    where=describe(here()),
                    expected=f"{self.total_steps} steps in all, as total_steps says",
                )
            )
        start = 0.0
        for phase in self._schedule_phases[:-1]:
            if step <= phase["end_step"]:
                break
            start = phase["end_step"]
        else:
            phase = self._schedule_phases[-1]
        share = (step - start) / (phase["end_step"] - start)
        anneal = _ANNEAL[self._anneal_func_type]
        rates: Rates = []
        for group in self.optimizer.param_groups:
            rates.append(anneal(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                bounds = group[phase["start_momentum"]], group[phase["end_momentum"]]
                set_momentum(group, anneal(*bounds, share), self.use_beta1)
        return rates


def _cosine(start: Any, end: Any, share: float) -> Any:
    return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def _linear(start: Any, end: Any, share: float) -> Any:
    return (end - start) * share + start


_ANNEAL = {"cos": _cosine, "linear": _linear}


def _phases(pct_start: float, total: int, three: bool) -> list[dict[str, Any]]:
    """Where phases end, and between which keys of a group rate and momentum go in each."""
    keys = "end_step", "start_lr", "end_lr", "start_momentum", "end_momentum"
    up = float(pct_start * total) - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum"
    rows: list[tuple[Any, ...]] = [up]
    if three:
        back = float(2 * pct_start * total) - 2
        rows.append((back, "max_lr", "initial_lr", "base_momentum", "max_momentum"))
        rows.append((total - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"))
    else:
        rows.append((total - 1, "max_lr", "min_lr", "base_momentum", "max_momentum"))
    return [dict(zip(keys, row, strict=True)) for row in rows]


def _total(total_steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
    if total_steps is not None:
        _check_count("total_steps", total_steps)
        return total_steps
    if epochs is None or steps_per_epoch is None:
        raise ArgumentError(
            explain(
                "OneCycleLR: define either total_steps or both epochs and steps_per_epoch",
                where=describe(here()),
                got=f"epochs={epochs}, steps_per_epoch={steps_per_epoch}",
            )
        )
    _check_count("epochs", epochs)
    _check_count("steps_per_epoch", steps_per_epoch)
    return epochs * steps_per_epoch


def _check_count(name: str, value: Any) -> None:
    fits = isinstance(value, int) and value > 0
    _check(name, value, fits, "a whole number, 1 or more")


def _check(name: str, value: Any, fits: bool, expected: str) -> None:
    if not fits:
        raise ArgumentError(
            explain(
                f"OneCycleLR: {name} is out of range",
                where=describe(here()),
                expected=expected,
                got=repr(value),
            )
        )
