"""Weight decay is stronger than the data: weights shrink to nothing, and so does what was learnt.

Decay adds `weight_decay * weight` to a gradient (SGD, Adam), or takes `rate * weight_decay` of
each weight in each step (AdamW). If that is more than what the data ask for, weights go to 0
whatever the labels are; what remains is the bias of the last layer, and the loss of an answer
that does not look at the input.

Reported if in five readings in a row the pull of the decay on most layers is at least twice the
gradient of the data (for AdamW and its kin: if it would halve weights within a hundred steps),
those layers are half as large as at the start, or less, and the loss is no better than guessing
or where it was.

When it is not this: where everything is learnt the gradients of the data are small, and decay is
all that is left. A penalty that is written into the loss by hand is not told apart from the data.

References: TheDeepChecker (TOSEM 2022): twice the gradient of the data, five times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from zincir.doctor.course import Course, Gauge
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

CHECKS = 5
PULL = 2.0
"""Times the gradient of the data."""
SHRUNK = 0.5
"""Of the size at the start."""
HALVED = 100
"""Steps in which a decay of its own halves weights, if it is too strong."""


@rule(
    "T11",
    "regularisation_overwhelms",
    Severity.WARNING,
    reads=Course,
    cause="a weight decay that is meant for another optimizer, or a typing error",
    remedies=(
        "a weight_decay ten times lower, then a hundred; usual are 1e-4 for SGD, 1e-2 for AdamW",
        "no decay for biases and norms: a group of their own",
    ),
    explains=("loss_not_decreasing", "vanishing_gradient", "dead_relu"),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    if not (seen.harmed and seen.stuck):
        return
    pulled: dict[str, float] = {}
    known = 0
    for name in seen.weights:
        gauges = [r.gauges[name] for r in seen.readings if name in r.gauges]
        settings = seen.settings.get(name, {})
        if len(gauges) < CHECKS + 1 or "weight_decay" not in settings:
            continue
        known += 1
        pulls = [_pull(g, settings) for g in gauges[-CHECKS:]]
        if min(pulls) >= PULL and gauges[-1].value <= SHRUNK * gauges[0].value:
            pulled[name] = float(np.median(pulls))
    if not pulled or len(pulled) <= known / 2:
        return
    name = next(iter(pulled))
    gauges = [r.gauges[name] for r in seen.readings if name in r.gauges]
    yield found(
        f"weight decay pulls {len(pulled)} of {known} layers to 0",
        where=name.rpartition(".")[0],
        step=_began(seen, name),
        evidence={
            "weight decay": float(seen.settings[name]["weight_decay"]),
            "pull of decay / bound": pulled[name] / PULL,
            "size at first": gauges[0].value,
            "size now": gauges[-1].value,
        },
        confidence=0.95,
    )


def _began(seen: Course, name: str) -> int:
    """The step from which on the decay was too strong."""
    began = seen.steps
    for reading in reversed([r for r in seen.readings if name in r.gauges]):
        if _pull(reading.gauges[name], seen.settings[name]) < PULL:
            break
        began = reading.step
    return began


def _pull(gauge: Gauge, settings: Mapping[str, Any]) -> float:
    """How strong the decay is; from PULL on it is too strong."""
    decay = float(settings["weight_decay"])
    if settings["kind"] in _APART or settings.get("decoupled_weight_decay"):
        return PULL * gauge.rate * decay * HALVED / math.log(2)
    pull, data = decay * gauge.value, gauge.used
    return pull / data if data > 0 else (math.inf if decay > 0 else 0.0)


_APART = ("AdamW", "NAdamW", "Lion", "Muon")
"""Optimizers whose decay is not part of the gradient."""
