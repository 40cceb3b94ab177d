"""A function with a gradient of its own gives a wrong one.

What `backward` says the output does when an argument moves is not what `forward` does: a factor,
a sign, or a term is missing. The net then goes down another hill than the loss's. It may still
learn, slowly and badly, so that nothing else tells.

Each function of the net that brings its own gradient (`autograd.Function`) is run again in
float64 near the place where it was called, and moved in three random directions of each
argument. Central differences and `backward` must agree to a hundredth; a right one agrees to a
millionth. The library's own operations need no such test: they have been through it.

When it is not this: functions whose gradient is meant to be another one are left alone, where
that can be seen. Those that give their argument back (reversal, scaling or clipping of
gradients) are there for their gradient alone; those that are staircases along an argument
(rounding, a sign) have a true gradient of 0, which is of no use. Any other can be silenced, with
the reason.

References: CS231n, "Gradient checks"; TheDeepChecker (TOSEM 2022), whose bound this is.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.experiments import own_gradients
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.own_gradients import Slope
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

TOLERANCE = 1e-2
"""Of the larger one of both: CS231n and TheDeepChecker call a gradient wrong from there on."""


@rule(
    "I4",
    "wrong_gradient",
    Severity.ERROR,
    reads=Rehearsal,
    cause="a mistake in the backward of an autograd.Function",
    remedies=(
        "zincir.autograd.gradcheck(function, inputs in float64), which names the entry",
        "leave the backward away: what is made of tensor operations has a right one already",
    ),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    told: set[tuple[type, int]] = set()
    for slope in own_gradients(seen):
        key = slope.call.function, slope.argument
        if slope.identity or slope.stepped or key in told or _error(slope) <= TOLERANCE:
            continue
        told.add(key)
        yield found(
            f"the gradient of {slope.call.function.__name__} with respect to argument "
            f"{slope.argument} is not what its forward does",
            where=seen.names.layer(slope.call.where),
            origin=slope.call.origin,
            evidence={
                "by differences": slope.by_difference,
                "by backward": slope.by_backward,
                "relative error": _error(slope),
            },
        )


def _error(slope: Slope) -> float:
    largest = max(abs(slope.by_difference), abs(slope.by_backward))
    return abs(slope.by_difference - slope.by_backward) / largest if largest > 1e-12 else 0.0
