"""Accuracy: the share of right answers."""

from __future__ import annotations

import math
from dataclasses import replace

from zincir.errors import ShapeError, explain
from zincir.functional import stack, where
from zincir.graph.node import user_line
from zincir.metrics.answers import Answers, Wanted
from zincir.metrics.counts import averaged, class_counts, divided
from zincir.metrics.of_classes import OfClasses, setting
from zincir.series import arange
from zincir.tensor import Tensor
from zincir.types import float64, int64


class Accuracy(OfClasses):
    """The share of right answers, or of those whose class is among the `top_k` highest scores.

    Of equal scores the first class is the higher one, as for `argmax`. Multilabel: the share of
    labels that are right.

    Args:
        top_k: for scores of classes: how many of the highest count as an answer.
        average: "micro": each example counts the same; "macro": the mean of the shares of all
            classes (balanced accuracy), without those that were neither predicted nor true;
            "weighted": each class counted as often as it is true; None: the share of each class.

    Example:
        >>> import zincir
        >>> scores = zincir.tensor([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]])
        >>> metric = Accuracy()
        >>> metric.update(scores, zincir.tensor([1, 1]))
        >>> metric.compute().item()
        0.5
        >>> Accuracy(top_k=2)(scores, zincir.tensor([1, 1])).item()
        1.0
    """

    higher_is_better = True

    def __init__(
        self,
        task: str | None = None,
        num_classes: int | None = None,
        average: str | None = "micro",
        top_k: int = 1,
        threshold: float = 0.5,
        logits: bool | None = None,
        ignore_index: int | None = None,
        name: str | None = None,
    ) -> None:
        if not isinstance(top_k, int) or top_k < 1:
            raise setting("Accuracy: top_k is out of range", "1 or more", repr(top_k))
        self.top_k = top_k
        if name is None:
            name = "accuracy" if top_k == 1 else f"top{top_k}"
        super().__init__(task, num_classes, average, threshold, logits, ignore_index, name)

    def _wants(self) -> Wanted:
        return replace(super()._wants(), any_labels=self.average == "micro")

    def counts(self, answers: Answers) -> Tensor:
        """(V, 2) of right answers and all; or (V, 4, K), see `class_counts`."""
        if self.top_k > 1 and (answers.task != "multiclass" or answers.scores is None):
            raise setting("Accuracy: top_k needs scores of classes, (N, C)", got=answers.task)
        if answers.task != "multiclass":
            chosen = self.predicted(answers)
            if self.average != "micro":
                return class_counts(answers, chosen, answers.targets.shape[1])
            return self._all(chosen == (answers.targets == 1), answers)
        if self.average == "micro" and answers.scores is not None:
            return self._all(self._among(answers.scores, answers.targets).unsqueeze(0), answers)
        chosen = self.predicted(answers)
        if self.average == "micro":
            return self._all(chosen == answers.targets, answers)
        classes = self.num_classes
        if answers.scores is not None:
            classes = answers.scores.shape[1]
            right = self._among(answers.scores, answers.targets)
            chosen = where(right, answers.targets, chosen)
        assert classes is not None
        return class_counts(answers, chosen, classes)

    def _all(self, right: Tensor, answers: Answers) -> Tensor:
        """How many are right, and how many there are."""
        there = (answers.targets == answers.targets) if answers.used is None else answers.used
        right = right & there
        axes = tuple(range(1, right.ndim))
        there = there.unsqueeze(0).expand(right.shape)
        return stack([right.to(int64).sum(axes), there.to(int64).sum(axes)], 1)

    def _among(self, scores: Tensor, targets: Tensor) -> Tensor:
        """(R,), whether fewer than `top_k` classes have a higher score than the true one."""
        classes = scores.shape[1]
        if self.top_k > classes:
            raise ShapeError(
                explain(
                    f"{type(self).__name__}: top_k is larger than the number of classes",
                    where=user_line(),
                    expected=f"up to {classes}",
                    got=str(self.top_k),
                )
            )
        own = scores.gather(1, targets.unsqueeze(1))
        first = arange(classes, dtype=int64) < targets.unsqueeze(1)
        higher = (scores > own) | ((scores == own) & first)
        return higher.to(int64).sum(1) < self.top_k

    def value(self) -> Tensor:
        task, sums = self._counted()
        sums = sums.to(float64)
        if self.average == "micro":
            return self._unless_broken(sums[0] / sums[1])
        right, predicted, true, total = sums.unbind(0)
        if task == "multiclass":
            each, there = divided(right, true), true if self.top_k > 1 else predicted + true
        else:
            each, there = divided(total - predicted - true + 2 * right, total), None
        value = each.sum() if task == "binary" else averaged(each, self.average, true, there)
        return self._unless_broken(where(total.sum() == 0, math.nan, value))
