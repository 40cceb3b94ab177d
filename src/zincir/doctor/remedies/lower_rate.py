"""A lower learning rate: a third, a tenth, and so on, as long as it is better.

Steps that are too long jump over what they aim at, push units of a ReLU below 0 for ever, and make
weights grow. A rate that is ten times lower costs ten times the steps, so the gentlest that helps
is taken. A schedule goes on from the lower rate.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding, shown
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.doctor.surgery import rate, scale_rates

FACTORS = (1 / 3, 1 / 10, 1 / 30, 1 / 100, 1 / 1000)


@remedy(
    "lower_rate",
    Cost.SETTING,
    (
        "learning_rate_too_high",
        "oscillating_loss",
        "weights_blow_up",
        "dead_relu",
        "exploding_gradient",
        "non_finite",
        "saturated_activation",
        "loss_not_decreasing",
    ),
)
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    now = rate(patient)
    if not now > 0:
        raise NotApplicable("there is no learning rate above 0")
    said = finding.evidence
    if said.get("dead from the start", 0) > said.get("dead", 1.0) * said.get("units", 0) / 2:
        raise NotApplicable("units are dead from the start: no step has killed them")
    for factor in FACTORS:
        yield Change(
            f"learning rate {shown(now)} -> {shown(now * factor)}",
            lambda patient, factor=factor: scale_rates(patient, factor),
            f'for group in optimizer.param_groups:\n    group["lr"] *= {factor:.6g}',
        )
