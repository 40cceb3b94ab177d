"""Counts of right and wrong answers, class by class, and what is made of them."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import numpy as np

from zincir.functional import stack, where
from zincir.metrics.answers import Answers
from zincir.metrics.of_classes import OfClasses, setting
from zincir.series import arange
from zincir.tensor import Tensor, from_array
from zincir.types import float64, int64


class PerClass(OfClasses):
    """A ratio of counts for each class, and its average.

    Classes by number: a ratio for each class. Binary: that of the positive class. Multilabel: for
    each label. A ratio of 0 to 0 is 0.

    Args:
        average: "macro": the mean over classes, without those that were neither predicted nor
            true; "micro": one ratio of the sums; "weighted": the mean, each class counted as often
            as it is true; None: all of them. Of no meaning if binary.
    """

    leaves_out_ignored: ClassVar[bool] = False
    """Whether a class that is ignored counts for nothing, also where it is predicted."""

    higher_is_better = True

    def __init__(
        self,
        task: str | None = None,
        num_classes: int | None = None,
        average: str | None = "macro",
        threshold: float = 0.5,
        logits: bool | None = None,
        ignore_index: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(task, num_classes, average, threshold, logits, ignore_index, name)

    @abstractmethod
    def ratio(self, right: Tensor, predicted: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
        """Above and below the line, from counts: of right ones, of predicted, of true ones."""

    def counts(self, answers: Answers) -> Tensor:
        return class_counts(answers, self.predicted(answers), self._classes(answers))

    def _classes(self, answers: Answers) -> int:
        if answers.task == "multiclass":
            known = self.num_classes if answers.scores is None else answers.scores.shape[1]
            assert known is not None
            return known
        return answers.targets.shape[1]

    def value(self) -> Tensor:
        task, sums = self._counted()
        right, predicted, true, total = sums.to(float64).unbind(0)
        ignored = self.ignore_index
        if self.leaves_out_ignored and task == "multiclass" and ignored is not None:
            here = arange(len(right), dtype=int64) == ignored
            predicted = where(here, 0.0, predicted)
        value = self._averaged(task, right, predicted, true)
        empty = total.sum() == 0
        return self._unless_broken(where(empty, math.nan, value))

    def _averaged(self, task: str, right: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
        if task == "binary" or self.average == "micro":
            return divided(*self.ratio(right.sum(), predicted.sum(), true.sum()))
        each = divided(*self.ratio(right, predicted, true))
        return averaged(
            each, self.average, true, predicted + true if task == "multiclass" else None
        )

    def empty(self) -> Tensor:
        if self.average is None and self.num_classes is not None and self.task != "binary":
            return from_array(np.full(self.num_classes, math.nan))
        return super().empty()


def averaged(each: Tensor, average: str | None, true: Tensor, there: Tensor | None) -> Tensor:
    """The mean over classes; for "macro", over those of which `there` is not 0."""
    if average is None:
        return each
    if average == "weighted":
        weights = true
    else:
        weights = each * 0.0 + 1.0 if there is None else (there > 0).to(float64)
    return divided((weights * each).sum(), weights.sum())


def divided(above: Tensor, below: Tensor) -> Tensor:
    """A ratio, 0 to 0 being 0."""
    return where(below == 0, 0.0, above / where(below == 0, 1.0, below))


def class_counts(answers: Answers, predicted: Tensor, classes: int) -> Tensor:
    """(V, 4, K): how many are right, were predicted, are true, and are there at all."""
    if answers.task == "multiclass":
        numbers = arange(classes, dtype=int64)
        chosen = predicted.unsqueeze(-1) == numbers
        true = answers.targets.unsqueeze(-1) == numbers
    else:
        chosen, true = predicted, answers.targets == 1
    used = answers.used
    if used is not None:
        used = used.unsqueeze(-1) if used.ndim == 1 else used
        chosen, true = chosen & used, true & used
    true = true.unsqueeze(0).expand(chosen.shape)
    there = (true | True) if used is None else used.unsqueeze(0).expand(chosen.shape)
    return stack([x.to(int64).sum(1) for x in (chosen & true, chosen, true, there)], 1)


class Precision(PerClass):
    """Of what was predicted, the share that is right.

    Example:
        >>> import zincir
        >>> metric = Precision()
        >>> metric.update(zincir.tensor([0.9, 0.8, 0.3]), zincir.tensor([1, 0, 1]))
        >>> metric.compute().item()
        0.5
    """

    def ratio(self, right: Tensor, predicted: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
        return right, predicted


class Recall(PerClass):
    """Of what is true, the share that was predicted.

    Example:
        >>> metric = Recall(num_classes=3)
        >>> metric.update([0, 1, 2, 2], [0, 1, 1, 2])
        >>> round(metric.compute().item(), 4)
        0.8333
    """

    def ratio(self, right: Tensor, predicted: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
        return right, true


class FBetaScore(PerClass):
    """(1 + b²) P R / (b² P + R), of precision P and recall R; b > 1 counts recall more.

    Example:
        >>> metric = FBetaScore(beta=2.0)
        >>> metric.update([1, 1, 0, 0], [1, 0, 0, 0])
        >>> round(metric.compute().item(), 4)
        0.8333
    """

    def __init__(
        self,
        beta: float = 1.0,
        task: str | None = None,
        num_classes: int | None = None,
        average: str | None = "macro",
        threshold: float = 0.5,
        logits: bool | None = None,
        ignore_index: int | None = None,
        name: str | None = None,
    ) -> None:
        if not (isinstance(beta, int | float) and 0 < beta < math.inf):
            raise setting("FBetaScore: beta is out of range", "a number above 0", repr(beta))
        self.beta = float(beta)
        super().__init__(task, num_classes, average, threshold, logits, ignore_index, name)

    def ratio(self, right: Tensor, predicted: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
        square = self.beta**2
        return (1 + square) * right, square * true + predicted


class F1Score(PerClass):
    """2 P R / (P + R), of precision P and recall R.

    Example:
        >>> metric = F1Score(num_classes=3, average=None)
        >>> metric.update([0, 1, 2, 2], [0, 1, 1, 2])
        >>> metric.compute()
        tensor([1.0000, 0.6667, 0.6667], dtype=zincir.float64)
    """

    def ratio(self, right: Tensor, predicted: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * right, predicted + true


class JaccardIndex(PerClass):
    """Intersection over union of what was predicted and what is true: of masks, for example.

    A class that is ignored counts for nothing, also where it is predicted.

    Example:
        >>> metric = JaccardIndex(task="binary")
        >>> metric.update([[1, 1], [0, 0]], [[1, 0], [0, 0]])
        >>> metric.compute().item()
        0.5
    """

    leaves_out_ignored = True

    def ratio(self, right: Tensor, predicted: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
        return right, predicted + true - right


class DiceScore(PerClass):
    """2 |A and B| / (|A| + |B|) of what was predicted and what is true, over all examples.

    A class that is ignored counts for nothing, also where it is predicted; else it is `F1Score`.

    Example:
        >>> metric = DiceScore(num_classes=2)
        >>> metric.update([[[1, 1], [0, 0]]], [[[1, 0], [0, 0]]])
        >>> round(metric.compute().item(), 4)
        0.7333
    """

    leaves_out_ignored = True
    ratio = F1Score.ratio
