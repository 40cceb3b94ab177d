"""Schedules given by a function of the step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from zincir.errors import ArgumentError, DTypeError, explain
from zincir.graph.node import describe, here
from zincir.optim.lr_scheduler.scheduler import LRScheduler, Rates, saved_function
from zincir.optim.optimizer import Optimizer

Function: TypeAlias = Callable[[int], float]


class _ByFunction(LRScheduler):
    """A schedule with a function for each group; objects among them are saved with their state."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Function | list[Function],
        last_epoch: int = -1,
        verbose: Any = "deprecated",
    ) -> None:
        count = len(optimizer.param_groups)
        given: Any = lr_lambda
        several = isinstance(lr_lambda, list | tuple)
        self.lr_lambdas: list[Function] = list(given) if several else [given] * count
        if len(self.lr_lambdas) != count:
            raise ArgumentError(
                explain(
                    f"{type(self).__name__}: one function for each group",
                    where=describe(here()),
                    expected=f"{count} lr_lambdas",
                    got=f"{len(self.lr_lambdas)}",
                )
            )
        for function in self.lr_lambdas:
            if not callable(function):
                raise DTypeError(
                    explain(
                        f"{type(self).__name__}: lr_lambda should be a function",
                        where=describe(here()),
                        got=type(function).__name__,
                    )
                )
        super().__init__(optimizer, last_epoch, verbose)

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer; of functions nothing, of other objects theirs."""
        functions = [saved_function(function) for function in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": functions}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` gave."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "lr_lambdas"})
        for function, saved in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if saved is not None:
                vars(function).update(saved)


class LambdaLR(_ByFunction):
    """The first rate times a function of the step.

    Args:
        optimizer: whose rates are set.
        lr_lambda: gets the number of the step, from 0 on; or a list, one for each group.
        last_epoch: the step to go on behind; -1 begins.

    Example:
        >>> import zincir
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = LambdaLR(optimizer, lambda step: 1 / (1 + step))
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    def get_lr(self) -> Rates:
        """The first rates times the function."""
        self._rates()
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [rate * function(self.last_epoch) for rate, function in pairs]


class MultiplicativeLR(_ByFunction):
    """The rate before times a function of the step.

    Args:
        optimizer: whose rates are set.
        lr_lambda: gets the number of the step, from 1 on; or a list, one for each group.
        last_epoch: the step to go on behind; -1 begins.

    Example:
        >>> import zincir
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = MultiplicativeLR(optimizer, lambda step: 0.5)
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    def get_lr(self) -> Rates:
        """The rates of now times the function."""
        rates = self._rates()
        if self._is_initial:
            return rates
        pairs = zip(rates, self.lr_lambdas, strict=True)
        return [rate * function(self.last_epoch) for rate, function in pairs]
