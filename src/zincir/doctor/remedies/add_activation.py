"""A ReLU between two layers that have nothing between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.doctor.surgery import put
from zincir.nn import ReLU, Sequential


@remedy("add_activation", Cost.ACTIVATION, ("missing_nonlinearity",))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    between: Any = finding.evidence.get("layers", ())
    modules = dict(patient.model.named_modules())
    if len(between) != 2 or between[0] not in modules:
        raise NotApplicable("the layers are not known by name")
    path: str = between[0]

    def make(patient: Patient) -> None:
        put(patient, path, Sequential(patient.model.get_submodule(path), ReLU()))

    yield Change(
        f"ReLU behind {path}",
        make,
        f'model.set_submodule("{path}", nn.Sequential(model.get_submodule("{path}"), nn.ReLU()))',
    )
