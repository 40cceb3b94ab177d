"""ReLU in place of sigmoid and tanh between the layers.

The slope of a sigmoid is a quarter at most, that of a tanh below 1 nearly everywhere; that of a
ReLU is 1 wherever it lets something through, so that gradients keep their size through many layers.
First with the weights as they are, then with weights drawn for ReLU.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.doctor.surgery import (
    code_of_drawing,
    draw_for_activations,
    hidden,
    layers,
    once,
    put,
    rehearsed,
)
from zincir.nn import ReLU


@remedy("relu", Cost.ACTIVATION, ("vanishing_gradient", "saturated_activation"))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    seen = rehearsed(patient)
    found = hidden(layers(seen))
    paths = once(layer.activation for layer in found if layer.kind in ("sigmoid", "tanh"))
    if not paths:
        raise NotApplicable("no sigmoid or tanh between layers is a module of its own")
    code = "\n".join(f'model.set_submodule("{path}", nn.ReLU())' for path in paths)
    what = f"ReLU at {_listed(paths)}"
    yield Change(what, lambda patient: _replace(patient, paths), code)

    def drawn(patient: Patient) -> None:
        _replace(patient, paths)
        draw_for_activations(patient)

    for layer in found:
        layer.kind = "relu" if layer.activation in paths else layer.kind
    yield Change(f"{what}, weights drawn for it", drawn, f"{code}\n{code_of_drawing(found)}")


def _replace(patient: Patient, paths: list[str]) -> None:
    for path in paths:
        put(patient, path, ReLU())


def _listed(paths: list[str]) -> str:
    return ", ".join(paths[:4]) + (f" and {len(paths) - 4} more" if len(paths) > 4 else "")
