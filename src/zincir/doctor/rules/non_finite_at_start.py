"""The very first step gives NaN or infinity.

The loss or a gradient is not finite before anything was learnt. It is no matter of the learning
rate: it comes from the data (S18), or from an operation outside of its domain. The step is run
again, operation by operation; the first that gives NaN or infinity from finite operands is
named, with their ranges and the sample.

References: those of T6.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.birth import told
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule


@rule(
    "I8",
    "non_finite",
    Severity.ERROR,
    reads=Rehearsal,
    cause="a number outside of an operation's domain",
    remedies=(
        "operations that are safe: log_softmax, softplus, x.clamp(min=1e-8).log()",
        "data without NaN and infinity",
    ),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    if seen.birth is not None:
        yield found(**told(seen.birth, seen.names.layer))
