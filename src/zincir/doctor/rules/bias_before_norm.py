"""A bias in front of a normalisation that takes it away again.

BatchNorm and InstanceNorm subtract the mean of each channel. A bias is the same for all samples,
so it is in the mean and vanishes: its gradient is 0 up to rounding. It costs memory and a little
time, and does no harm.

Read off the step: the layer's outputs are what the normalisation gets, and the layer has a bias.

When it is not this: LayerNorm takes the mean over features, so that a bias before it counts.
Biases that were loaded with a saved model may stay.

References: Ioffe and Szegedy (2015), section 3.2; torch-audit, NeuraLint (TOSEM 2021).
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule
from zincir.nn import Module


@rule(
    "S12",
    "bias_before_norm",
    Severity.INFO,
    reads=Rehearsal,
    cause="layers have a bias unless they are told otherwise",
    remedies=("bias=False in the layer before the normalisation",),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    made = {
        id(c.outputs[0]): c for c in seen.first.calls if len(c.outputs) == 1 and _biased(c.module)
    }
    before = [
        made[id(c.inputs[0])]
        for c in seen.first.calls
        if c.inputs and _centres(c.module) and id(c.inputs[0]) in made
    ]
    if before:
        layers = list(dict.fromkeys(c.where for c in before))
        yield found(
            f"{len(layers)} layer{'s' if len(layers) > 1 else ''} in front of a normalisation "
            "with a bias that it takes away",
            where=layers[0],
            evidence={"layers": layers},
        )


def _biased(module: Module) -> bool:
    own = dict(module.named_parameters(recurse=False))
    return "bias" in own and "weight" in own and own["weight"].ndim >= 2


def _centres(module: Module) -> bool:
    name = type(module).__name__
    return module.training and ("BatchNorm" in name or "InstanceNorm" in name)
