"""Weights drawn anew for the activation behind them; biases 0.

He for ReLU and its kin: normal numbers with a deviation of sqrt(2 / inputs). Glorot for tanh,
sqrt(2 / (inputs + outputs)) times 5/3, and for sigmoid, times 4, since its slope at 0 is a quarter.
LeCun for SELU, and where nothing follows: sqrt(1 / inputs). What the net had learnt is lost: in the
beginning that is nothing.

References: Glorot and Bengio (2010); He et al. (2015); LeCun et al. (1998).
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, remedy
from zincir.doctor.surgery import (
    code_of_drawing,
    draw_for_activations,
    layers,
    rehearsed,
    suited,
    trained,
)


@remedy(
    "reinitialise",
    Cost.WEIGHTS,
    (
        "symmetric_initialisation",
        "bad_initialisation",
        "exploding_gradient",
        "saturated_activation",
        "vanishing_gradient",
        "wrong_initial_loss",
        "weights_blow_up",
        "dead_relu",
        "loss_not_decreasing",
    ),
)
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    found = trained(layers(rehearsed(patient)))
    names = ", ".join(dict.fromkeys(suited(layer)[1] for layer in found))
    yield Change(
        f"weights of {len(found)} layers drawn anew ({names})",
        draw_for_activations,
        code_of_drawing(found),
    )
