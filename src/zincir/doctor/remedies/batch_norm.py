"""BatchNorm before the activations; LayerNorm where it does not fit, or where it is better.

What enters an activation gets a mean of 0 and a deviation of 1, whatever the weights are: signals
and gradients keep their size through many layers. Parameters keep their names where the activation
is a module of its own.

References: Ioffe and Szegedy (2015); Ba, Kiros and Hinton (2016) for LayerNorm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.doctor.surgery import Layer, hidden, layers, put, rehearsed
from zincir.nn import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Conv1d,
    Conv2d,
    Conv3d,
    GroupNorm,
    LayerNorm,
    Sequential,
)

_OF: Any = {Conv1d: BatchNorm1d, Conv2d: BatchNorm2d, Conv3d: BatchNorm3d}


@remedy(
    "batch_norm",
    Cost.NORMALISATION,
    (
        "exploding_gradient",
        "vanishing_gradient",
        "bad_initialisation",
        "saturated_activation",
        "dead_relu",
        "loss_not_decreasing",
    ),
)
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    every = layers(rehearsed(patient))
    times = Counter(x.activation for x in every)
    found = [  # an activation that several layers share stays as it is
        x if times[x.activation] == 1 else replace(x, activation="")
        for x in hidden(every)
        if not x.normalised
    ]
    if not found:
        raise NotApplicable("there is a normalisation behind every layer")
    for batch in (True, False):
        kinds = [_norm(layer, batch) for layer in found]
        if batch and all("Batch" not in text for _, _, text in kinds):
            continue
        names = ", ".join(dict.fromkeys(text.partition("(")[0] for _, _, text in kinds))
        code = "\n".join(_code(x, text) for x, (_, _, text) in zip(found, kinds, strict=True))
        yield Change(
            f"{names} behind {len(found)} layers",
            lambda patient, batch=batch: _insert(patient, found, batch),
            code,
        )


def _norm(layer: Layer, batch: bool) -> tuple[Any, tuple[Any, ...], str]:
    """The class of a normalisation, its arguments, and both as text."""
    n, convolved = layer.units, type(layer.module) in _OF
    if batch and convolved:
        kind: Any = _OF[type(layer.module)]
        return kind, (n,), f"{kind.__name__}({n})"
    if batch and layer.axes == 2:
        return BatchNorm1d, (n,), f"BatchNorm1d({n})"
    if convolved:
        return GroupNorm, (1, n), f"GroupNorm(1, {n})"
    return LayerNorm, (n,), f"LayerNorm({n})"


def _insert(patient: Patient, found: list[Layer], batch: bool) -> None:
    for layer in found:
        kind, arguments, _ = _norm(layer, batch)
        path = layer.activation or layer.path
        there = patient.model.get_submodule(path)
        norm = kind(*arguments)
        put(patient, path, Sequential(norm, there) if layer.activation else Sequential(there, norm))


def _code(layer: Layer, text: str) -> str:
    path = layer.activation or layer.path
    there = f'model.get_submodule("{path}")'
    inner = f"nn.{text}, {there}" if layer.activation else f"{there}, nn.{text}"
    return f'model.set_submodule("{path}", nn.Sequential({inner}))'
