"""Momentum that goes up where the rate goes down: under either of its two names."""

from __future__ import annotations

from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.graph.node import describe, here
from zincir.optim.lr_scheduler.scheduler import per_group
from zincir.optim.optimizer import Optimizer
from zincir.optim.settings import Group


def begin_momentum(
    owner: str, optimizer: Optimizer, base: Any, most: Any, last_epoch: int
) -> tuple[bool, list[Any], list[Any]]:
    """Whether momentum is called beta1 here; its least and its largest for each group.

    A schedule that begins sets it to the largest, and notes both in the groups.

    Raises:
        ArgumentError: the optimizer has none.
    """
    named = [key for key in ("momentum", "betas") if key in optimizer.defaults]
    if not named:
        raise ArgumentError(
            explain(
                f"{owner}: the optimizer must support momentum or beta1 for cycle_momentum",
                where=describe(here()),
                expected="'momentum' or 'betas' among its settings",
                got=f"{type(optimizer).__name__} with {', '.join(optimizer.defaults)}",
                try_="cycle_momentum=False",
            )
        )
    beta = "betas" in named
    least, largest = (
        per_group(name, optimizer, value)
        for name, value in (("base_momentum", base), ("max_momentum", most))
    )
    if last_epoch == -1:
        for group, low, high in zip(optimizer.param_groups, least, largest, strict=True):
            set_momentum(group, high, beta)
            group["max_momentum"], group["base_momentum"] = high, low
    return beta, least, largest


def set_momentum(group: Group, value: float, beta: bool) -> None:
    """Set the momentum of a group, or the first of its betas."""
    if beta:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value
