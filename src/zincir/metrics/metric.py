"""What every metric is: a few sums that are added to in place, or arrays that are collected."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, TypeVar

import numpy as np

from zincir import recording
from zincir.bindings import readable
from zincir.creation import as_tensor
from zincir.errors import ArgumentError, ShapeError, StateError, TraceError, explain
from zincir.graph.node import grad_mode, user_line
from zincir.nn.module.user_line import at_user_line
from zincir.pending import settle
from zincir.step import compile
from zincir.tensor import Tensor, from_array
from zincir.types import DType, Shape, float64

M = TypeVar("M", bound="Metric")
_HERE = "zincir.metrics."
_SEEN, _FORMS, _MOST = 2, 16, 10_000
"""So often a form of batches is seen before it is recorded; so many forms are; and of no more
numbers are copies made, in case that a batch is refused halfway."""


class Metric(ABC):
    """A number about predictions and what is true, over a stream of batches.

    `update` takes a batch in, `compute` gives the value over all that was seen, `reset` begins
    anew; calling the metric does the first and gives the value of that batch alone. `merge` takes
    in what another metric of the same kind has seen. What has seen nothing is NaN.

    A subclass names in `keeps` the sums it needs and their types, adds to them with `add` in `see`,
    and makes the result of `states` in `value`. Settings are attributes that the constructor sets;
    they stay what they are, so that compiled functions may rely on them.

    Example:
        >>> import zincir
        >>> class Share(Metric):
        ...     keeps = {"positive": zincir.int64, "seen": zincir.int64}
        ...     def see(self, predictions, targets):
        ...         self.add(positive=(predictions > 0).sum(), seen=predictions.numel())
        ...     def value(self):
        ...         return self.states["positive"] / self.states["seen"]
        >>> share = Share()
        >>> share.update(zincir.tensor([1.0, -1.0, 2.0, 3.0]), None)
        >>> share.compute().item()
        0.75
    """

    in_step: ClassVar[bool] = True
    """Whether `update` may be called inside a function wrapped by `zincir.compile`."""

    while_training: ClassVar[bool] = True
    """Whether a `Trainer` also measures it on the batches that are trained on; False where that is
    dear.
    """

    higher_is_better: ClassVar[bool | None] = None
    """Whether larger values are better ones; None where that cannot be said."""

    keeps: ClassVar[Mapping[str, DType]] = {}
    """The sums that are kept, by name."""

    def __init__(self, name: str | None = None) -> None:
        self.name = type(self).__name__.lower() if name is None else name
        """What the metric is called in histories."""
        self.states: dict[str, Tensor] = {}
        """The sums there are so far; changed in place only."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__ and name != "name" and not name.startswith("_"):
            raise ArgumentError(
                explain(
                    f"{type(self).__name__}.{name}: a metric's settings stay what they are",
                    where=user_line(),
                    try_="make another metric; what changes from batch to batch belongs in `keeps`",
                )
            )
        super().__setattr__(name, value)

    @abstractmethod
    def see(self, predictions: Any, targets: Any) -> None:
        """Add a batch to the sums."""

    @abstractmethod
    def value(self) -> Any:
        """The value of the sums; they exist when this is called."""

    @at_user_line
    def update(self, predictions: Any, targets: Any = None) -> None:
        """Take a batch in."""
        with grad_mode(False):
            if self._replays(predictions, targets):
                self._replay(predictions.detach(), targets.detach())
            else:
                self.see(predictions, targets)

    @at_user_line
    def compute(self) -> Any:
        """The value over all that was seen since the last `reset`."""
        with grad_mode(False):
            value = self.value() if self._has_seen() else self.empty()
            return value.clone() if isinstance(value, Tensor) else value  # never a sum itself

    def empty(self) -> Any:
        """The value of nothing."""
        return from_array(np.array(math.nan))

    def _has_seen(self) -> bool:
        return bool(self.states)

    def reset(self) -> None:
        """Forget what was seen."""
        with grad_mode(False):
            for state in self.states.values():
                state.zero_()

    @at_user_line
    def __call__(self, predictions: Any, targets: Any = None) -> Any:
        before = self.state_dict()
        self.reset()
        try:
            self.update(predictions, targets)
            value = self.compute()
        finally:
            if before:
                self.join(before)
        return value

    # Sums -----------------------------------------------------------------------------------------

    def add(self, **sums: Any) -> None:
        """Add to sums, in place; the first time, they begin with zeros of the shape of what comes.

        Raises:
            ShapeError: the sum has another shape: the metric has seen another number of classes.
        """
        found = {k: as_tensor(v).detach().to(self.keeps[k]) for k, v in sums.items()}
        if recording.CURRENT.recording is None:
            settle()  # what is wrong with a batch is raised here, before any sum has changed
        for name, value in found.items():
            state = self.begun(name, value.shape)
            if state.shape != value.shape:
                raise ShapeError(
                    explain(
                        f"{type(self).__name__}: what it has seen has other classes or outputs",
                        where=user_line(),
                        expected=f"sums of shape {tuple(state.shape)}",
                        got=f"{tuple(value.shape)}",
                        try_="a metric of its own for each kind of predictions",
                    )
                )
            state.add_(value)

    def begun(self, name: str, shape: Shape) -> Tensor:
        """The sum of that name, which begins with zeros."""
        if name not in self.states:
            recording.note_done(partial(recording.refill, self.states, dict(self.states)))
            self.states[name] = from_array(np.zeros(shape, self.keeps[name].memory))
        return self.states[name]

    def join(self, sums: Mapping[str, Tensor]) -> None:
        """Take in the sums of another stream."""
        self.add(**sums)

    def merge(self: M, other: M) -> M:
        """Take in what `other` has seen, as if this metric had seen both streams.

        Raises:
            ArgumentError: it is a metric of another kind, or has other settings.
        """
        if type(other) is not type(self) or other._settings() != self._settings():
            raise ArgumentError(
                explain(
                    "merge: the metrics differ in kind or settings",
                    where=user_line(),
                    expected=repr(self),
                    got=repr(other),
                )
            )
        sums = other.state_dict()
        if sums:
            with grad_mode(False):
                self.join(sums)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """A copy of all that is kept, as tensors by name."""
        return {name: state.clone() for name, state in self.states.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what another metric of this kind has kept.

        Raises:
            StateError: it is the state of another metric.
        """
        unknown = sorted(set(state_dict) - set(self.keeps))
        if unknown:
            raise self._misfit(f"{', '.join(self.keeps)}", f"{', '.join(unknown)}")
        found = {name: as_tensor(value) for name, value in state_dict.items()}
        for name, value in found.items():
            mine = self.states[name].shape if name in self.states else value.shape
            if value.dtype is not self.keeps[name] or value.shape != mine:
                want = f"{name}: {self.keeps[name].name} {tuple(mine)}"
                raise self._misfit(want, f"{value.dtype.name} {tuple(value.shape)}")
        self.reset()
        with grad_mode(False):
            self.add(**found)

    def _misfit(self, expected: str, got: str) -> StateError:
        what = f"{type(self).__name__}.load_state_dict: the state of another metric"
        return StateError(explain(what, where=user_line(), expected=expected, got=got))

    # Batches of one form --------------------------------------------------------------------------

    def _replays(self, predictions: Any, targets: Any) -> bool:
        """Whether such a batch was seen before, so that `see` is worth to be recorded and replayed.

        Only metrics of this package are: Python code of others may have effects of its own.
        """
        tensors = isinstance(predictions, Tensor) and isinstance(targets, Tensor)
        if not (tensors and self.in_step and type(self).__module__.startswith(_HERE)):
            return False
        if recording.CURRENT.recording is not None or sum(x.numel() for x in self._sums()) > _MOST:
            return False
        forms = self._forms = getattr(self, "_forms", {})
        form = predictions.shape, predictions.dtype, targets.shape, targets.dtype
        if form not in forms and len(forms) == _FORMS:
            return False
        forms[form] = forms.get(form, 0) + 1
        return forms[form] > _SEEN

    def _replay(self, predictions: Tensor, targets: Tensor) -> None:
        if getattr(self, "_program", None) is None:
            self._program = compile(self.see)
        before = [(state, readable(state).array.copy()) for state in self._sums()]
        try:
            self._program(predictions, targets)
        except BaseException:
            for state, array in before:
                state.copy_(from_array(array))
            raise

    def _sums(self) -> list[Tensor]:
        return list(self.states.values())

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_program", "_forms")}

    # How it looks ---------------------------------------------------------------------------------

    def _settings(self) -> dict[str, Any]:
        return {
            k: v
            for k, v in self.__dict__.items()
            if k not in ("name", "states") and not k.startswith("_")
        }

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self._settings().items() if v is not None)
        return f"{type(self).__name__}({given})"


class Collected(Metric):
    """A metric that needs all predictions at once: arrays, kept in memory until `reset`."""

    in_step = False

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self._kept: dict[str, list[np.ndarray[Any, Any]]] = {}

    def update(self, predictions: Any, targets: Any = None) -> None:
        """Take a batch in.

        Raises:
            TraceError: this is called inside a compiled function.
        """
        if recording.CURRENT.recording is not None:
            raise TraceError(
                explain(
                    f"{type(self).__name__}: it collects values, which a compiled function has not",
                    where=user_line(),
                    try_="return the predictions, and call update outside",
                )
            )
        super().update(predictions, targets)

    def add(self, **sums: Any) -> None:
        """Keep arrays, of which the first axis is the examples'."""
        for name, value in sums.items():
            array = value.numpy() if isinstance(value, Tensor) else np.asarray(value)
            self._kept.setdefault(name, []).append(array.astype(self.keeps[name].memory))

    def kept(self, name: str) -> np.ndarray[Any, Any]:
        """All that was kept under a name, one after another."""
        pieces = self._kept[name]
        if len(pieces) > 1:
            self._kept[name] = pieces = [np.concatenate(pieces)]
        return pieces[0]

    def _has_seen(self) -> bool:
        return bool(self._kept)

    def reset(self) -> None:
        """Forget what was seen."""
        self._kept.clear()

    def state_dict(self) -> dict[str, Tensor]:
        """A copy of all that is kept, as tensors by name."""
        return {name: from_array(self.kept(name).copy()) for name in list(self._kept)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what another metric of this kind has kept.

        Raises:
            StateError: it is the state of another metric.
        """
        if state_dict and set(state_dict) != set(self.keeps):
            raise self._misfit(", ".join(self.keeps), ", ".join(state_dict))
        self.reset()
        self.add(**state_dict)


class Mean(Metric):
    """A mean of numbers, weighted if `targets` has weights; of losses, for example.

    Example:
        >>> mean = Mean()
        >>> mean.update(2.0, 3)
        >>> mean.update([4.0])
        >>> mean.compute().item()
        2.5
    """

    keeps: ClassVar[Mapping[str, DType]] = {"total": float64, "weight": float64}

    def see(self, predictions: Any, targets: Any = None) -> None:
        values = as_tensor(predictions).detach().to(float64)
        weights = as_tensor(1.0 if targets is None else targets).detach().to(float64)
        weights = weights.expand(values.shape) if weights.ndim < values.ndim else weights
        self.add(total=(values * weights).sum(), weight=weights.sum())

    def value(self) -> Tensor:
        return self.states["total"] / self.states["weight"]
