"""Picture: what a page shows of a training, as numbers: losses, gradients by layer, units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from zincir.doctor.anatomy import Place
from zincir.doctor.course import Activity, Array, Course, Reading
from zincir.doctor.rehearsal import Rehearsal

Series: TypeAlias = list[tuple[float, float]]
"""Pairs of a step and a number."""

COLUMNS = 120
"""Moments that are shown, of all that were measured."""
BINS = 24
MANY = 0.2
"""Of the units of an activation that are of no use: as the rules have it (T3)."""
NOTABLE = 0.05
"""Of the samples: an activation none of whose units is saturated more often is not shown."""


@dataclass(frozen=True)
class Histogram:
    """How often numbers fall between equal steps from one end to the other."""

    label: str
    counts: tuple[int, ...]
    low: float
    high: float
    note: str = ""
    bad: bool = False
    """Whether the note tells of something wrong."""


@dataclass(frozen=True)
class Picture:
    """What there is to be drawn; all of it may be empty."""

    losses: Mapping[str, Series] = field(default_factory=dict[str, Series])
    """By its name."""
    guessing: float | None = None
    """The loss of an answer that does not look at the input."""
    metrics: Mapping[str, Series] = field(default_factory=dict[str, Series])
    layers: Sequence[str] = ()
    """Nearest to the input first."""
    steps: Sequence[int] = ()
    flow: Sequence[Sequence[float]] = ()
    """By layer and step: the root of the mean square of the gradients that arrive."""
    updates: Mapping[str, Series] = field(default_factory=dict[str, Series])
    """By parameter: how long a step is, in lengths of the parameter."""
    units: Sequence[Histogram] = ()
    """By activation: of what share of the samples its units are active, or saturated."""
    spread: Sequence[Histogram] = ()
    """By layer: gradients of units, or of weights, as powers of ten."""


def picture_of(evidence: Any) -> Callable[[], Picture] | None:
    """What draws a picture later, of the evidence as it is now."""
    if isinstance(evidence, Rehearsal):
        drawn = _of_rehearsal(evidence)
        return lambda: drawn
    if not isinstance(evidence, Course):
        return None
    readings, epochs = evidence.readings, list(evidence.evaluations)
    baselines, names, steps = dict(evidence.baselines), evidence.weights, evidence.steps
    return lambda: _of_course(readings, epochs, baselines, names, steps)


def _of_course(
    readings: Sequence[Reading],
    epochs: Sequence[dict[str, float]],
    baselines: Mapping[str, float],
    names: Sequence[str],
    steps: int,
) -> Picture:
    sites = list(dict.fromkeys(s for r in readings for s in r.losses))
    several = len(sites) > 1
    losses = {
        f"loss at {s}" if several else "training loss": _thin(
            [(r.step, r.losses[s]) for r in readings if s in r.losses]
        )
        for s in sites
    }
    per_epoch = steps / max(1, len(epochs))
    ends = [(per_epoch * (n + 1), e) for n, e in enumerate(epochs)]
    validation = [(s, e["val_loss"]) for s, e in ends if "val_loss" in e]
    if validation:
        losses["validation loss"] = validation
    probed = _thin([r for r in readings if any(p.kind == "layer" for p in r.places)])
    layers = list(dict.fromkeys(p for r in probed for p in r.places if p.kind == "layer"))
    last = probed[-1] if probed else None
    guesses = list(baselines.values())
    return Picture(
        losses,
        guesses[0] if len(guesses) == 1 else None,
        _metrics(ends),
        _named(layers),
        [r.step for r in probed],
        [[_arrived(r.places.get(p)) for r in probed] for p in layers],
        _updates(readings, names),
        () if last is None else _units(last.places),
        () if last is None else _by_unit(last.places),
    )


_APART = ("epoch", "seconds", "lr", "loss", "val_loss")


def _metrics(ends: Sequence[tuple[float, dict[str, float]]]) -> dict[str, Series]:
    """What lies between 0 and 1 throughout: accuracy and its kin."""
    names = dict.fromkeys(n for _, e in ends for n in e if n not in _APART)
    found = {n: [(s, e[n]) for s, e in ends if n in e] for n in names}
    return {
        n.replace("val_", "validation ", 1): rows
        for n, rows in found.items()
        if all(0 <= v <= 1 for _, v in rows)
    }


def _of_rehearsal(seen: Rehearsal) -> Picture:
    layers = [(p, a) for p, a in seen.activities.items() if p.kind == "layer"]
    weights = [p for p in seen.parts if p.tensor.ndim > 1 and p.gradient is not None]
    return Picture(
        layers=_named([p for p, _ in layers]),
        steps=[0],
        flow=[[_arrived(a)] for _, a in layers],
        units=_units(seen.activities),
        spread=_powers([(p.name, np.abs(p.gradient).ravel()) for p in weights
                        if p.gradient is not None]),
    )  # fmt: skip


def _named(places: Sequence[Place]) -> list[str]:
    return [str(p) for p in places]


def _arrived(activity: Activity | None) -> float:
    if activity is None:
        return float("nan")
    return float(np.sqrt(np.mean(np.square(activity.gradient))))


def _thin(rows: list[Any]) -> list[Any]:
    """So many of them as can be shown, the first and the last among them."""
    if len(rows) <= COLUMNS:
        return rows
    return [rows[round(k * (len(rows) - 1) / (COLUMNS - 1))] for k in range(COLUMNS)]


def _updates(readings: Sequence[Reading], names: Sequence[str]) -> dict[str, Series]:
    found: dict[str, Series] = {}
    for name in names:
        rows = [(r.step, r.gauges[name]) for r in readings if name in r.gauges]
        series = [
            (float(s), g.update / g.value)
            for s, g in rows
            if g.value > 0 and np.isfinite(g.update) and g.update > 0
        ]
        if series:
            found[name] = _thin(series)
    return found


def _units(places: Mapping[Place, Activity]) -> list[Histogram]:
    found: list[Histogram] = []
    for place, activity in places.items():
        if place.kind == "layer":
            continue
        rectifies = place.kind == "relu"
        share = activity.active if rectifies else activity.saturated
        if not rectifies and share.max(initial=0.0) < NOTABLE:
            continue
        idle = int((share == 0).sum()) if rectifies else int((share > 0.95).sum())
        word = "never active" if rectifies else "saturated"
        counts, _ = np.histogram(share, bins=20, range=(0.0, 1.0))
        label = f"{place} ({place.kind})"
        note = f"{idle} of {place.units} {word}"
        bad = idle > MANY * place.units
        found.append(Histogram(label, tuple(counts.tolist()), 0.0, 1.0, note, bad))
    return found


def _by_unit(places: Mapping[Place, Activity]) -> list[Histogram]:
    return _powers([(str(p), a.gradient) for p, a in places.items() if p.kind == "layer"])


def _powers(arrays: Sequence[tuple[str, Array]]) -> list[Histogram]:
    """Sizes as powers of ten, all between the same ends."""
    logs = [(name, np.log10(a[(a > 0) & np.isfinite(a)])) for name, a in arrays]
    filled = [a for _, a in logs if a.size]
    if not filled:
        return []
    low = float(np.floor(min(np.quantile(a, 0.01) for a in filled)))
    high = float(max(low + 1, np.ceil(max(a.max() for a in filled))))
    found: list[Histogram] = []
    for (name, all_of_it), (_, a) in zip(arrays, logs, strict=True):
        counts, _ = np.histogram(np.clip(a, low, high), bins=BINS, range=(low, high))
        zeros = all_of_it.size - a.size
        note = f"{zeros} of {all_of_it.size} exactly 0" if zeros else ""
        bad = zeros > all_of_it.size / 2
        found.append(Histogram(name, tuple(counts.tolist()), low, high, note, bad))
    return found
