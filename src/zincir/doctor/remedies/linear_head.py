"""A last layer without an activation: it can give any number."""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.doctor.surgery import kind_of, put
from zincir.nn import Identity


@remedy("linear_head", Cost.ACTIVATION, ("output_range",))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    module = dict(patient.model.named_modules()).get(finding.where)
    if module is None or not kind_of(module):
        raise NotApplicable("the activation is no module of its own")
    yield Change(
        f"{finding.where} removed ({type(module).__name__})",
        lambda patient: put(patient, finding.where, Identity()),
        f'model.set_submodule("{finding.where}", nn.Identity())',
    )
