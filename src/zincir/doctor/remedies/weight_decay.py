"""Weight decay that is weaker where it overwhelms the data, stronger where a net learns by heart.

Decay pulls each weight to 0 in each step. Too much of it leaves nothing but the bias of the last
layer; a little keeps weights from growing without need. Groups that have none keep none, and the
others keep their proportions; where no group has any, all get the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding, shown
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy

WEAKER = (0.1, 0.01, 0.0)
"""Times what there is."""
STRONGER = {"AdamW": (0.1, 1.0), "Lion": (0.1, 1.0)}
OTHERS = (1e-3, 1e-2)


@remedy(
    "weight_decay",
    Cost.SETTING,
    ("regularisation_overwhelms", "overfitting", "weights_blow_up"),
)
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    groups = patient.optimizer.param_groups
    now = max((float(group.get("weight_decay", 0.0)) for group in groups), default=0.0)
    if not any("weight_decay" in group for group in groups):
        raise NotApplicable("the optimizer has no weight decay")
    if finding.symptom == "regularisation_overwhelms":
        values = [now * factor for factor in WEAKER] if now > 0 else []
    else:
        stronger = STRONGER.get(type(patient.optimizer).__name__, OTHERS)
        values = [value for value in stronger if value > now]
    for value in values:
        setting = f"*= {value / now:.6g}" if now > 0 else f"= {value:.6g}"
        yield Change(
            f"weight decay {shown(now)} -> {shown(value)}",
            lambda patient, value=value: _set(patient, now, value),
            f'for group in optimizer.param_groups:\n    group["weight_decay"] {setting}',
        )


def _set(patient: Patient, now: float, value: float) -> None:
    for group in patient.optimizer.param_groups:
        if now > 0:  # in proportion: groups without decay are meant to have none
            group["weight_decay"] = group.get("weight_decay", 0.0) * (value / now)
        else:
            group["weight_decay"] = value
