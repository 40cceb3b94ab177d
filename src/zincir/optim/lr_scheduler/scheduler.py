"""What all schedules are: learning rates set anew at each step, from those there were at first."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

from zincir.errors import ArgumentError, DTypeError, StateError, explain
from zincir.graph.node import describe, here
from zincir.optim.optimizer import Optimizer
from zincir.optim.settings import Group
from zincir.recording import by_value, note_condition
from zincir.tensor import Tensor

Rates: TypeAlias = list[Any]
"""A learning rate for each group: a number, or a tensor where the group has one."""


class LRScheduler:
    """The learning rates of an optimizer, set anew at each `step()`.

    A subclass defines `get_lr`, which returns the new rates of all groups; it finds the rates of
    the beginning in `base_lrs`, those of now in the groups of `optimizer`, and the number of the
    step in `last_epoch`. It may define `_get_closed_form_lr` for `step(epoch)`. Compiled steps
    read the rates at each call: a schedule makes them compile nothing.

    Args:
        optimizer: whose rates are set; its groups get the key "initial_lr".
        last_epoch: the step to go on behind; -1 begins.
        verbose: deprecated, and prints nothing; `get_last_lr()` tells the rates.

    Raises:
        StateError: with a `last_epoch`, groups have no "initial_lr".

    Example:
        >>> import zincir
        >>> class Halved(LRScheduler):
        ...     def get_lr(self):
        ...         return [rate * 0.5**self.last_epoch for rate in self.base_lrs]
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = Halved(optimizer)
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    optimizer: Optimizer
    last_epoch: int
    base_lrs: Rates
    _last_lr: Rates
    _step_count: int
    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(
        self, optimizer: Optimizer, last_epoch: int = -1, verbose: Any = "deprecated"
    ) -> None:
        refuse_other(optimizer)
        warn_verbose(verbose)
        self.optimizer = optimizer
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _own(group["lr"]))
            elif "initial_lr" not in group:
                raise StateError(
                    explain(
                        f"{type(self).__name__}: 'initial_lr' is not in group {number}",
                        where=describe(here()),
                        expected="the groups of an optimizer that had a schedule, saved and loaded",
                        got=f"last_epoch={last_epoch}, and a group with {', '.join(group)}",
                        try_="last_epoch=-1 for a new run",
                    )
                )
        self.base_lrs = values_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        # From now on the optimizer notes whether there was a step.
        vars(optimizer).setdefault("_opt_called", False)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_last_lr(self) -> Rates:
        """The rates that were set last."""
        note_condition(self, lambda: by_value(self._last_lr))
        return self._last_lr

    def get_lr(self) -> Rates:
        """The rates of this step; for subclasses to define and for `step` to call."""
        raise NotImplementedError(
            explain(
                f"{type(self).__name__} has no get_lr",
                where=describe(here()),
                try_="define get_lr(self), which returns a rate for each group",
            )
        )

    def step(self, epoch: int | None = None) -> None:
        """Set the rates of the next step, or (deprecated) those of a certain one."""
        if self._step_count == 1 and not vars(self.optimizer).get("_opt_called", True):
            warnings.warn(
                "lr_scheduler.step() was called before optimizer.step(): the first value of the "
                "schedule is skipped; call optimizer.step() first",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warn_epoch()
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        with self._within_step():
            self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
            closed: Callable[[], Rates] | None = getattr(self, "_get_closed_form_lr", None)
            rates = self.get_lr() if epoch is None or closed is None else closed()
        self._set(rates)

    @contextmanager
    def _within_step(self) -> Generator[None]:
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _set(self, rates: Rates) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_value(group, "lr", rate)
        self._last_lr = values_of(self.optimizer, "lr")

    def _rates(self) -> Rates:
        """The rates of now; `get_lr` asks for them first, which is the moment to warn."""
        if not self._get_lr_called_within_step:
            warnings.warn(
                "get_lr() is what step() calls; get_last_lr() tells the rates that were set",
                UserWarning,
                stacklevel=3,
            )
        return values_of(self.optimizer, "lr")

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer."""
        note_condition(self.__dict__, lambda: by_value(self.__dict__))
        return {k: v for k, v in self.__dict__.items() if k != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` gave."""
        self.__dict__.update(state_dict)


class _LRScheduler(LRScheduler):  # pyright: ignore[reportUnusedClass]
    """The name that it had before."""


def refuse_other(optimizer: Any) -> None:
    """Raise if a schedule is to be made for something else than an optimizer.

    Raises:
        DTypeError: it is.
    """
    if not isinstance(optimizer, Optimizer):
        raise DTypeError(
            explain(
                f"{type(optimizer).__name__} is not an Optimizer",
                where=describe(here()),
                expected="a zincir.optim.Optimizer",
            )
        )


def warn_verbose(verbose: Any) -> None:
    """Warn that `verbose` prints nothing."""
    if verbose != "deprecated":
        warnings.warn(
            "the verbose argument of schedules is deprecated and prints nothing; get_last_lr() "
            "tells the rates",
            UserWarning,
            stacklevel=3,
        )


def warn_epoch() -> None:
    """Warn that steps count by themselves."""
    warnings.warn(
        "the epoch argument of scheduler.step() is deprecated: steps count by themselves. With it, "
        "the closed form of the schedule is used, if there is one",
        UserWarning,
        stacklevel=3,
    )


def per_group(name: str, optimizer: Optimizer, value: Any) -> Rates:
    """A value for each group, given as one for all or as a list.

    Raises:
        ArgumentError: the list has another length.
    """
    count = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [_own(value) for _ in range(count)]
    several = cast(Sequence[Any], value)
    if len(several) != count:
        raise ArgumentError(
            explain(
                f"{name} must have the same length as optimizer.param_groups",
                where=describe(here()),
                expected=f"one value, or {count}",
                got=f"{len(several)} values",
            )
        )
    return [_own(v) for v in several]


def _own(value: Any) -> Any:
    """A copy, so that nobody else changes it."""
    return value.clone() if isinstance(value, Tensor) else value


def values_of(optimizer: Optimizer, key: str) -> Rates:
    """A setting of all groups."""
    return [_own(group[key]) for group in optimizer.param_groups]


def set_value(group: Group, key: str, value: Any) -> None:
    """Set a number of a group; a tensor stays the same one, and is filled with it."""
    if isinstance(group[key], Tensor):
        group[key].fill_(float(value))
    else:
        group[key] = value


def saved_function(function: Any) -> Any:
    """What is saved of a function: nothing of one of Python's, else its attributes."""
    if isinstance(function, types.FunctionType):
        return None
    return cast(dict[str, Any], function.__dict__).copy()
