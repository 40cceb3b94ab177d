"""A loss that compares each output with its own target: outputs take the shape of the targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.tensor import Tensor


class MatchingShapes:
    """A loss of outputs in the shape of the targets.

    >>> import zincir
    >>> loss = MatchingShapes(zincir.nn.MSELoss())
    >>> loss(zincir.tensor([[1.0], [2.0]]), zincir.tensor([1.0, 2.0])).item()
    0.0
    """

    def __init__(self, loss: Callable[[Any, Any], Tensor]) -> None:
        self._loss = loss

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._loss(outputs.reshape(targets.shape), targets)


@remedy("matching_shapes", Cost.LOSS, ("loss_shape",))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    if "compared" not in finding.evidence:
        raise NotApplicable("outputs and targets have different numbers of elements")
    loss = MatchingShapes(patient.loss)

    def make(patient: Patient) -> None:
        patient.take(loss=loss)

    yield Change(
        "outputs in the shape of the targets",
        make,
        "own = loss\nloss = lambda outputs, y: own(outputs.reshape(y.shape), y)",
        (loss, loss),
    )
