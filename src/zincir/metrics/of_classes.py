"""What all metrics of classes share: settings, kinds of questions, broken scores."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from zincir.errors import ArgumentError, explain
from zincir.functional import where
from zincir.graph.node import user_line
from zincir.metrics.answers import TASKS, Answers, Wanted, readings
from zincir.metrics.metric import Metric
from zincir.tensor import Tensor
from zincir.types import DType, int64

AVERAGES = ("micro", "macro", "weighted", None)


class OfClasses(Metric):
    """A metric of classes: its settings, which kind of question is asked, and broken scores.

    One sum for each task, (V, ...): V is 2 as long as it is not known whether scores are
    probabilities or logits, and the second is what holds if they are logits.
    """

    keeps: ClassVar[Mapping[str, DType]] = {
        **dict.fromkeys(TASKS, int64),
        "outside": int64,
        "broken": int64,
    }

    def __init__(
        self,
        task: str | None,
        num_classes: int | None,
        average: str | None,
        threshold: float,
        logits: bool | None,
        ignore_index: int | None,
        name: str | None,
    ) -> None:
        super().__init__(name)
        owner = type(self).__name__
        if average not in AVERAGES:
            listed = ", ".join(map(repr, AVERAGES))
            raise setting(f"{owner}: there is no average {average!r}", listed)
        if not (isinstance(threshold, int | float) and 0 <= threshold <= 1):
            raise setting(f"{owner}: threshold is out of range", "0 to 1", repr(threshold))
        if num_classes is not None and (not isinstance(num_classes, int) or num_classes < 1):
            raise setting(f"{owner}: num_classes is no number of classes", got=repr(num_classes))
        self.task, self.num_classes, self.average = task, num_classes, average
        self.threshold, self.logits, self.ignore_index = threshold, logits, ignore_index
        self._wanted = self._wants()

    def _wants(self) -> Wanted:
        return Wanted(type(self).__name__, self.task, self.num_classes, self.ignore_index)

    def see(self, predictions: Any, targets: Any) -> None:
        answers = self._wanted.read(predictions, targets)
        outside, broken = strange(answers)
        sums = {answers.task: self.counts(answers), "broken": broken}
        if sums[answers.task].shape[0] == 2:
            sums["outside"] = outside
        self.add(**sums)

    @abstractmethod
    def counts(self, answers: Answers) -> Tensor:
        """What a batch adds to the sum of its task."""

    def add(self, **sums: Any) -> None:
        """Add to sums, of one task only."""
        tasks = {name for name in (*self.states, *sums) if name in TASKS}
        if len(tasks) > 1:
            what = f"{type(self).__name__}: these are questions of another kind than before"
            got = " and ".join(sorted(tasks))
            raise setting(what, got=got, try_="a metric of its own for each")
        super().add(**sums)

    def _counted(self) -> tuple[str, Tensor]:
        """The task, and the sum of the reading that holds."""
        task = next(name for name in TASKS if name in self.states)
        both = self.states[task]
        if both.shape[0] == 1:
            return task, both[0]
        return task, where(self.states["outside"] > 0, both[1], both[0])

    def _unless_broken(self, value: Tensor) -> Tensor:
        return where(self.states["broken"] > 0, math.nan, value)

    def predicted(self, answers: Answers) -> Tensor:
        """(V, R) numbers of classes, or (V, R, K) bools."""
        if answers.task == "multiclass":
            if answers.labels is not None:
                return answers.labels.unsqueeze(0)
            assert answers.scores is not None
            return answers.scores.argmax(1).unsqueeze(0)
        if answers.scores is None:
            assert answers.labels is not None
            both = answers.labels.unsqueeze(0) == 1
            return both.expand(self._readings(), *both.shape[1:])
        found = readings(answers.scores, answers.scores.sigmoid(), self.logits)
        return found > self.threshold

    def _readings(self) -> int:
        return 2 if self.logits is None else 1


def strange(answers: Answers) -> tuple[Tensor, Tensor]:
    """How many scores lie outside of 0 to 1, and how many are NaN, where targets are used."""
    if answers.scores is None:
        zero = (answers.targets * 0).sum()
        return zero, zero
    scores, used = answers.scores, answers.used
    outside, broken = (scores < 0) | (scores > 1), scores != scores
    if used is not None:
        used = used.unsqueeze(-1) if used.ndim == 1 else used
        outside, broken = outside & used, broken & used
    return outside.to(int64).sum(), broken.to(int64).sum()


def setting(what: str, expected: str = "", got: str = "", try_: str = "") -> ArgumentError:
    """The error of an argument that is none."""
    return ArgumentError(explain(what, where=user_line(), expected=expected, got=got, try_=try_))
