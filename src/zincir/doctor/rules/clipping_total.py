"""Gradients are clipped in every step: the bound has taken the place of the gradient's size.

Clipping is there for the rare large gradient. Where each step is clipped to the same norm, the
gradient only says in which direction to go, and how far is `rate * bound`, at the start as at the
end. With a bound far below the usual norm that is next to nothing, whatever the learning rate says;
and no step gets shorter near the bottom.

Seen from both sides: the norm of all gradients as they arrive varies from step to step, and as the
optimizer gets it, it is smaller and the same each time.

Reported as a warning if the net hardly moves by it (no layer by a ten-thousandth of its size) or
does not learn, and as an info else, if the norm is ten times the bound. Adam and others divide
gradients by their size, so a bound is nothing to them: only SGD is judged.

When it is not this: gradients that a GradScaler, or a division by the number of batches, makes
smaller keep their variation. Language models are often clipped to 1 in most steps at the beginning,
and learn well.

References: Google's "Deep Learning Tuning Playbook" (clip at the 90th percentile of the norms; if
more than half of the steps are clipped, lower the learning rate instead).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import Course, Reading
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

CHECKS = 6
STRONG = 10.0
"""Times the bound: the usual norm, if there is anything to say."""
SAME = 1e-3
"""How far norms of the same bound are from each other, as a share."""
RATIO = 1e-4
"""Of an update to the weights: below it a layer hardly moves."""


@rule(
    "T15",
    "clipping_total",
    Severity.WARNING,
    reads=Course,
    cause="a bound below the norms that are usual in this net",
    remedies=(
        "clip at the 90th percentile of the norms: ClipGradients(norm=...)",
        "a lower learning rate and no clipping, if all gradients are too large",
    ),
    explains=("learning_rate_too_low", "loss_not_decreasing"),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    readings = [r for r in seen.readings if any(g.used > 0 for g in r.gauges.values())]
    readings = readings[-2 * CHECKS :]
    if len(readings) < CHECKS or any(s["kind"] != "SGD" for s in seen.settings.values()):
        return
    arrived = np.array([_norm(seen, r, "gradient") for r in readings])
    used = np.array([_norm(seen, r, "used") for r in readings])
    if not (np.isfinite(arrived).all() and np.isfinite(used).all()):
        return
    if _spread(used) > SAME or _spread(arrived) < 10 * SAME:
        return
    strength = float(np.median(arrived / used))
    if (arrived < used).any() or strength < STRONG:
        return
    ratios = [r for name in seen.weights if not math.isnan(r := seen.ratio(name))]
    idle = bool(ratios) and max(ratios) < RATIO
    harm = seen.harmed and (idle or seen.stuck)
    yield found(
        f"each step is clipped, from {float(np.median(arrived)):.2g} to {float(used[-1]):.2g}",
        step=readings[0].step,
        severity=Severity.WARNING if harm else Severity.INFO,
        evidence={
            "norm of all gradients": float(np.median(arrived)),
            "90th percentile of it": float(np.percentile(arrived, 90)),
            "norm after clipping": float(used[-1]),
            "largest update / weight": max(ratios, default=math.nan),
        },
        confidence=0.95,
    )


def _norm(seen: Course, reading: Reading, what: str) -> float:
    gauges = {n: g for n, g in reading.gauges.items() if g.used > 0}
    return math.sqrt(
        sum(getattr(g, what) ** 2 * math.prod(seen.shapes[n]) for n, g in gauges.items())
    )


def _spread(norms: np.ndarray) -> float:
    return float(norms.max() / norms.min() - 1) if norms.min() > 0 else math.inf
