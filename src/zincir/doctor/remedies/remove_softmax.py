"""A model without the softmax (or sigmoid) at its end: its outputs are logits then.

Both are compared by what their answers mean: the loss of the probabilities.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedies.log_of_probabilities import of_probabilities
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.doctor.surgery import put
from zincir.nn import Identity

_KINDS = ("Softmax", "Softmax2d", "LogSoftmax", "Sigmoid")


@remedy("remove_softmax", Cost.ACTIVATION, ("softmax_before_cross_entropy",))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    module = dict(patient.model.named_modules()).get(finding.where)
    if module is None or type(module).__name__ not in _KINDS:
        raise NotApplicable("the softmax is no module of its own")
    yield Change(
        f"{finding.where} removed ({type(module).__name__})",
        lambda patient: put(patient, finding.where, Identity()),
        f'model.set_submodule("{finding.where}", nn.Identity())',
        (functools.partial(of_probabilities, patient.loss), patient.loss),
    )
