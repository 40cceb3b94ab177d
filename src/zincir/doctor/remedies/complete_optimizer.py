"""An optimizer that has all parameters of the model.

What was left out joins the first group; where the optimizer has none of the model's parameters at
all, it gets them in place of those it has.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy


@remedy("complete_optimizer", Cost.SETTING, ("not_optimised", "unchanged_weights"))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    groups = patient.optimizer.param_groups
    held = {id(p) for group in groups for p in group["params"]}
    own = [p for p in patient.model.parameters() if p.requires_grad]
    if all(id(p) in held for p in own):
        raise NotApplicable("the optimizer has all parameters")
    foreign = not any(id(p) in held for p in own)
    missing = sum(id(p) not in held for p in own)
    if any("param_names" in group for group in groups):
        raise NotApplicable("the optimizer's parameters have names")
    yield Change(
        f"{missing} parameters join the optimizer",
        lambda patient: _complete(patient, foreign),
        f"optimizer = {type(patient.optimizer).__name__}(model.parameters(), ...)",
    )


def _complete(patient: Patient, foreign: bool) -> None:
    groups = patient.optimizer.param_groups
    if foreign:
        for group in groups:
            group["params"].clear()
        patient.optimizer.state.clear()
    held = {id(p) for group in groups for p in group["params"]}
    own = [p for p in patient.model.parameters() if p.requires_grad and id(p) not in held]
    groups[0]["params"].extend(own)
