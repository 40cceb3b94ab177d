"""Weights stay what they were, to the bit, though gradients arrive at them.

Something is between the gradient and the weight: `optimizer.step()` is never called, the learning
rate is 0, the optimizer holds the tensors of another model (of a copy, or of the model before it
was built anew), or an update is smaller than what the number format can tell apart from 0: in half
precision everything below a two-thousandth of the weight.

Seen exactly, not by a tolerance: in every step that was measured, from the first on, the weights
before and after are equal, and the gradient that the optimizer got is not 0.

When it is not this: a rate that starts at 0 (warm-up) or ends there changes weights in between, and
is not reported. What is not to be trained has `requires_grad=False`. A loop that adds up gradients
steps once in a while; only after two hundred backward passes without any step is that reported.
The gradient of a bias before a normalisation is 0 but for rounding: below a millionth of the
largest it does not count.

References: SageMaker Debugger (UnchangedTensor, three checks; there with a tolerance).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from zincir.doctor.course import Course, Gauge
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

CHECKS = 3
NOISE = 1e-6
"""Of the largest gradient: that of a bias before a normalisation is 0 but for rounding."""
PASSES = 200
"""Backward passes without a step: more than gradients are added up over."""


@rule(
    "T9",
    "unchanged_weights",
    Severity.WARNING,
    reads=Course,
    cause="no step, a learning rate of 0, an optimizer of other tensors, or rounding",
    remedies=(
        "optimizer.step() after each backward",
        "a learning rate above 0, in each group of the optimizer",
        "optimizer = SGD(model.parameters(), ...) after the model is complete",
        "weights in float32, and half precision for activations alone (autocast)",
    ),
    explains=("loss_not_decreasing",),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    if not seen.optimizers:
        return
    evidence = {"backward passes": seen.passes, "steps": seen.steps}
    if seen.steps == 0:
        if seen.passes >= PASSES:
            yield found(
                "no optimizer has made a step", severity=Severity.ERROR, evidence=evidence, step=0
            )
        return
    if not (seen.harmed or seen.stuck):
        return
    gauges = {name: _gauges(seen, name) for name in seen.shapes}
    known = {name: some for name, some in gauges.items() if len(some) >= CHECKS}
    foreign = [name for name in known if name not in seen.settings]
    if known and len(foreign) == len(known):
        yield found(
            "the optimizer that is watched holds none of the model's parameters",
            where=foreign[0].rpartition(".")[0],
            evidence=evidence,
            step=0,
        )
        return
    still = [name for name, some in known.items() if name in seen.settings and _is_still(some)]
    if still:
        yield found(
            f"{still[0]} is what it was, to the bit" + _others(len(still) - 1),
            where=still[0].rpartition(".")[0],
            step=0,
            severity=Severity.ERROR if len(still) == len(known) else Severity.WARNING,
            evidence={
                **evidence,
                "unchanged": len(still),
                "parameters": len(known),
                "gradient": known[still[0]][-1].gradient,
                "learning rate": known[still[0]][-1].rate,
            },
        )


def _gauges(seen: Course, name: str) -> list[Gauge]:
    """The measurements of a parameter to which gradients came; those of a bias may be noise."""
    found: list[Gauge] = []
    for gauges in (r.gauges for r in seen.readings if name in r.gauges):
        least = 0.0
        if name not in seen.weights:
            sizes = [g.gradient for g in gauges.values() if math.isfinite(g.gradient)]
            least = NOISE * max(sizes, default=0.0)
        if math.isfinite(gauges[name].gradient) and gauges[name].gradient > least:
            found.append(gauges[name])
    return found


def _is_still(gauges: list[Gauge]) -> bool:
    moved = [g for g in gauges if not math.isnan(g.update)]
    return len(moved) >= CHECKS and all(g.update == 0 and g.used > 0 for g in moved)


def _others(count: int) -> str:
    return f", and so are {count} more" if count > 1 else ", and so is one more" if count else ""
