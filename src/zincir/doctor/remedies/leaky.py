"""LeakyReLU in place of ReLU: below 0 a tenth gets through, so that no unit is dead for ever."""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.doctor.surgery import hidden, layers, once, put, rehearsed
from zincir.nn import LeakyReLU, ReLU

SLOPE = 0.1


@remedy("leaky", Cost.ACTIVATION, ("dead_relu",))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    modules = dict(patient.model.named_modules())
    found = hidden(layers(rehearsed(patient)))
    paths = [p for p in once(x.activation for x in found) if isinstance(modules[p], ReLU)]
    if not paths:
        raise NotApplicable("no ReLU is a module of its own")

    def make(patient: Patient) -> None:
        for path in paths:
            put(patient, path, LeakyReLU(SLOPE))

    yield Change(
        f"LeakyReLU({SLOPE:g}) at {', '.join(paths)}",
        make,
        "\n".join(f'model.set_submodule("{path}", nn.LeakyReLU({SLOPE}))' for path in paths),
    )
