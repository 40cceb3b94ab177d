"""Units of tanh or sigmoid stand at the ends of their range: their slope there is next to 0.

A tanh above 0.97 has a slope below 0.06, a sigmoid above 0.985 one below 0.015: what arrives
there hardly passes. A unit counts as saturated when more than 95 % of its values are at the
ends; a layer when more than half of its units are, three times in a row, while the training
suffers; or from the first step to the last, and no step changes the layer in front by more than a
hundred-thousandth: that one learns nothing, even if others do.

When it is not this: gates of recurrent nets and of attention are meant to open and close, and
are left out; so are outputs. A unit that is at both ends for different samples is a good
detector if those before it need not change any more: therefore the training must suffer.

References: Glorot and Bengio (2010), who saw it; Karpathy, makemore part 3 (0.97); AWS SageMaker
Debugger and DeepDiagnosis (half of the units).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.anatomy import Place
from zincir.doctor.course import Course, Reading
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

CHECKS = 3
OF_VALUES = 0.95
OF_UNITS = 0.5
UPDATE = 1e-5
"""Of an update to the weights: below it a layer hardly changes."""


@rule(
    "T4",
    "saturated_activation",
    Severity.WARNING,
    reads=Course,
    cause="weights or inputs that are too large",
    remedies=(
        "standardise the inputs",
        "smaller weights at the start: xavier, with gain 5/3 for tanh",
        "a lower learning rate",
        "BatchNorm or LayerNorm before the activation",
        "ReLU or GELU",
    ),
    explains=("vanishing_gradient",),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    readings = seen.probed(CHECKS)
    harmed = seen.harmed
    if not readings:
        return
    for place in readings[-1].places:
        if place.kind not in ("tanh", "sigmoid") or not all(place in r.places for r in readings):
            continue
        shares = [_share(r, place) for r in readings]
        if min(shares) > OF_UNITS and (harmed or _is_stiff(seen, place)):
            last = readings[-1].places[place]
            yield found(
                f"{shares[-1]:.0%} of the {place.kind} units are saturated",
                where=place.where,
                origin=place.origin,
                step=_began(seen, place),
                evidence={
                    "saturated units": shares[-1],
                    "of values": float(np.mean(last.saturated)),
                    "units": place.units,
                },
                confidence=0.9,
            )


def _is_stiff(seen: Course, place: Place) -> bool:
    """Whether it was so from the first step on, and the layer in front of it does not change."""
    all_of_it = [r for r in seen.readings if place in r.places]
    ratio = seen.ratio(f"{place.after}.weight")
    return ratio < UPDATE and all(_share(r, place) > OF_UNITS for r in all_of_it)


def _share(reading: Reading, place: Place) -> float:
    """The share of saturated units."""
    return float((reading.places[place].saturated > OF_VALUES).mean())


def _began(seen: Course, place: Place) -> int:
    """The step from which on every reading says so."""
    began = seen.steps
    for reading in reversed([r for r in seen.readings if place in r.places]):
        if _share(reading, place) <= OF_UNITS:
            break
        began = reading.step
    return began
