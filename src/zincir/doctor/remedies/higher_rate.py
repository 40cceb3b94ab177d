"""A higher learning rate: towards steps of a thousandth of the weights.

A good step changes weights by about a thousandth of their size. What it is now tells how much
higher the rate has to be; rates around that are tried, the lowest first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from zincir.doctor.finding import Finding, shown
from zincir.doctor.measures import MEASURES
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.doctor.surgery import rate, scale_rates

GOOD = 1e-3
"""Of a step to the weights (CS231n)."""
AROUND = (0.1, 1.0, 10.0, 100.0)
FIRST = {"SGD": 0.01}
"""Rates to begin with, where there is none: others have 0.001."""


@remedy(
    "higher_rate",
    Cost.SETTING,
    ("learning_rate_too_low", "unchanged_weights", "not_optimised", "loss_not_decreasing"),
)
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    now = rate(patient)
    if math.isnan(now):
        raise NotApplicable("the optimizer has no learning rate")
    if now == 0:
        first = FIRST.get(type(patient.optimizer).__name__, 0.001)
        for factor in (1.0, 10.0):
            yield _fixed(first * factor)
        return
    if finding.symptom in ("unchanged_weights", "not_optimised"):
        raise NotApplicable("the learning rate is not 0")
    step = math.nan if patient.course is None else MEASURES[_STEP][1](patient.course)
    nearest = 1.0 if not step > 0 else 10 ** round(math.log10(GOOD / step))
    for factor in AROUND:
        if nearest * factor > 1:
            yield _scaled(now, nearest * factor)


_STEP = "learning_rate_too_low"


def _scaled(now: float, factor: float) -> Change:
    return Change(
        f"learning rate {shown(now)} -> {shown(now * factor)}",
        lambda patient: scale_rates(patient, factor),
        f'for group in optimizer.param_groups:\n    group["lr"] *= {factor:.6g}',
    )


def _fixed(value: float) -> Change:
    def make(patient: Patient) -> None:
        for group in patient.optimizer.param_groups:
            for name in ("lr", "initial_lr"):
                if name in group:
                    group[name] = value
        if hasattr(patient.scheduler, "base_lrs"):
            patient.scheduler.base_lrs = [value for _ in patient.scheduler.base_lrs]

    code = f'for group in optimizer.param_groups:\n    group["lr"] = {value:.6g}'
    return Change(f"learning rate 0 -> {shown(value)}", make, code)
