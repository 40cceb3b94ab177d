"""Gradients clipped at the 90th percentile of their norms: nine steps of ten stay what they are.

A clip far below that takes the place of the gradient's size; one above does nothing. The norms are
those of the steps without the change. Where every gradient is too large, clipping is the wrong
remedy, and the rate is the right one (Google's "Deep Learning Tuning Playbook"). Where a clip was
far too low, ten times that percentile is tried as well: gradients grow once a net begins to learn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import Course
from zincir.doctor.finding import Finding, shown
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy

PERCENTILE = 90
STRENGTHS = (1.0, 0.1)
"""Of that norm: where few readings are from before an explosion, it is too high."""
LOOSER = (1.0, 10.0)
"""The same, in place of a clip that was too low."""


@remedy(
    "clip",
    Cost.SETTING,
    ("clipping_total", "exploding_gradient", "non_finite", "learning_rate_too_high"),
)
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    norms = [] if patient.course is None else _norms(patient.course)
    if not norms:
        raise NotApplicable("no norm of a gradient is known")
    bound = float(np.percentile(norms, PERCENTILE))
    if not bound > 0:
        raise NotApplicable("all gradients are 0")
    for strength in LOOSER if finding.symptom == "clipping_total" else STRENGTHS:
        norm = float(f"{strength * bound:.3g}")
        yield Change(
            f"gradients clipped to a norm of {shown(norm)}",
            lambda patient, norm=norm: patient.clip(norm),
            f"trainer = Trainer(..., callbacks=[ClipGradients(norm={norm:.3g})])",
        )


def _norms(course: Course) -> list[float]:
    """The norms of all gradients together, as they arrived, while they were finite."""
    found = [
        math.sqrt(
            sum(g.gradient**2 * math.prod(course.shapes[n]) for n, g in reading.gauges.items())
        )
        for reading in course.readings
        if reading.gauges
    ]
    return [norm for norm in found if math.isfinite(norm)]
