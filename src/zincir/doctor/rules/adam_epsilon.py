"""Gradients are smaller than Adam's epsilon: its steps shrink with them, and the net stands still.

Adam steps by `rate * m / (sqrt(v) + eps)`. As long as gradients are far above eps, a step is about
as long as the rate says, however small they are. Below it eps is what is divided by: the optimizer
is plain momentum with a rate of `rate / eps * gradient`, and a loss that is scaled down by a
thousand learns a thousand times slower.

Reported if the gradients of all weights are below eps in six readings in a row, steps are less than
a tenth of the learning rate, and the loss is neither down nor coming down.

When it is not this: at the end of a training gradients vanish because there is nothing left to
learn. If only the first layers have small gradients, they vanish on the way back (T1).

References: Kingma and Ba, "Adam: a method for stochastic optimization" (2015). TheDeepChecker
(TOSEM 2022) has the opposite among its faults, an eps that is too small; that is not judged here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from zincir.doctor.course import Course, Reading
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

CHECKS = 6
SHORT = 0.1
"""Of the learning rate: what a step of Adam is, if eps does not matter, is about 1."""
STEPS = 50


@rule(
    "T16",
    "adam_epsilon",
    Severity.WARNING,
    reads=Course,
    cause="a loss that is scaled down, or an eps that is meant for another scale",
    remedies=(
        "an eps well below the gradients: eps=1e-8, or 1e-10 for very small ones",
        "a loss that is a mean, not divided once more",
        "loss scaling (GradScaler) in half precision",
    ),
    explains=("learning_rate_too_low", "loss_not_decreasing", "vanishing_gradient"),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    readings = [r for r in seen.readings if r.gauges][-CHECKS:]
    if seen.steps < STEPS or len(readings) < CHECKS or not seen.harmed:
        return
    names = [n for n in seen.weights if "betas" in seen.settings.get(n, {})]
    names = [n for n in names if all(n in r.gauges for r in readings)]
    if not names or not all(_is_short(seen, r, n) for r in readings for n in names):
        return
    gauges = readings[-1].gauges
    largest = max(names, key=lambda n: gauges[n].used)
    rate = gauges[largest].rate
    yield found(
        "all gradients are below the eps of the optimizer",
        step=readings[0].step,
        evidence={
            "largest gradient": gauges[largest].used,
            "eps": float(seen.settings[largest]["eps"]),
            "update / learning rate": gauges[largest].update / rate,
        },
        confidence=0.95,
    )


def _is_short(seen: Course, reading: Reading, name: str) -> bool:
    """Whether a step is short because of eps."""
    gauge, eps = reading.gauges[name], seen.settings[name].get("eps")
    if not isinstance(eps, float) or not 0 < gauge.used < eps or math.isnan(gauge.update):
        return False
    return gauge.update < SHORT * gauge.rate
