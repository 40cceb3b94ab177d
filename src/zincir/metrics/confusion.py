"""Confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zincir import recording
from zincir.creation import zeros
from zincir.metrics.answers import Answers
from zincir.metrics.counts import divided
from zincir.metrics.of_classes import OfClasses, setting
from zincir.metrics.plotting import confusion_figure
from zincir.series import arange
from zincir.tensor import Tensor
from zincir.types import float64, int64


class ConfusionMatrix(OfClasses):
    """How often each class (row) was predicted as each (column).

    (K, K) for classes, (2, 2) if binary, (labels, 2, 2) if multilabel.

    Args:
        normalize: "true": rows sum to 1; "pred": columns do; "all": everything does; None: counts.
            What is 0 of 0 is 0.

    Example:
        >>> metric = ConfusionMatrix(num_classes=3)
        >>> metric.update([0, 1, 2, 2], [0, 1, 1, 2])
        >>> metric.compute()
        tensor([[1, 0, 0],
                [0, 1, 1],
                [0, 0, 1]])
    """

    def __init__(
        self,
        task: str | None = None,
        num_classes: int | None = None,
        normalize: str | None = None,
        threshold: float = 0.5,
        logits: bool | None = None,
        ignore_index: int | None = None,
        name: str | None = None,
    ) -> None:
        if normalize not in ("true", "pred", "all", None):
            what = f"ConfusionMatrix: there is no normalize={normalize!r}"
            raise setting(what, "'true', 'pred', 'all' or None")
        self.normalize = normalize
        super().__init__(task, num_classes, None, threshold, logits, ignore_index, name)

    def counts(self, answers: Answers) -> Tensor:
        chosen = self.predicted(answers).to(int64)
        kinds = 2
        if answers.task == "multiclass":
            known = self.num_classes if answers.scores is None else answers.scores.shape[1]
            assert known is not None
            kinds = known
            chosen = chosen.unsqueeze(-1)
        variants, rows, labels = chosen.shape
        targets = answers.targets.reshape(rows, labels)
        matrices = variants * labels
        base = arange(matrices, dtype=int64).reshape(variants, 1, labels) * (kinds * kinds)
        place = base + targets * kinds + chosen
        used = (place * 0 + 1) if answers.used is None else answers.used.reshape(rows, labels)
        weight = used.to(int64).expand(place.shape)
        flat = zeros(matrices * kinds * kinds, dtype=int64).index_add(
            0, place.reshape(-1), weight.reshape(-1)
        )
        return flat.reshape(variants, labels, kinds, kinds)

    def value(self) -> Tensor:
        task, found = self._counted()
        found = found if task == "multilabel" else found[0]
        if self.normalize is None:
            self._refuse_broken()
            return found
        found = found.to(float64)
        axes = {"true": (-1,), "pred": (-2,), "all": (-2, -1)}[self.normalize]
        return self._unless_broken(divided(found, found.sum(axes, keepdim=True)))

    def plot(self, classes: Sequence[str] | None = None, path: Any = None) -> Any:
        """The matrix as a picture, by matplotlib: rows are true classes, columns predicted ones.

        Args:
            classes: what classes are called; None: by their numbers.
            path: where to write the picture; None to have the figure alone.

        Returns:
            the matplotlib figure.

        Raises:
            ArgumentError: there are several matrices (multilabel), or not one name for each class.
            ImportError: matplotlib is not installed.
        """
        found = self.compute()
        if found.ndim != 2:
            what = "ConfusionMatrix.plot: there is a matrix for each label"
            raise setting(
                what, "one matrix", f"{found.shape[0]} of them", "compute(), and plot one"
            )
        if classes is not None and len(classes) != len(found):
            got = f"{len(classes)} names for {len(found)} classes"
            raise setting("ConfusionMatrix.plot: a name for each class", got=got)
        counts = self._counted()[1][0]
        figure = confusion_figure(counts.numpy(), classes, found.numpy())
        if path is not None:
            figure.savefig(path)
        return figure

    def _refuse_broken(self) -> None:
        """Counts cannot be NaN; while a function is recorded nothing is known yet."""
        if recording.CURRENT.recording is None and self.states["broken"].item():
            raise setting("ConfusionMatrix: there are scores that are NaN", "numbers")

    def empty(self) -> Tensor:
        raise setting(
            "ConfusionMatrix: it has seen nothing, not even how many classes there are",
            try_="update(predictions, targets) first",
        )
