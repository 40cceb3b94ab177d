"""Another share of dropout: less where it drops everything, more where a net learns by heart.

A share of 1.0 lets nothing through; 0.0 is no regularisation. Between them a layer learns not to
rely on single units. Only layers `nn.Dropout` and its kin are set.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy

LESS = (0.5, 0.2, 0.0)
MORE = (0.2, 0.5)


@remedy("dropout", Cost.SETTING, ("dropout_everything", "underfitting", "overfitting"))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    found: dict[str, float] = {
        name: float(m.__dict__["p"])
        for name, m in patient.model.named_modules()
        if "Dropout" in type(m).__name__ and isinstance(m.__dict__.get("p"), int | float)
    }
    if not found:
        raise NotApplicable("there is no layer of dropout")
    more = finding.symptom == "overfitting"
    for p in MORE if more else LESS:
        some = {n: now for n, now in found.items() if (now < p if more else now > p)}
        if finding.symptom == "dropout_everything":
            some = {n: now for n, now in found.items() if now >= 1}
        if some:
            yield Change(
                f"dropout of {', '.join(f'{n} {now:g}' for n, now in some.items())} -> {p:g}",
                lambda patient, some=some, p=p: _set(patient, list(some), p),
                "\n".join(f'model.get_submodule("{name}").p = {p}' for name in some),
            )


def _set(patient: Patient, names: list[str], p: float) -> None:
    for name in names:
        layer: Any = patient.model.get_submodule(name)
        layer.p = p
