"""Inputs that are standardised as the first thing the model does.

Each feature of a table or a series, each channel of images, has its mean taken off and is divided
by its deviation, both measured on what is trained on. It is part of the model, so that it is done
to whatever the model is asked, too; the same can be done to the data instead.

References: LeCun, Bottou, Orr and Mueller, "Efficient BackProp" (1998), section 4.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from zincir.creation import from_numpy
from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.doctor.surgery import leaves, put, rehearsed
from zincir.nn import Module, Sequential
from zincir.tensor import Tensor

SMALLEST = 1e-6
"""Of the size of a feature: a deviation below it is rounding, and the feature constant."""


class Standardise(Module):
    """(x - mean) / deviation.

    Args:
        mean, deviation: of features or channels, in a shape that is broadcast to the inputs'.

    Example:
        >>> import zincir
        >>> layer = Standardise(zincir.tensor([1.0, 10.0]), zincir.tensor([0.5, 5.0]))
        >>> layer(zincir.tensor([[2.0, 5.0]]))
        tensor([[ 2., -1.]])
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation


@remedy(
    "standardise",
    Cost.NORMALISATION,
    ("unnormalised_input", "saturated_activation", "exploding_gradient", "wrong_initial_loss"),
)
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    x: Any = patient.sample[0]
    seen = rehearsed(patient)
    if not isinstance(x, Tensor) or not x.is_floating_point() or x.ndim < 2:
        raise NotApplicable("the inputs are not one array of numbers")
    first = next((c for c in leaves(seen) if list(c.module.parameters(recurse=False))), None)
    if first is None or not first.where or "Norm" in type(first.module).__name__:
        raise NotApplicable("there is no layer that inputs enter, or it normalises them")
    if first.inputs[0].numel() != x.numel():
        raise NotApplicable("the first layer gets something else than the inputs")
    given = first.inputs[0].detach().clone().numpy()
    axes = _axes(first.module, given.ndim)
    mean, deviation = _statistics(given, axes)
    path = first.where

    def make(patient: Patient) -> None:
        layer = Standardise(from_numpy(mean), from_numpy(deviation))
        put(patient, path, Sequential(layer, patient.model.get_submodule(path)))

    yield Change(
        f"inputs standardised before {path}",
        make,
        "# to the data, for training and for whatever the model is asked:\n"
        f"mean, deviation = x.mean({axes}, keepdims=True), x.std({axes}, keepdims=True)\n"
        "x = (x - mean) / np.where(deviation > 0, deviation, 1)",
    )


def _axes(layer: Module, ndim: int) -> tuple[int, ...]:
    """What is measured over: samples and places, where a convolution has its channels before these;
    samples and whatever else comes before the features, for all other layers.
    """
    if "Conv" in type(layer).__name__:
        return (0, *range(2, ndim))
    return tuple(range(ndim - 1))


def _statistics(x: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    wide = np.where(np.isfinite(x), x, 0).astype(np.float64)
    mean, deviation = (f(wide, axis=axes, keepdims=True) for f in (np.mean, np.std))
    deviation = np.where(deviation > SMALLEST * np.abs(mean), deviation, 1.0)
    return mean.astype(x.dtype), deviation.astype(x.dtype)
