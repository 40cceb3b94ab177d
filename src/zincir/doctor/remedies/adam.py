"""Adam in place of an optimizer whose steps are as long as gradients are large.

Adam divides each gradient by the root of the mean of its squares, so that a step is about as long
as the rate says in each direction: where curvatures, or scales of layers, are very unlike, one rate
suits all. Groups stay; decay goes on as AdamW's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zincir.doctor.finding import Finding, shown
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.optim import Adam, AdamW

RATES = (1e-3, 1e-2)


@remedy(
    "adam",
    Cost.OPTIMIZER,
    (
        "oscillating_loss",
        "learning_rate_too_low",
        "loss_not_decreasing",
        "learning_rate_too_high",
        "clipping_total",
    ),
)
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    if "betas" in patient.optimizer.param_groups[0]:
        raise NotApplicable(f"{type(patient.optimizer).__name__} divides gradients already")
    if patient.scheduler is not None:
        raise NotApplicable("a schedule holds the optimizer")
    decay = max(float(g.get("weight_decay", 0.0)) for g in patient.optimizer.param_groups)
    kind, more = (AdamW, f", weight_decay={decay:g}") if decay else (Adam, "")
    for rate in RATES:
        yield Change(
            f"{kind.__name__}, learning rate {shown(rate)}",
            lambda patient, rate=rate: _take(patient, kind, rate),
            f"optimizer = optim.{kind.__name__}(model.parameters(), lr={rate:g}{more})",
        )


def _take(patient: Patient, kind: Any, rate: float) -> None:
    groups: list[dict[str, Any]] = []
    for group in patient.optimizer.param_groups:
        own = {"params": list(group["params"])}
        if kind is AdamW:
            own["weight_decay"] = group.get("weight_decay", 0.0)
        if "param_names" in group:
            own["params"] = list(zip(group["param_names"], group["params"], strict=True))
        groups.append(own)
    patient.take(optimizer=kind(groups, lr=rate))
