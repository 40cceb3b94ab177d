"""The metric gets worse while the loss gets better, or the other way round.

The loss is trained for, the metric is wanted. If one of them goes up and down with the other the
wrong way, training does not do what is wanted: the metric may be computed of something else
(another order of samples, probabilities where logits are, a threshold that does not fit), or the
loss may ask for something else (rare classes that hardly count).

Judged over at least eight evaluations, of accuracy and its kin, where more is better: both have
a trend that is hardly chance, and the trends contradict each other.

When it is not this: a loss that rises late while the accuracy rises too says that the net is too
sure of itself: a matter of calibration. That is this finding as well, and an info for that
reason.

References: TheDeepChecker (TOSEM 2022) asks for a correlation of a half; Guo et al., "On
calibration of modern neural networks" (2017); Mann (1945) and Kendall (1975) for what is a
trend.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import FALLS, Course, trend
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

FEWEST = 8
BETTER = ("accuracy", "f1", "precision", "recall", "auc", "iou", "dice", "map", "r2")
"""Words in the names of metrics of which more is better."""


@rule(
    "G5",
    "metric_disagrees",
    Severity.INFO,
    reads=Course,
    cause="a metric that looks at something else than the loss, or a net that is too sure",
    remedies=(
        "compute the metric by hand on a few samples",
        "class weights, if the metric counts rare classes as much as others",
        "label smoothing or a temperature, if the accuracy rises with the loss",
    ),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    names = dict.fromkeys(name for e in seen.evaluations for name in e)
    for prefix in ("val_", ""):
        own = [n for n in names if n.startswith(prefix) and _more_is_better(n[len(prefix) :])]
        for name in own:
            finding = _compared(seen, name, f"{prefix}loss", found)
            if finding is not None:
                yield finding
                return


def _more_is_better(name: str) -> bool:
    words = name.lower().split("_")
    return words[0] != "val" and any(word in BETTER for word in words)


def _compared(seen: Course, name: str, loss: str, found: Found) -> Finding | None:
    rows = [(e[loss], e[name]) for e in seen.evaluations if loss in e and name in e]
    values = np.array(rows).reshape(-1, 2)
    if len(values) < FEWEST or not np.isfinite(values).all():
        return None
    down, up = trend(values[:, 0]), trend(values[:, 1])
    if min(abs(down), abs(up)) < -FALLS or (down < 0) != (up < 0):
        return None
    way = "both fall" if down < 0 else "both rise"
    return found(
        f"{loss} and {name} contradict each other: {way}",
        step=seen.steps,
        evidence={
            f"{loss} at first": float(values[0, 0]), f"{loss} now": float(values[-1, 0]),
            f"{name} at first": float(values[0, 1]), f"{name} now": float(values[-1, 1]),
        },
        confidence=0.6,
    )  # fmt: skip
