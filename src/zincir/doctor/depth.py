"""Gradients across the depth of a net: the judgement that two rules share (I3, I9)."""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found

FEWEST = 4
"""Layers below which a factor is no matter of depth."""


def across_depth(seen: Rehearsal, found: Found, bound: float, *, grows: bool) -> Iterator[Finding]:
    """A finding if what arrives at the first layer is beyond `bound` times that at the last."""
    signals = seen.signals
    if signals is None or len(signals[0]) < FEWEST:
        return
    layers, _, arrived = signals
    gain = arrived[0] / arrived[-1]
    if gain >= bound if grows else 0 < gain <= bound:
        factor, way = (gain, "larger") if grows else (1 / gain, "smaller")
        yield found(
            f"what arrives at the first layer is {factor:.2g} times {way} than at the last",
            where=layers[0].where,
            origin=layers[0].origin,
            evidence={"gradient, first / last layer": gain, "layers": len(layers)},
            confidence=0.8,
        )
