"""The weights make signals die out or explode on their way through the layers.

Each layer multiplies the spread of what enters it. Factors near 1 keep signals alive; 0.5 in
each of twenty layers leaves a millionth, 3 makes three thousand millions. A net that begins so
learns late or never. Judged is the product over all layers; layer by layer nothing is asked, as
healthy nets differ there. The way back is judged by I3 and I9.

When it is not this: normalisation layers bring the spread back to 1, and so it is measured.
A sigmoid flattens signals however it is initialised: that is I3.

References: Glorot and Bengio (2010); He et al. (2015). The bounds are this project's own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

FEWEST = 4
"""Layers below which a factor is no matter of depth."""
LOWEST, HIGHEST = 1e-4, 1e3
"""Of the spread of what the last layer gives to that of the first."""


@rule(
    "I2",
    "bad_initialisation",
    Severity.WARNING,
    reads=Rehearsal,
    cause="weights too small or too large for the activation",
    remedies=(
        "kaiming_normal_ for ReLU, xavier_normal_ with gain 5/3 for tanh",
        "BatchNorm or LayerNorm between the layers",
        "residual connections",
    ),
    explains=(
        "vanishing_gradient",
        "exploding_gradient",
        "dead_relu",
        "saturated_activation",
        "wrong_initial_loss",
    ),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    signals = seen.signals
    if signals is None or len(signals[0]) < FEWEST:
        return
    layers, spreads, _ = signals
    if any(place.kind == "sigmoid" for place in seen.activities):
        return
    forward = spreads[-1] / spreads[0]
    if LOWEST < forward < HIGHEST:
        return
    steps = np.abs(np.diff(np.log(np.maximum(spreads, 1e-300))))
    place = layers[int(steps.argmax()) + 1]
    yield found(
        f"signals {'die out' if forward < 1 else 'explode'} on their way through "
        f"{len(layers)} layers",
        where=place.where,
        origin=place.origin,
        evidence={"spread, last / first layer": forward, "layers": len(layers)},
        confidence=0.8,
    )
