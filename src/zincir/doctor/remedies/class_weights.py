"""A cross-entropy in which each class weighs as much as any other.

A class that is rare has a small share in the mean, and its mistakes cost next to nothing. Weights
of 1 / frequency make up for that: the loss is the mean over classes. Both nets are compared by it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.creation import from_numpy
from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.doctor.surgery import rehearsed
from zincir.nn import CrossEntropyLoss
from zincir.nn.functional import cross_entropy
from zincir.tensor import Tensor


@remedy("class_weights", Cost.LOSS, ("class_imbalance",))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    seen = rehearsed(patient)
    known = patient.loss
    if seen.classes is None or not isinstance(known, CrossEntropyLoss):
        raise NotApplicable("the loss is no nn.CrossEntropyLoss of whole labels")
    if known.weight is not None:
        raise NotApplicable("the loss has weights already")
    labels = seen.targets[0].reshape(-1)
    labels = labels[(labels >= 0) & (labels != known.ignore_index)]
    counts = np.bincount(labels, minlength=seen.classes)
    present = counts > 0
    weights = np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 1.0)
    loss = CrossEntropyLoss(
        from_numpy(weights.astype(np.float32)),
        ignore_index=known.ignore_index,
        reduction=known.reduction,
        label_smoothing=known.label_smoothing,
    )

    def by_class(outputs: Tensor, y: Tensor) -> Tensor:
        """The same over the number of samples: means of parts are the mean of the whole."""
        total = cross_entropy(
            outputs, y, loss.weight, ignore_index=loss.ignore_index, reduction="sum",
            label_smoothing=loss.label_smoothing,
        )  # fmt: skip
        return total / y.numel()

    def make(patient: Patient) -> None:
        patient.take(loss=loss)

    yield Change(
        f"class weights from {weights.min():.2g} to {weights.max():.2g}",
        make,
        "loss = nn.CrossEntropyLoss(weight=class_weights(y))",
        (by_class, by_class),
        counts_answers=False,
    )
