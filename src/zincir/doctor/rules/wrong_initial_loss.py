"""The loss before training is not what guessing gives.

A net that knows nothing yet should give all C classes about the same probability: a
cross-entropy of ln C (0.693 for two classes, 2.303 for ten). A much larger loss says that it is
confidently wrong: the first steps only shrink the last layer. For regression, outputs much
larger than the targets' spread say the same.

When it is not this: a head whose biases are set to the logarithms of the classes' frequencies
begins at the entropy of the labels, which is below ln C; that is accepted. A pretrained model may
begin with a low loss, which is good. Adam and its kin shrink a head that is a few times too large
in a few dozen steps, whatever its gradients are; their bound is ten times guessing, that of SGD,
whose first steps are then too long, one and a half times.

References: CS231n, "Before learning: sanity checks" (ln C); Karpathy, "A Recipe for Training
Neural Networks" (verify the loss at initialisation). The band is this project's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

ABOVE = 1.5
"""Times what guessing gives: the net is confidently wrong."""
FAR = 10.0
"""The same, if steps do not depend on how large gradients are."""
REGRESSION = 10.0
"""Times the mean square of the targets."""
FEWEST = 16
"""Samples below which a loss is chance."""


@rule(
    "I1",
    "wrong_initial_loss",
    Severity.WARNING,
    reads=Rehearsal,
    cause="the last layer gives too large numbers: its initialisation, or inputs too large",
    remedies=(
        "scale the weights of the last layer by 0.1",
        "its bias: logarithms of the classes' frequencies, or the mean of the targets",
        "standardise the inputs",
    ),
    explains=("learning_rate_too_high",),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    if not seen.targets or len(seen.targets[0]) < FEWEST or not math.isfinite(seen.loss):
        return
    known = seen.first.guess
    if known is not None:
        guess, bound, name = known, FAR if seen.scale_free else ABOVE, f"ln {seen.classes}"
    else:
        squares = _mean_squares(seen)
        if squares is None:
            return
        guess, bound, name = squares, REGRESSION, "mean square of the targets"
    if seen.loss > bound * guess:
        yield found(
            f"the loss begins at {seen.loss:.3g}, where knowing nothing gives {guess:.3g}",
            where=seen.head,
            evidence={"loss": seen.loss, name: guess, "ratio": seen.loss / guess},
            confidence=0.8,
        )


def _mean_squares(seen: Rehearsal) -> float | None:
    """The mean square of the targets, if the loss is the mean squared error of outputs and them."""
    outputs, targets = seen.first.outputs, seen.targets
    if len(outputs) != 1 or len(targets) != 1 or targets[0].dtype.kind != "f":
        return None
    given = outputs[0].detach().clone().numpy()
    if given.shape != targets[0].shape:
        return None
    squared = float(np.square(given.astype(np.float64) - targets[0]).mean())
    if not math.isclose(squared, seen.loss, rel_tol=1e-3):
        return None
    return float(np.square(targets[0].astype(np.float64)).mean()) or None
