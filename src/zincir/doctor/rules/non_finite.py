"""The loss is NaN or infinite: from here on nothing is learnt any more.

A NaN is born in one operation (the logarithm of 0, 0 / 0, an exponential above 88, the slope of
a square root at 0), and everything after it only passes it on: to the loss, to all gradients,
with the next update to all parameters.

The step is named at which the loss was not finite for the first time. Where that step can be run
again from before it, as `Trainer` can, it is, operation by operation; then the operation that
the first NaN or infinity was born in is named, with the ranges of its operands and the sample.

References: https://github.com/pytorch/pytorch/issues/160016, 182156 and 143658 (the producer is
to be told apart from what passes it on, with shapes and values).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.birth import told
from zincir.doctor.course import Course
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule


@rule(
    "T6",
    "non_finite",
    Severity.ERROR,
    reads=Course,
    cause="a number outside of an operation's domain, or values that grew out of all bounds",
    remedies=(
        "a learning rate ten times lower, clipped gradients",
        "operations that are safe: log_softmax, softplus, x.clamp(min=1e-8).log()",
        "data without NaN and infinity",
    ),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    if seen.broken is None:
        return
    step, site = seen.broken
    losses = seen.losses(site)
    finite = losses[np.isfinite(losses)]
    evidence = {"last finite loss": float(finite[-1])} if len(finite) else {}
    if seen.birth is None:
        yield found("the loss is not finite", origin=site, step=step, evidence=evidence)
        return
    fields = told(seen.birth, seen.layer)
    yield found(**{**fields, "evidence": {**evidence, **fields["evidence"]}}, step=step)
