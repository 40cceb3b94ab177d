"""Precision and recall of detections, and their means, as the COCO benchmark defines them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from zincir.metrics.coco_matching import Boxes, Matches, matched

Array: TypeAlias = np.ndarray[Any, Any]
AREAS = ("all", "small", "medium", "large")
RANGES = np.array([[0, 1e5**2], [0, 32**2], [32**2, 96**2], [96**2, 1e5**2]], np.float64)
"""Of pixels; a box of exactly 32² is small and medium."""


@dataclass(frozen=True)
class CocoEvaluation:
    """pycocotools' arrays, with -1 where there is nothing to be found.

    Axes: IoU thresholds T, recalls R, classes K, areas (all, small, medium, large), and the largest
    numbers of detections M.
    """

    precision: Array
    """(T, R, K, 4, M)"""
    recall: Array
    """(T, K, 4, M)"""
    scores: Array
    """(T, R, K, 4, M): of the detection at which the recall is reached."""
    classes: Array
    iou_thresholds: Array
    max_detections: tuple[int, ...]

    def mean(
        self,
        what: str = "precision",
        area: str = "all",
        most: int | None = None,
        iou: float | None = None,
    ) -> float:
        """The mean of "precision" or "recall" over thresholds and classes; -1 if there is nothing.

        Args:
            what: "precision" or "recall".
            area: "all", "small", "medium" or "large".
            most: the number of detections, one of `max_detections`; by default the largest.
            iou: the mean for one IoU threshold.
        """
        found: Array = getattr(self, what)[..., AREAS.index(area), :]
        most = self.max_detections[-1] if most is None else most
        found = found[..., [i for i, m in enumerate(self.max_detections) if m == most]]
        if iou is not None:
            found = found[np.flatnonzero(self.iou_thresholds == iou)]
        there = found[found > -1]
        return float(np.mean(there)) if there.size else -1.0

    @property
    def stats(self) -> Array:
        """The twelve numbers that pycocotools' `summarize` prints, for three `max_detections`."""
        few, some, many = self.max_detections
        means = [
            self.mean(most=100),
            self.mean(iou=0.5),
            self.mean(iou=0.75),
            *(self.mean(area=area) for area in AREAS[1:]),
            *(self.mean("recall", most=most) for most in (few, some, many)),
            *(self.mean("recall", area) for area in AREAS[1:]),
        ]
        return np.array(means)


def evaluated(
    true: Boxes,
    found: Boxes,
    classes: Array,
    iou_thresholds: Array,
    recalls: Array,
    max_detections: Sequence[int],
) -> CocoEvaluation:
    """Match detections, and follow precision over recall.

    Args:
        true: the true boxes.
        found: the detections.
        classes: the names of the classes, which boxes number from 0.
        iou_thresholds: from which on a detection is right.
        recalls: at which precision is read.
        max_detections: of an image and class, in increasing order.
    """
    most = max_detections[-1]
    matches = matched(true, found, len(classes), RANGES, iou_thresholds, most)
    shape = len(iou_thresholds), len(recalls), len(classes), len(AREAS), len(max_detections)
    precision, scores = -np.ones(shape), -np.ones(shape)
    recall = -np.ones((shape[0], *shape[2:]))
    ends = np.searchsorted(matches.kind, np.arange(len(classes) + 1))
    for k in range(len(classes)):
        mine = slice(ends[k], ends[k + 1])
        order = ends[k] + np.argsort(-matches.scores[mine], kind="stable")
        for m, limit in enumerate(max_detections):
            kept = order if limit == most else order[matches.rank[order] < limit]
            for a in range(len(AREAS)):
                if matches.positives[a, k]:
                    curve = _curve(matches, a, kept, int(matches.positives[a, k]), recalls)
                    precision[:, :, k, a, m], scores[:, :, k, a, m], recall[:, k, a, m] = curve
    limits = tuple(max_detections)
    return CocoEvaluation(precision, recall, scores, classes, iou_thresholds, limits)


def _curve(
    matches: Matches, area: int, order: Array, positives: int, recalls: Array
) -> tuple[Array, Array, Array]:
    """Precision and score at each recall, (T, R), and the recall that is reached, (T,)."""
    right, ignored = matches.right[area][:, order], matches.ignored[area][:, order]
    counted = ~ignored
    hits = np.cumsum(right & counted, axis=1).astype(np.float64)
    misses = np.cumsum(~right & counted, axis=1).astype(np.float64)
    steps = len(hits)
    precision, scores = np.zeros((2, steps, len(recalls)))
    if not len(order):
        return precision, scores, np.zeros(steps)
    reached = hits / positives
    # 2.2e-16 is what makes 0 of 0 a 0; and a single hit 0.9999999999999998.
    share = hits / (misses + hits + np.spacing(1))
    share = np.maximum.accumulate(share[:, ::-1], axis=1)[:, ::-1]
    for t in range(steps):
        places = np.searchsorted(reached[t], recalls, side="left")
        places = places[: np.searchsorted(places, len(order))]  # what is not reached stays 0
        precision[t, : len(places)] = share[t, places]
        scores[t, : len(places)] = matches.scores[order[places]]
    return precision, scores, reached[:, -1]
