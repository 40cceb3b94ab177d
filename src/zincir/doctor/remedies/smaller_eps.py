"""An epsilon of Adam that is far below the gradients: steps are as long as the rate says again."""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding, shown
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy

BELOW = 1e-3
"""Of the largest gradient."""


@remedy("smaller_eps", Cost.SETTING, ("adam_epsilon",))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    groups = [g for g in patient.optimizer.param_groups if isinstance(g.get("eps"), float)]
    largest = float(finding.evidence.get("largest gradient", 0.0))
    if not groups or not largest > 0:
        raise NotApplicable("the optimizer has no eps, or all gradients are 0")
    value = float(f"{min(1e-8, BELOW * largest):.0e}")

    def make(patient: Patient) -> None:
        for group in patient.optimizer.param_groups:
            if "eps" in group:
                group["eps"] = value

    yield Change(
        f"eps {shown(groups[0]['eps'])} -> {shown(value)}",
        make,
        f'for group in optimizer.param_groups:\n    group["eps"] = {value:.0e}',
    )
