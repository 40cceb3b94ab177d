"""Areas under curves, which depend on the order of all scores."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.metrics.answers import TASKS, Wanted
from zincir.metrics.metric import Collected
from zincir.metrics.of_classes import setting
from zincir.tensor import Tensor, from_array
from zincir.types import DType, float64, int8

Array: TypeAlias = np.ndarray[Any, Any]


class AreaUnderCurve(Collected):
    """An area for each class against all others, or each label, and its average.

    Only the order of scores counts. Of classes that is the order of probabilities: scores of which
    any lies outside of 0 to 1 are taken for logits.

    Args:
        average: "macro": the mean over classes for which there is an area; "weighted": each counted
            as often as it is true; "micro": one area of all scores; None: all of them.
        logits: whether scores of classes are logits; None: as they look.
    """

    higher_is_better = True
    keeps: ClassVar[Mapping[str, DType]] = {"scores": float64, "true": int8, "task": int8}

    def __init__(
        self,
        task: str | None = None,
        num_classes: int | None = None,
        average: str | None = "macro",
        logits: bool | None = None,
        ignore_index: int | None = None,
        name: str | None = None,
    ) -> None:
        owner = type(self).__name__
        if average not in ("macro", "weighted", "micro", None):
            listed = "'macro', 'weighted', 'micro' or None"
            raise setting(f"{owner}: there is no average {average!r}", listed)
        self.task, self.num_classes, self.average = task, num_classes, average
        self.logits, self.ignore_index = logits, ignore_index
        super().__init__(name)
        self._wanted = Wanted(owner, task, num_classes, ignore_index)

    @abstractmethod
    def area(self, scores: Array, true: Array) -> float:
        """Of one class; NaN where there is none."""

    def see(self, predictions: Any, targets: Any) -> None:
        answers = self._wanted.read(predictions, targets)
        if answers.scores is None:
            raise setting(f"{type(self).__name__}: it needs scores", got="whole numbers")
        scores: Array = answers.scores.numpy()
        true: Array = answers.targets.numpy()
        if answers.task == "multiclass":
            true = np.equal.outer(true, np.arange(int(scores.shape[1])))
        true = np.asarray(true, np.int8)
        if answers.used is not None:
            used: Array = answers.used.numpy()
            used = used[:, None] if used.ndim == 1 else used
            true = np.where(used, true, np.int8(-1))
        if np.isnan(scores[(true >= 0).any(1)]).any():
            row = int(np.flatnonzero(np.isnan(scores).any(1) & (true >= 0).any(1))[0])
            raise ArgumentError(
                explain(
                    f"{type(self).__name__}: scores that are NaN have no order",
                    where=user_line(),
                    got=f"NaN in row {row} of this batch",
                )
            )
        self.add(scores=scores, true=true, task=np.full(len(scores), TASKS.index(answers.task)))

    def add(self, **sums: Any) -> None:
        """Keep arrays, of one task and one number of classes."""
        scores, true, task = (np.asarray(sums[name]) for name in self.keeps)
        if scores.ndim != 2 or scores.shape != true.shape or len(task) != len(scores):
            raise self._misfit("scores and truths (N, K)", f"{scores.shape} and {true.shape}")
        if self._has_seen():
            other = self.kept("scores").shape[1] != scores.shape[1]
            if other or (self.kept("task")[:1] != task[:1]).any():
                what = f"{type(self).__name__}: these are questions of another kind than before"
                raise setting(what, try_="a metric of its own for each")
        super().add(**sums)

    def value(self) -> Tensor:
        scores, true, task = (self.kept(name) for name in self.keeps)
        if not len(task):
            return self.empty()
        if TASKS[task[0]] == "multiclass" and self._are_logits(scores, true):
            scores = np.exp(scores - scores.max(1, keepdims=True))
            scores /= scores.sum(1, keepdims=True)
        if self.average == "micro":
            scores, true = scores.reshape(-1, 1), true.reshape(-1, 1)
        areas = np.array([self._one(s, t) for s, t in zip(scores.T, true.T, strict=True)])
        if areas.size == 1:
            return from_array(areas.reshape(()))
        if self.average is None:
            return from_array(areas)
        there = ~np.isnan(areas)
        weights = (true == 1).sum(0) if self.average == "weighted" else np.ones(len(areas))
        total = weights[there].sum()
        found = (areas[there] * weights[there]).sum() / total if total else math.nan
        return from_array(np.array(found, np.float64))

    def _are_logits(self, scores: Array, true: Array) -> bool:
        if self.logits is not None:
            return self.logits
        used = scores[(true >= 0).any(1)]
        return bool(((used < 0) | (used > 1)).any())

    def _one(self, scores: Array, true: Array) -> float:
        used = true >= 0
        return self.area(scores[used], true[used])


def steps(scores: Array, true: Array) -> tuple[Array, Array]:
    """True and false positives, from the highest threshold down, one for each score there is."""
    order = np.argsort(-scores, kind="stable")
    scores, true = scores[order], true[order]
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    right = np.cumsum(true, dtype=np.int64)[last]
    return right, last + 1 - right


class AUROC(AreaUnderCurve):
    """The area under the ROC curve: how probably a positive has a higher score than a negative.

    Equal scores count one half. Without positives, or without negatives, it is NaN.

    Example:
        >>> import zincir
        >>> metric = AUROC()
        >>> metric.update(zincir.tensor([0.1, 0.4, 0.35, 0.8]), zincir.tensor([0, 0, 1, 1]))
        >>> metric.compute().item()
        0.75
    """

    def area(self, scores: Array, true: Array) -> float:
        """The trapezoids between the steps of the curve, in whole numbers."""
        positives = int(true.sum())
        negatives = len(true) - positives
        if not positives or not negatives:
            return math.nan
        right, wrong = (np.append(0, x) for x in steps(scores, true))
        twice = int(((right[1:] + right[:-1]) * np.diff(wrong)).sum())
        return twice / (2 * positives * negatives)


class AveragePrecision(AreaUnderCurve):
    """The area under the precision-recall curve, as a sum of steps: Σ (R_n - R_(n-1)) P_n.

    No line is drawn between its points, as that would be too optimistic. Without positives: NaN.

    Example:
        >>> import zincir
        >>> metric = AveragePrecision()
        >>> metric.update(zincir.tensor([0.1, 0.4, 0.35, 0.8]), zincir.tensor([0, 0, 1, 1]))
        >>> round(metric.compute().item(), 4)
        0.8333
    """

    def area(self, scores: Array, true: Array) -> float:
        if not true.sum():
            return math.nan
        right, wrong = steps(scores, true)
        gained = np.diff(right, prepend=0) / right[-1]
        return float((gained * (right / (right + wrong))).sum())
