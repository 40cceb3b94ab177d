"""How strong a symptom is, as one number: whether a rule would report it or not."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zincir.doctor.course import Course, Reading
from zincir.doctor.finding import Finding, plain

Measure = Callable[[Course], float]


def strength(symptom: str, course: Course, findings: list[Finding]) -> tuple[str, float]:
    """What is measured, and the number: of the course; else what the finding itself says.

    NaN if there is nothing to be said: the symptom is gone, and no number belongs to it.
    """
    if symptom in MEASURES:
        name, measure = MEASURES[symptom]
        with np.errstate(all="ignore"):
            return name, measure(course)
    for finding in findings:
        if finding.symptom == symptom:
            for name, value in finding.evidence.items():
                number: Any = plain(value)
                if isinstance(number, int | float) and not isinstance(number, bool):
                    return name, float(number)
    return "", math.nan


def _last(course: Course) -> Reading | None:
    probed = [r for r in course.readings if r.gauges]
    return probed[-1] if probed else None


def _arrived(course: Course) -> float:
    """What arrives at the first layer, over what arrives at the last."""
    reading = _last(course)
    if reading is None:
        return math.nan
    layers = [a for place, a in reading.places.items() if place.kind == "layer"]
    sizes = [float(np.sqrt(np.mean(np.square(a.gradient)))) for a in layers]
    return sizes[0] / sizes[-1] if len(sizes) > 1 and sizes[-1] > 0 else math.nan


def _smallest(course: Course) -> float:
    """The gradient of a layer over the largest behind it: that of the layer with the smallest."""
    reading = _last(course)
    if reading is None:
        return math.nan
    gradients = np.array(list(course.gradients(reading).values()))
    shares = [g / gradients[i + 1 :].max() for i, g in enumerate(gradients[:-1])]
    return float(min(shares, default=math.nan))


def _dead(course: Course) -> float:
    return max((float((d.idle >= 299).mean()) for d in course.deaths.values()), default=math.nan)


def _saturated(course: Course) -> float:
    reading = _last(course)
    kinds = ("tanh", "sigmoid")
    if reading is None:
        return math.nan
    places = [(p.kind, a) for p, a in reading.places.items()]
    shares = [float((a.saturated > 0.95).mean()) for kind, a in places if kind in kinds]
    return max(shares, default=math.nan)


def _step(course: Course) -> float:
    ratios = [r for name in course.weights if not math.isnan(r := course.ratio(name))]
    return float(np.median(ratios)) if ratios else math.nan


def _growth(course: Course) -> float:
    readings = [r for r in course.readings if r.gauges]
    if len(readings) < 2:
        return math.nan
    first, last = readings[0].gauges, readings[-1].gauges
    both = [n for n in course.weights if n in first and n in last and first[n].value > 0]
    return max((last[n].value / first[n].value for n in both), default=math.nan)


def _jump(course: Course) -> float:
    losses = course.losses()[-64:]
    if len(losses) < 2:
        return math.nan
    return float(np.median(np.abs(np.diff(losses))) / np.median(losses))


def _loss(course: Course) -> float:
    losses = course.losses()
    return float(np.median(losses[-5:])) if len(losses) else math.nan


def _validation(course: Course) -> float:
    losses = [e["val_loss"] for e in course.evaluations if "val_loss" in e]
    return losses[-1] - min(losses) if losses else math.nan


MEASURES: Mapping[str, tuple[str, Measure]] = {
    "vanishing_gradient": ("smallest gradient / largest behind it", _smallest),
    "exploding_gradient": ("gradient, first / last layer", _arrived),
    "dead_relu": ("dead units", _dead),
    "saturated_activation": ("saturated units", _saturated),
    "learning_rate_too_high": ("update / weight", _step),
    "learning_rate_too_low": ("update / weight", _step),
    "unchanged_weights": ("update / weight", _step),
    "weights_blow_up": ("growth of weights", _growth),
    "oscillating_loss": ("jump / loss", _jump),
    "loss_not_decreasing": ("loss", _loss),
    "overfitting": ("validation loss above its best", _validation),
}
"""By symptom: what is measured, and how."""
