"""What metrics of classes are given, checked and brought into one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from zincir.creation import as_tensor
from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.functional import stack, where
from zincir.graph.node import user_line
from zincir.nn.functional.labels import checked_labels
from zincir.tensor import Tensor, wrap
from zincir.types import float32, int64, size

Task: TypeAlias = Literal["binary", "multiclass", "multilabel"]
TASKS = ("binary", "multiclass", "multilabel")


@dataclass(frozen=True)
class Answers:
    """A batch: R examples, or pixels; K classes, or labels; 1 if binary."""

    task: str
    scores: Tensor | None
    """(R, K), or None where classes were predicted by number."""
    labels: Tensor | None
    """Then those: (R,) numbers of classes; or (R, K), 0 or 1."""
    targets: Tensor
    """(R,) numbers of classes; or (R, K), 0 or 1. 0 where left out."""
    used: Tensor | None
    """Which targets are not left out; None if all are used."""


@dataclass(frozen=True)
class Wanted:
    """What a metric of classes was told about its arguments."""

    owner: str
    task: str | None = None
    num_classes: int | None = None
    ignore_index: int | None = None
    any_labels: bool = False
    """Whether numbers of classes need no bound."""

    def __post_init__(self) -> None:
        if self.task is not None and self.task not in TASKS:
            raise ArgumentError(
                explain(
                    f"{self.owner}: there is no task {self.task!r}",
                    where=user_line(),
                    expected=", ".join(TASKS),
                )
            )

    def read(self, predictions: Any, targets: Any) -> Answers:
        """Check a batch, and bring it into one form.

        Raises:
            ShapeError: the shapes do not fit each other, or `num_classes`.
            DTypeError: the types are not those of scores or labels.
            IndexOutOfRange: a label is not below the number of classes.
        """
        p, t = as_tensor(predictions).detach(), as_tensor(targets).detach()
        if p.is_complex() or t.is_complex():
            raise self._types(p, t, "real predictions and targets")
        p = p.to(float32) if p.dtype.half else p
        if p.is_floating_point() and p.ndim == t.ndim + 1:
            return self._classes(p, t)
        if p.shape != t.shape or not p.ndim:
            raise self._shapes(p, t, "(N, C, ...) with (N, ...), or both of one shape")
        if p.is_floating_point():
            return self._zeros_and_ones(p, t)
        if (self.task or self._by_number()) == "multiclass":
            return self._numbers(p, t)
        return self._zeros_and_ones(p, t)

    def _by_number(self) -> str:
        open_ = self.any_labels or self.num_classes is not None
        return "multiclass" if open_ else "binary"

    # Classes --------------------------------------------------------------------------------------

    def _classes(self, p: Tensor, t: Tensor) -> Answers:
        count = p.shape[1] if p.ndim > 1 else 0
        if p.shape[:1] + p.shape[2:] != t.shape or self.task not in (None, "multiclass"):
            wanted = (
                "(N, C, ...) with (N, ...)" if self.task in (None, "multiclass") else "one shape"
            )
            raise self._shapes(p, t, wanted)
        if count < 2 or count != (self.num_classes or count):
            raise self._shapes(p, t, f"{self.num_classes or '2 or more'} classes along axis 1")
        targets, used = self._labels(t, count)
        scores = p if p.ndim == 2 else p.movedim(1, -1).reshape(-1, count)
        return Answers("multiclass", scores, None, targets, used)

    def _numbers(self, p: Tensor, t: Tensor) -> Answers:
        if self.num_classes is None and not self.any_labels:
            raise ArgumentError(
                explain(
                    f"{self.owner}: how many classes are there?",
                    where=user_line(),
                    got="classes by number",
                    try_="num_classes=10",
                )
            )
        targets, used = self._labels(t, self.num_classes)
        labels = p.reshape(-1).to(int64)
        if self.num_classes is not None:
            labels = wrap(checked_labels(labels._node, self.num_classes, None).number).to(int64)
        return Answers("multiclass", None, labels, targets, used)

    def _labels(self, t: Tensor, count: int | None) -> tuple[Tensor, Tensor | None]:
        if t.is_floating_point():
            raise self._types(t, t, "whole numbers as targets, one for each class")
        t = t.reshape(-1).to(int64)
        if count is None:
            used = None if self.ignore_index is None else t != self.ignore_index
            return t, used
        found = checked_labels(t._node, count, self.ignore_index)
        used = None if found.used is None else wrap(found.used)
        return wrap(found.number).to(int64), used

    # Yes or no ------------------------------------------------------------------------------------

    def _zeros_and_ones(self, p: Tensor, t: Tensor) -> Answers:
        labels = p.shape[1] if p.ndim > 1 else 1
        if self.task == "multiclass":
            raise self._shapes(p, t, "(N, C, ...) with (N, ...)")
        if self.task is None and p.ndim > 1 and size(tuple(p.shape[1:])) != 1:
            raise ArgumentError(
                explain(
                    f"{self.owner}: are these {labels} labels each, or one question at each place?",
                    where=user_line(),
                    got=f"predictions and targets of shape {tuple(p.shape)}",
                    try_='task="multilabel", or task="binary"; and numbers of classes for targets '
                    "if each example has one class",
                )
            )
        task = self.task or "binary"
        if task == "multilabel" and (p.ndim < 2 or labels != (self.num_classes or labels)):
            raise self._shapes(p, t, f"(N, {self.num_classes or 'labels'}, ...)")
        number, used = self._yes_or_no(t)
        if not p.is_floating_point():
            p = wrap(checked_labels(p.to(int64)._node, 2, None).number).to(int64)
        number, p = _columns(number, task), _columns(p, task)
        used = None if used is None else _columns(used, task)
        given = (p, None) if p.is_floating_point() else (None, p)
        return Answers(task, *given, number, used)

    def _yes_or_no(self, t: Tensor) -> tuple[Tensor, Tensor | None]:
        """Targets as 0 and 1; anything else but what is left out is an error."""
        if t.is_floating_point():
            number = where(t == 1, 1, where(t == 0, 0, -1))
            if self.ignore_index is not None:
                number = where(t == self.ignore_index, self.ignore_index, number)
            t = number
        found = checked_labels(t.to(int64)._node, 2, self.ignore_index)
        used = None if found.used is None else wrap(found.used)
        return wrap(found.number).to(int64), used

    # Errors ---------------------------------------------------------------------------------------

    def _shapes(self, p: Tensor, t: Tensor, expected: str) -> ShapeError:
        got = (
            f"predictions {p.dtype.name} {tuple(p.shape)}, targets {t.dtype.name} {tuple(t.shape)}"
        )
        what = f"{self.owner}: the shapes of predictions and targets do not fit"
        return ShapeError(explain(what, where=user_line(), expected=expected, got=got))

    def _types(self, p: Tensor, t: Tensor, expected: str) -> DTypeError:
        got = p.dtype.name if p is t else f"{p.dtype.name} and {t.dtype.name}"
        what = f"{self.owner}: the types of predictions or targets do not fit"
        return DTypeError(explain(what, where=user_line(), expected=expected, got=got))


def _columns(x: Tensor, task: str) -> Tensor:
    """(R, K), K being 1 or the number of labels."""
    if task == "binary":
        return x.reshape(-1, 1)
    return x if x.ndim == 2 else x.movedim(1, -1).reshape(-1, x.shape[1])


def readings(scores: Tensor, as_probabilities: Tensor, logits: bool | None) -> Tensor:
    """Scores as probabilities: (1, ...), or (2, ...) if it is not known yet what they are.

    Then the second row is what they are if they turn out to be logits: if any lies outside of 0
    to 1, in the whole stream.
    """
    if logits is None:
        return stack([scores, as_probabilities])
    return (as_probabilities if logits else scores).unsqueeze(0)
