"""The loss that takes logits, in place of the one that takes logarithms of probabilities."""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, remedy
from zincir.nn import CrossEntropyLoss


@remedy("with_logits", Cost.LOSS, ("missing_output_activation",))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    loss = CrossEntropyLoss()

    def make(patient: Patient) -> None:
        patient.take(loss=loss)

    yield Change("CrossEntropyLoss", make, "loss = nn.CrossEntropyLoss()", (loss, loss))
