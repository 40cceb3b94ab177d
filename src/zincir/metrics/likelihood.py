"""How likely the truth was held to be: log loss, perplexity, calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from zincir.creation import as_tensor, zeros
from zincir.errors import ShapeError, explain
from zincir.functional import stack, where
from zincir.graph.node import user_line
from zincir.limits import finfo
from zincir.metrics.answers import TASKS, Answers, readings
from zincir.metrics.metric import Metric
from zincir.metrics.of_classes import OfClasses, setting
from zincir.nn.functional.activation import logsigmoid
from zincir.nn.functional.labels import checked_labels
from zincir.series import arange, linspace
from zincir.tensor import Tensor, wrap
from zincir.types import DType, float64, int64


class _OfProbabilities(OfClasses):
    """A metric that needs scores, not answers."""

    higher_is_better = False
    keeps: ClassVar[Mapping[str, DType]] = {**OfClasses.keeps, **dict.fromkeys(TASKS, float64)}

    def __init__(
        self,
        task: str | None = None,
        num_classes: int | None = None,
        logits: bool | None = None,
        ignore_index: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(task, num_classes, None, 0.5, logits, ignore_index, name)

    def see(self, predictions: Any, targets: Any) -> None:
        answers = self._wanted.read(predictions, targets)
        if answers.scores is None:
            raise setting(
                f"{type(self).__name__}: it needs probabilities or logits",
                got="whole numbers as predictions",
            )
        super().see(predictions, targets)

    def _weights(self, answers: Answers) -> Tensor:
        """1 where targets are used, in the form of the targets."""
        if answers.used is None:
            return (answers.targets * 0 + 1).to(float64)
        return answers.used.to(float64)


class LogLoss(_OfProbabilities):
    """The mean of -log p, p being the probability that was given to what is true.

    Probabilities are clipped to between eps and 1 - eps, eps being that of their type, as
    scikit-learn does; logits need no clipping. Multilabel: the mean over all labels.

    Example:
        >>> import zincir
        >>> metric = LogLoss()
        >>> metric.update(zincir.tensor([0.9, 0.2]), zincir.tensor([1, 0]))
        >>> round(metric.compute().item(), 4)
        0.1643
    """

    def counts(self, answers: Answers) -> Tensor:
        """(V, 2): the sum of losses, and how many."""
        assert answers.scores is not None
        scores, targets = answers.scores, answers.targets
        eps = finfo(scores.dtype).eps
        given = scores.to(float64)
        clipped = given.clip(eps, 1 - eps)
        if answers.task == "multiclass":
            index = targets.unsqueeze(1)
            found = [clipped.log().gather(1, index), given.log_softmax(1).gather(1, index)]
            losses = [-x.squeeze(1) for x in found]
        else:
            true = targets == 1
            losses = [
                -where(true, clipped.log(), (1 - clipped).log()),
                -logsigmoid(where(true, given, -given)),
            ]
        weights = self._weights(answers)
        kept = losses if self.logits is None else [losses[1 if self.logits else 0]]
        total = stack([where(weights > 0, x, 0.0).sum() for x in kept])
        return stack([total, weights.sum().expand(total.shape)], 1)

    def value(self) -> Tensor:
        _, sums = self._counted()
        return self._unless_broken(sums[0] / sums[1])


class CalibrationError(_OfProbabilities):
    """How far confidence is from accuracy, in bins of confidence (Naeini et al. 2015).

    Confidence is the probability of the class with the largest one, or, if binary, of the positive
    class. Bins have their lower end and not their upper one; a confidence of exactly 1 has a bin of
    its own, as in torchmetrics.

    Args:
        n_bins: of equal width, from 0 to 1.
        norm: "l1": the mean distance, each bin counted as often as it was met (ECE); "l2": the root
            of the mean square; "max": the largest distance.

    Example:
        >>> import zincir
        >>> metric = CalibrationError(n_bins=2)
        >>> metric.update(zincir.tensor([0.25, 0.25, 0.75, 0.75]), zincir.tensor([0, 0, 1, 1]))
        >>> metric.compute().item()
        0.25
    """

    def __init__(
        self,
        n_bins: int = 15,
        norm: str = "l1",
        task: str | None = None,
        num_classes: int | None = None,
        logits: bool | None = None,
        ignore_index: int | None = None,
        name: str | None = None,
    ) -> None:
        if norm not in ("l1", "l2", "max"):
            raise setting(f"CalibrationError: there is no norm {norm!r}", "'l1', 'l2' or 'max'")
        if not isinstance(n_bins, int) or n_bins < 1:
            raise setting("CalibrationError: n_bins is out of range", "1 or more", repr(n_bins))
        self.n_bins, self.norm = n_bins, norm
        super().__init__(task, num_classes, logits, ignore_index, name)

    def counts(self, answers: Answers) -> Tensor:
        """(V, 3, bins): how many, the sum of their confidence, and how many are right."""
        assert answers.scores is not None
        scores = answers.scores
        if answers.task == "multilabel":
            raise setting("CalibrationError: labels have no common confidence", "binary or classes")
        if answers.task == "multiclass":
            found = readings(scores, scores.softmax(1), self.logits).amax(2)
            right = (scores.argmax(1) == answers.targets).expand(found.shape)
        else:
            found = readings(scores, scores.sigmoid(), self.logits).squeeze(2)
            right = (answers.targets.reshape(-1) == 1).expand(found.shape)
        weights = self._weights(answers).reshape(-1).expand(found.shape)
        edges = linspace(0, 1, self.n_bins + 1, dtype=scores.dtype)
        place = (found.unsqueeze(-1) >= edges).to(int64).sum(-1) - 1
        place = place.clip(0, self.n_bins)
        rows = arange(len(place), dtype=int64).unsqueeze(1) * (self.n_bins + 1)
        place = (place + rows).reshape(-1)
        parts = [weights, where(weights > 0, found.to(float64), 0.0), weights * right.to(float64)]
        bins = len(rows) * (self.n_bins + 1)
        sums = [zeros(bins, dtype=float64).index_add(0, place, x.reshape(-1)) for x in parts]
        return stack([x.reshape(len(rows), -1) for x in sums], 1)

    def value(self) -> Tensor:
        _, (count, confidence, right) = self._counted()
        gap = where(count > 0, (right - confidence).abs() / where(count > 0, count, 1.0), 0.0)
        share = count / count.sum()
        if self.norm == "l1":
            found = (gap * share).sum()
        elif self.norm == "l2":
            found = (gap.square() * share).sum().sqrt()
        else:
            found = where(count.sum() > 0, gap.amax(), math.nan)
        return self._unless_broken(found)


class Perplexity(Metric):
    """exp of the mean of -log p, p being the probability that was given to the token that came.

    Shape: logits (N, L, V), or (N, V), classes last; targets (N, L), or (N,), token numbers.

    Args:
        ignore_index: tokens that are left out, such as padding.

    Example:
        >>> import zincir
        >>> metric = Perplexity()
        >>> metric.update(zincir.zeros(1, 3, 50), zincir.tensor([[4, 0, 49]]))
        >>> round(metric.compute().item(), 3)
        50.0
    """

    higher_is_better = False
    keeps: ClassVar[Mapping[str, DType]] = {"loss": float64, "tokens": int64}

    def __init__(self, ignore_index: int | None = None, name: str | None = None) -> None:
        self.ignore_index = ignore_index
        super().__init__(name)

    def see(self, predictions: Any, targets: Any) -> None:
        p, t = as_tensor(predictions).detach(), as_tensor(targets).detach()
        if p.shape[:-1] != t.shape or not p.is_floating_point() or t.is_floating_point():
            raise ShapeError(
                explain(
                    "Perplexity: predictions and targets do not fit",
                    where=user_line(),
                    expected="logits (N, L, V) and whole numbers (N, L)",
                    got=f"{p.dtype.name} {tuple(p.shape)} and {t.dtype.name} {tuple(t.shape)}",
                    try_="logits.transpose(1, 2), if classes come before places",
                )
            )
        found = checked_labels(t.reshape(-1).to(int64)._node, p.shape[-1], self.ignore_index)
        number = wrap(found.number).to(int64)
        rows = p.reshape(-1, p.shape[-1]).to(float64).log_softmax(1)
        losses = -rows.gather(1, number.unsqueeze(1)).squeeze(1)
        if found.used is None:
            self.add(loss=losses.sum(), tokens=losses.numel())
        else:
            used = wrap(found.used)
            self.add(loss=where(used, losses, 0.0).sum(), tokens=used.to(int64).sum())

    def value(self) -> Tensor:
        return (self.states["loss"] / self.states["tokens"].to(float64)).exp()
