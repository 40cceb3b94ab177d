"""The loss wants probabilities, or their logarithms, and gets neither.

`NLLLoss` takes logarithms of probabilities and adds up those of the right classes: given logits,
it rewards a net for making them ever larger, and falls without bound. The loss is compared with
what `NLLLoss` would give, so that other losses with whole labels are not taken for it.

When it is not this: losses that take logits (`CrossEntropyLoss`, `BCEWithLogitsLoss`) want no
activation at the end. `BCELoss` refuses what is no probability by itself.

References: TheDeepChecker (TOSEM 2022); AutoTrainer (ICSE 2021).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

OFF = 1e-2
"""Of the sum of probabilities to 1."""


@rule(
    "S2",
    "missing_output_activation",
    Severity.ERROR,
    reads=Rehearsal,
    cause="the loss expects what log_softmax gives",
    remedies=(
        "CrossEntropyLoss, which takes logits, in place of NLLLoss",
        "LogSoftmax(dim=1) at the end of the model",
    ),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    if len(seen.first.outputs) != 1 or len(seen.targets) != 1 or seen.targets[0].dtype.kind != "i":
        return
    given, labels = seen.first.arrays()[0], seen.targets[0]
    if given.ndim != 2 or labels.shape != given.shape[:1] or not np.isfinite(given).all():
        return
    if not ((labels >= 0) & (labels < given.shape[1])).all():
        return
    loss = -float(given[np.arange(len(labels)), labels].mean())
    sums = np.exp(given.astype(np.float64)).sum(1)
    if np.isclose(loss, seen.loss, rtol=1e-4, atol=1e-6) and np.abs(sums - 1).max() > OFF:
        yield found(
            "the negative log-likelihood is taken of what is no logarithm of probabilities",
            where=seen.head,
            evidence={"largest sum of exp(outputs)": float(sums.max()), "loss": seen.loss},
        )
