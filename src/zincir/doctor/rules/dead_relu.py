"""ReLU units that are never active: nothing passes through them, in neither direction.

A unit whose input is negative for every sample gives 0, and its gradient is 0: no step changes
the weights in front of it, so it stays dead. One long step is enough, along a gradient that was
too large; or a bias, or inputs, that make it so from the start.

Death is a matter of units, over many samples: a layer of which 70 % of the *values* are 0 is
sparse, and healthy. A unit counts when it was silent for at least 299 samples in a row (then it
fires on fewer than 1 % of all with a confidence of 95 %: ln 0.05 / ln 0.99), in three readings. At
the places of one image it does much the same: such values are no samples of their own.

When it is not this: a few dead units harm nobody, and wide nets have many. Below a fifth nothing
is said. Up to a half it is an info: the others can still do what there is to do, better than
guessing at least, and if the net does not, something else is the matter. Above a half a warning
needs a training that suffers, above three quarters it does not: healthy nets waste no layer. A
layer that is dead as a whole is an error: the net is a constant.

Before training only a layer is judged that is dead as a whole, for all samples of the batch.

References: Google's Machine Learning Crash Course (dead ReLU units: lower the learning rate);
CS231n ("as much as 40 % can be dead if the learning rate is too high"); Lu et al., "Dying ReLU
and initialization" (2019).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import SILENT, Course
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

CHECKS = 3
SHARE = 0.2
"""Of a layer's units: below it nothing is said."""
MOST = 0.5
"""Above it the layer may be what the net fails by."""
WASTED = 0.75
"""Above it nobody can have meant the layer to be that wide."""


@rule(
    "T3",
    "dead_relu",
    Severity.WARNING,
    reads=(Rehearsal, Course),
    cause="a step that was too long pushed their inputs below 0 for every sample",
    remedies=(
        "a learning rate 3 to 10 times lower, or clipped gradients",
        "standardised inputs, kaiming initialisation, biases of 0",
        "draw the weights of dead units anew, with outgoing weights of 0: the function stays",
        "LeakyReLU, ELU or GELU, which let something through below 0",
        "BatchNorm before the activation",
    ),
    explains=(
        "ignores_input",
        "cannot_overfit_batch",
        "no_gradient",
        "learning_rate_too_low",
        "loss_not_decreasing",
    ),
)
def judge(seen: Rehearsal | Course, found: Found) -> Iterator[Finding]:
    if isinstance(seen, Course):
        yield from _in_training(seen, found)
    else:
        yield from _at_start(seen, found)


def _at_start(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    """Layers of which no unit fires for any sample of the batch."""
    for place, activity in seen.activities.items():
        values = activity.samples * place.units
        if not np.isfinite(activity.mean):
            continue  # a NaN is not above 0 either
        if place.kind == "relu" and values >= SILENT and not activity.active.any():
            yield found(
                f"{place.units} of {place.units} units are dead, from the start",
                where=place.where,
                origin=place.origin,
                severity=Severity.ERROR,
                evidence={"dead": 1.0, "units": place.units, "silent values": values},
                cause=_START,
            )


def _in_training(seen: Course, found: Found) -> Iterator[Finding]:
    if len(seen.probed(CHECKS)) < CHECKS:
        return
    for place, death in seen.deaths.items():
        dead = death.dead
        share = float(dead.mean())
        if share <= SHARE:
            continue
        bad = share > WASTED or (share > MOST and seen.harmed)
        severity = Severity.WARNING if bad else Severity.INFO
        if share == 1:
            severity = Severity.ERROR
        since = death.since[dead]
        began = int(np.median(since))
        when = "from the start" if began < 0 else f"since about step {began}"
        yield found(
            f"{int(dead.sum())} of {place.units} units are dead, {when}",
            where=place.where,
            origin=place.origin,
            step=max(0, began),
            severity=severity,
            evidence={
                "dead": share,
                "units": place.units,
                "silent samples, at least": int(death.idle[dead].min()),
                "dead from the start": int((since < 0).sum()),
            },
            cause=_START if began < 0 else _LATER,
            confidence=1.0 if share == 1 else 0.9,
        )


_START = "the initialisation, a bias, or inputs far from 0 keep their inputs below 0"
_LATER = "a step that was too long pushed their inputs below 0 for every sample"
