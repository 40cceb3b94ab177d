"""GroupNorm in place of BatchNorm: it does not look at other samples, so their number is no matter.

References: Wu and He, "Group Normalization" (2018).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.doctor.surgery import forget, put
from zincir.nn import GroupNorm

GROUPS = 32
"""At most, and at least four channels in each: a group of one number would be 0."""


@remedy("group_norm", Cost.NORMALISATION, ("batchnorm_tiny_batch",))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    found: dict[str, tuple[int, int]] = {}
    for name, module in patient.model.named_modules():
        channels: Any = getattr(module, "num_features", None)
        if "BatchNorm" in type(module).__name__ and channels:
            found[name] = (math.gcd(GROUPS, channels // 4) if channels % 4 == 0 else 1), channels
    if not found:
        raise NotApplicable("there is no BatchNorm among the modules")

    def make(patient: Patient) -> None:
        for path, (groups, channels) in found.items():
            old = list(patient.model.get_submodule(path).parameters())
            put(patient, path, GroupNorm(groups, channels))
            forget(patient.optimizer, old)
            gone = {id(p) for p in old}
            for group in patient.optimizer.param_groups:
                group["params"][:] = [p for p in group["params"] if id(p) not in gone]

    lines = [f'model.set_submodule("{p}", nn.GroupNorm({g}, {n}))' for p, (g, n) in found.items()]
    yield Change(f"GroupNorm in place of {len(found)} BatchNorm", make, "\n".join(lines))
