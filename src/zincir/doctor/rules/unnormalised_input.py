"""The inputs are on scales that make training slow: large, tiny, far from 0, or of unlike features.

Weights are made for inputs near 0 with a spread near 1. A feature that is a hundred times larger
than another one gets a gradient a hundred times larger too, so that no learning rate suits both;
and inputs with a mean far from 0 push all weights of a unit the same way (LeCun et al.).

Inputs that are all below a fiftieth were scaled down twice, say: the first layer hardly sees them.

A table is judged by feature: the size of the mean against the spread, and the largest spread
against the smallest. Images (values of one unit) are judged by their largest value alone: pixels
from 0 to 255 are reported, pixels from 0 to 1 are not.

When it is not this: values beyond -1 and 1 are normal for standardised data and are not reported
(that rule fires on every model trained on them). Sparse features, of which most samples have the
same value (0, or what 0 became when all were shifted alike), are left alone: how rarely they differ
is no matter of scale.
A normalisation as the first layer cures it, and is seen.

References: LeCun, Bottou, Orr and Müller, "Efficient BackProp" (1998), section 4.3; the
thresholds are this project's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Array, Rehearsal
from zincir.doctor.rule import Found, rule

LARGEST = 50.0
"""Of the size of a value (torch-audit's bound as well); all below one over it are tiny."""
MEAN = 3.0
"""Of the size of a feature's mean, in its standard deviations."""
SPREADS = 100.0
"""Of the largest standard deviation of a feature over the smallest."""
MOST = 4096
"""Samples that are looked at, about."""
FEWEST = 16
"""Samples below which a spread says nothing."""


@rule(
    "S17",
    "unnormalised_input",
    Severity.WARNING,
    reads=Rehearsal,
    cause="raw pixels, or columns in different units",
    remedies=(
        "standardise each feature with the mean and deviation of the training data",
        "images: divide by 255",
        "a BatchNorm as the first layer",
    ),
    explains=(
        "wrong_initial_loss",
        "bad_initialisation",
        "vanishing_gradient",
        "learning_rate_too_low",
        "learning_rate_too_high",
        "exploding_gradient",
        "weights_blow_up",
        "non_finite",
        "dead_relu",
        "saturated_activation",
        "oscillating_loss",
        "loss_not_decreasing",
    ),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    first = next((c for c in seen.first.calls if list(c.module.parameters(recurse=False))), None)
    if first is None or "Norm" in type(first.module).__name__ or len(seen.inputs) != 1:
        return
    x = seen.inputs[0]
    entering = [t for t in first.inputs if t.is_floating_point()]
    if not entering or x.dtype.kind not in "fiu" or x.size == 0:
        return
    given: Array = entering[0].detach().clone().numpy()  # what the model makes of it first counts
    if given.shape == x.shape and len(seen.training) == 1 and np.array_equal(given, x):
        every = seen.training[0]  # where they are known: a batch may be neighbours in time
        given = every[:: max(1, len(every) // MOST)]
    evidence = _odd(given)
    if evidence:
        where = first.where
        yield found(_text(evidence), where=where, evidence=evidence, confidence=0.8)


def _odd(x: Array) -> dict[str, Any]:
    finite = np.where(np.isfinite(x), x, 0.0).astype(np.float64)
    largest = float(np.abs(finite).max())
    evidence: dict[str, Any] = {}
    if x.ndim == 2 and len(x) >= FEWEST:
        dense = (finite != _usual(finite)).mean(0) > 0.5
        means, spreads = finite.mean(0), finite.std(0)
        used = dense & (spreads > 1e-12 * max(largest, 1e-300))
        if used.any():
            shift = np.abs(means[used]) / spreads[used]
            ratio = float(spreads[used].max() / spreads[used].min())
            if np.median(shift) > MEAN:
                evidence["median of |mean| / deviation"] = float(np.median(shift))
            if ratio > SPREADS:
                evidence["largest deviation / smallest"] = ratio
    if largest > LARGEST and (evidence or _spread(finite) > LARGEST / 4):
        evidence["largest value"] = largest
    if 0 < largest < 1 / LARGEST:
        evidence["largest of all values"] = largest
    return evidence


def _usual(x: Array) -> Array:
    """By column the value in the middle: if it is that of half of the samples, those are sparse."""
    return np.quantile(x, 0.5, axis=0, method="lower")


def _spread(x: Array) -> float:
    """How large values usually are: a single outlier is no matter of scale."""
    return float(np.quantile(np.abs(x[x != 0]), 0.75)) if (x != 0).any() else 0.0


def _text(evidence: dict[str, Any]) -> str:
    if "largest deviation / smallest" in evidence:
        return "features on very unlike scales enter the first layer"
    if "largest of all values" in evidence:
        return "tiny inputs enter the first layer as they are"
    if "largest value" in evidence:
        return "large inputs enter the first layer as they are"
    return "inputs far from 0 enter the first layer"
