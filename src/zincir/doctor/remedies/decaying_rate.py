"""A learning rate that falls: by half in each epoch.

A loss that swings has steps that are longer than the valley is wide. Where a lower rate from the
start would be too slow, one that falls is fast first and calm later.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.optim.lr_scheduler import ExponentialLR


@remedy("decaying_rate", Cost.SCHEDULE, ("oscillating_loss", "learning_rate_too_high"))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    if patient.scheduler is not None:
        raise NotApplicable("there is a schedule already")
    gamma = float(f"{0.5 ** (1 / patient.epoch_steps):.6g}")

    def make(patient: Patient) -> None:
        patient.take(scheduler=ExponentialLR(patient.optimizer, gamma=gamma))

    yield Change(
        "a rate that halves in each epoch",
        make,
        f"schedule = ExponentialLR(optimizer, gamma={gamma:.6g})\n"
        "# scheduler.step() after each update",
    )
