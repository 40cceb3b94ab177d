"""How large the gradient is that arrives at each layer, on the way back from the loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from zincir.explanation.folding import Group
from zincir.explanation.steps import Chain, Step
from zincir.page import flow_word


@dataclass(frozen=True, eq=False)
class Arrival:
    """What arrives at a layer with parameters.

    Attributes:
        layer: its path; group: what it is in a page.
        rms: of the gradient of its output.
        ratio: that, divided by what arrives at the last layer.
        weights: the rms of its parameters' gradients, by name.
    """

    layer: str
    group: str
    rms: float
    ratio: float
    weights: dict[str, float]
    finite: bool = True

    @property
    def word(self) -> str:
        """Whether it is vanishing, small, healthy, large or exploding, in the doctor's words."""
        if not self.finite:
            return "not finite"
        return "none" if math.isnan(self.ratio) else flow_word(self.ratio)


def arrivals(chain: Chain, whole: Group) -> list[Arrival]:
    """Layers with parameters, the last one first."""
    outputs = [(g, s) for g in whole.groups() if (s := _output(chain, g)) is not None]
    rms = [s.gradient.rms if s.gradient is not None else 0.0 for _, s in outputs]
    last = rms[-1] if rms else 0.0
    found: list[Arrival] = []
    for (group, step), size in zip(outputs, rms, strict=True):
        ratio = size / last if last else math.nan
        weights = {s.name: s.gradient.rms for s in _trained(group) if s.gradient is not None}
        finite = step.gradient is None or step.gradient.finite
        found.append(Arrival(group.layer, group.path, size, ratio, weights, finite))
    return found[::-1]


def _trained(group: Group) -> Sequence[Step]:
    """Its own parameters, not those of layers inside of it."""
    found: list[Step] = []
    for child in group.children:
        if isinstance(child, Step):
            found += [child] * (child.role == "trained")
        elif not child.layer:
            found += _trained(child)
    return found


def _output(chain: Chain, group: Group) -> Step | None:
    """What a layer with parameters of its own gives."""
    if not group.layer or not _trained(group):
        return None
    inside = {step.number for step in group.steps()}
    for step in reversed(list(group.steps())):
        users = chain.users_of.get(step.number, ())
        if step is chain.loss or any(use.user not in inside for use in users):
            return step
    return None
