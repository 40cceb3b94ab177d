"""The loss that takes logits, in place of the one that takes logarithms of probabilities."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, remedy
from zincir.nn import CrossEntropyLoss, NLLLoss
from zincir.nn.functional import log_softmax
from zincir.tensor import Tensor


def of_logits(loss: Callable[[Tensor, Tensor], Tensor], outputs: Tensor, y: Tensor) -> Tensor:
    """A loss of logarithms of probabilities, of logits."""
    return loss(log_softmax(outputs, 1), y)


@remedy("with_logits", Cost.LOSS, ("missing_output_activation",))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    known = patient.loss
    if isinstance(known, NLLLoss):
        loss: Any = CrossEntropyLoss(
            known.weight, ignore_index=known.ignore_index, reduction=known.reduction
        )
        code = "loss = nn.CrossEntropyLoss()"
        if _is_set(known):
            code = (
                "loss = nn.CrossEntropyLoss(\n    weight=loss.weight, "
                "ignore_index=loss.ignore_index, reduction=loss.reduction\n)"
            )
    else:
        loss = functools.partial(of_logits, known)
        code = "of_logarithms = loss\nloss = lambda x, y: of_logarithms(x.log_softmax(1), y)"

    def make(patient: Patient) -> None:
        patient.take(loss=loss)

    yield Change("CrossEntropyLoss", make, code, (loss, loss))


def _is_set(loss: NLLLoss) -> bool:
    """Whether anything is other than by default."""
    return (loss.weight, loss.ignore_index, loss.reduction) != (None, -100, "mean")
