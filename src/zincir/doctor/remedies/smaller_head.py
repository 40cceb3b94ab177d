"""A last layer with weights that are ten times smaller, and a bias of 0: it begins by guessing.

References: Karpathy, makemore, part 3 ("softmax confidently wrong").
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.autograd import no_grad
from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, remedy
from zincir.doctor.surgery import forget, layers, rehearsed
from zincir.nn import init
from zincir.tensor import Tensor

FACTORS = (0.1, 0.01)


@remedy("smaller_head", Cost.WEIGHTS, ("wrong_initial_loss",))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    head = layers(rehearsed(patient))[-1]
    for factor in FACTORS:
        code = f'head = model.get_submodule("{head.path}")\nhead.weight.data.mul_({factor})'
        if head.bias is not None:
            code += "\nnn.init.zeros_(head.bias)"
        yield Change(
            f"weights of {head.path} times {factor:g}",
            lambda patient, f=factor: _scale(patient, head.weight, head.bias, f),
            code,
        )


@no_grad()
def _scale(patient: Patient, weight: Tensor, bias: Tensor | None, factor: float) -> None:
    weight.mul_(factor)
    if bias is not None:
        init.zeros_(bias)
    forget(patient.optimizer, [t for t in (weight, bias) if t is not None])
