"""Weights grow and grow: far beyond the size that they started with, and beyond any that they need.

A layer keeps the size of its inputs if its weights are about the root of 1 / inputs. Weights of ten
times that make outputs of ten times the size: softmax and sigmoid saturate, the next gradient is
larger or gone, steps that are right for small weights do nothing to large ones.

Reported if the weights of a layer are ten times as large as at the start, and as the root of
1 / inputs; they are still growing; and the training suffers by it. Weights that double from reading
to reading, three times in a row, are reported in any case: nothing that is learnt does that, but a
penalty with the wrong sign does, or a loss that is maximised.

When it is not this: weights that start at 0, or very small, grow to their natural size, and are
compared with that. Classes that can be told apart without error make weights grow by the logarithm
of the steps; that is slow, and the loss comes down.

References: torchmortem for ten times; TheDeepChecker (TOSEM 2022) for growth of twice per check;
Soudry et al., "The implicit bias of gradient descent on separable data" (2018), for the logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import Array, Course, natural_size, trend
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

GROWN = 10.0
CHECKS = 8
RISES = 1.645
DOUBLINGS = 3


@rule(
    "T10",
    "weights_blow_up",
    Severity.WARNING,
    reads=Course,
    cause="a learning rate too high, a penalty with the wrong sign, or a loss that is maximised",
    remedies=(
        "a learning rate three to ten times lower",
        "the signs of all terms of the loss; maximize=False",
        "weight decay of 1e-4 to 1e-2",
        "label smoothing, if classes can be told apart without error",
    ),
    explains=("saturated_activation", "non_finite"),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    worst: tuple[float, str, Array] | None = None
    for name in seen.weights:
        sizes = _sizes(seen, name)
        if len(sizes) < CHECKS:
            continue
        grown = float(sizes[-1]) / max(float(sizes[0]), natural_size(seen.shapes[name]))
        if grown < GROWN or not (_doubles(sizes) or (_grows(sizes) and _suffers(seen))):
            continue
        if worst is None or grown > worst[0]:
            worst = grown, name, sizes
    if worst is None:
        return
    grown, name, sizes = worst
    yield found(
        f"{name} has grown {float(sizes[-1] / sizes[0]):.2g} times, and is growing",
        where=name.rpartition(".")[0],
        step=_began(seen, name),
        evidence={
            "size at first": float(sizes[0]),
            "size now": float(sizes[-1]),
            "natural size": natural_size(seen.shapes[name]),
            "update / weight": seen.ratio(name),
        },
        confidence=0.8,
    )


def _sizes(seen: Course, name: str) -> Array:
    found = [r.gauges[name].value for r in seen.readings if name in r.gauges]
    return np.array([size for size in found if math.isfinite(size)])


def _began(seen: Course, name: str) -> int:
    """The first step at which a weight was too large."""
    readings = [r for r in seen.readings if name in r.gauges]
    bound = GROWN * max(readings[0].gauges[name].value, natural_size(seen.shapes[name]))
    return next((r.step for r in readings if r.gauges[name].value > bound), seen.steps)


def _grows(sizes: Array) -> bool:
    return trend(sizes[-CHECKS:]) > RISES


def _doubles(sizes: Array) -> bool:
    return bool((sizes[-DOUBLINGS:] >= 2 * sizes[-DOUBLINGS - 1 : -1]).all())


def _suffers(seen: Course) -> bool:
    rising = any(trend(seen.losses(site)[-CHECKS:]) > RISES for site in seen.sites)
    return seen.broken is not None or seen.harmed or rising
