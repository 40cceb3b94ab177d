"""A learning rate that rises at the beginning: from a hundredth of it, in a line.

The first steps go along gradients of a net that knows nothing, and Adam divides them by a mean of
few squares; short steps there keep weights where they are well. Later the rate is the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.optim.lr_scheduler import LinearLR

UPDATES = 100
START = 0.01


@remedy(
    "warm_up",
    Cost.SCHEDULE,
    ("learning_rate_too_high", "exploding_gradient", "non_finite"),
)
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    if patient.scheduler is not None:
        raise NotApplicable("there is a schedule already")

    def make(patient: Patient) -> None:
        patient.take(scheduler=LinearLR(patient.optimizer, start_factor=START, total_iters=UPDATES))

    yield Change(
        f"a rate that rises for {UPDATES} updates",
        make,
        f"schedule = LinearLR(optimizer, start_factor={START}, total_iters={UPDATES})\n"
        "# scheduler.step() after each update",
    )
