"""Mean average precision of detections: the COCO benchmark's, equal to pycocotools bit for bit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.metrics.coco_evaluation import AREAS, CocoEvaluation, evaluated
from zincir.metrics.coco_files import CocoAnnotations, is_dictionary, read_annotations, read_results
from zincir.metrics.coco_matching import Boxes
from zincir.metrics.metric import Collected
from zincir.metrics.of_classes import setting
from zincir.tensor import Tensor, from_array
from zincir.types import DType, float64, int64

Array: TypeAlias = np.ndarray[Any, Any]
FORMATS = ("xyxy", "xywh", "cxcywh")


class MeanAveragePrecision(Collected):
    """How well boxes were found, over IoU thresholds, classes and sizes: COCO's mAP.

    Precision is read at 101 recalls, without interpolation; its mean over recalls, classes and IoU
    thresholds 0.5, 0.55, ..., 0.95 is "map". All arrays are those of pycocotools to the bit, given
    the same numbers. Of equal scores those of earlier images come first, and in an image those that
    were given first.

    A batch is a dictionary for each image, of arrays or tensors: predictions have "boxes" (n, 4),
    "scores" (n,) and "labels" (n,); targets have "boxes" and "labels", and perhaps "iscrowd" (n,)
    and "area" (n,), which is width times height else.

    `compute` gives a dictionary: "map", "map_50", "map_75", "map_small", "map_medium", "map_large";
    "mar_1", "mar_10", "mar_100" (mean recalls with so many detections of an image and class),
    "mar_small", "mar_medium", "mar_large"; "classes", "map_per_class" and "mar_100_per_class". What
    does not exist is NaN. `evaluate` gives pycocotools' arrays.

    Args:
        box_format: "xyxy", "xywh" or "cxcywh".
        iou_thresholds: from which on a detection is right; 0.5, 0.55, ..., 0.95 by default.
        recalls: at which precision is read; 0, 0.01, ..., 1 by default.
        max_detections: of an image and class: three numbers in increasing order.
        only: the one value that `compute` is to give.

    Example:
        >>> metric = MeanAveragePrecision()
        >>> metric.update(
        ...     [{"boxes": [[10.0, 10.0, 50.0, 50.0]], "scores": [0.9], "labels": [1]}],
        ...     [{"boxes": [[10.0, 10.0, 50.0, 46.0]], "labels": [1]}],
        ... )
        >>> round(metric.compute()["map"].item(), 4)
        0.9
    """

    higher_is_better = True
    while_training = False
    keeps: ClassVar[Mapping[str, DType]] = {
        "images": int64,
        "classes": int64,
        "true_boxes": float64,
        "true_areas": float64,
        "true_images": int64,
        "true_labels": int64,
        "true_extra": int64,
        "boxes": float64,
        "scores": float64,
        "box_images": int64,
        "labels": int64,
    }

    def __init__(
        self,
        box_format: str = "xyxy",
        iou_thresholds: Sequence[float] | None = None,
        recalls: Sequence[float] | None = None,
        max_detections: Sequence[int] = (1, 10, 100),
        only: str | None = None,
        name: str | None = None,
    ) -> None:
        if box_format not in FORMATS:
            what = f"MeanAveragePrecision: there is no format {box_format!r}"
            raise setting(what, ", ".join(FORMATS))
        limits = tuple(max_detections)
        if len(limits) != 3 or list(limits) != sorted(set(limits)) or limits[0] < 1:
            what = "MeanAveragePrecision: max_detections are no three limits"
            raise setting(
                what, "three numbers in increasing order, such as (1, 10, 100)", str(limits)
            )
        self.box_format, self.max_detections = box_format, limits
        self.iou_thresholds = _in_order("iou_thresholds", iou_thresholds)
        self.recalls = _in_order("recalls", recalls)
        self.only = only
        super().__init__(name or only or "map")
        if only is not None and only not in self._names():
            what = f"MeanAveragePrecision: there is no value {only!r}"
            raise setting(what, ", ".join(self._names()))

    @classmethod
    def from_coco(cls, annotations: Any, results: Any, **settings: Any) -> MeanAveragePrecision:
        """The metric of results in COCO's form: what pycocotools' COCOeval evaluates.

        Args:
            annotations: a file, or its content: a dictionary with "images", "annotations" and
                "categories".
            results: a file, or its content: a list of dictionaries with "image_id", "category_id",
                "bbox" (x, y, width, height) and "score".
            settings: of the metric.

        Raises:
            ArgumentError: ids that repeat or that there are not, boxes that are none, scores that
                are NaN.

        Example:
            >>> annotations = {
            ...     "images": [{"id": 7}], "categories": [{"id": 3}],
            ...     "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "area": 1600,
            ...                      "bbox": [10, 10, 40, 40], "iscrowd": 0}],
            ... }
            >>> found = {"image_id": 7, "category_id": 3, "bbox": [10, 10, 40, 40], "score": 0.9}
            >>> metric = MeanAveragePrecision.from_coco(annotations, [found])
            >>> round(metric.compute()["map"].item(), 6)
            1.0
        """
        given: dict[str, Any] = {"box_format": "xywh", **settings}
        metric = cls(**given)
        known = read_annotations(annotations)
        metric._take(known, read_results(results, known))
        return metric

    # Batches --------------------------------------------------------------------------------------

    def see(self, predictions: Any, targets: Any) -> None:
        """A dictionary of boxes for each image."""
        predictions = [predictions] if is_dictionary(predictions) else list(predictions)
        targets = [targets] if is_dictionary(targets) else list(targets)
        if len(predictions) != len(targets):
            got = f"{len(predictions)} of predictions, {len(targets)} of targets"
            raise setting("MeanAveragePrecision: a dictionary for each image", got=got)
        found = [self._image("predictions", i, x) for i, x in enumerate(predictions)]
        true = [self._image("targets", i, x) for i, x in enumerate(targets)]
        columns = {
            "true_boxes": ("boxes", true),
            "true_areas": ("area", true),
            "true_labels": ("labels", true),
            "true_extra": ("iscrowd", true),
            "boxes": ("boxes", found),
            "scores": ("scores", found),
            "labels": ("labels", found),
        }
        start = self._images_seen()
        for side, images in (("true_images", true), ("box_images", found)):
            counts = [len(x["labels"]) for x in images]
            columns[side] = (
                "images",
                [{"images": np.repeat(np.arange(len(counts)) + start, counts)}],
            )
        empty = {"boxes": np.zeros((0, 4))}
        sums = {
            name: np.concatenate([empty.get(key, np.zeros(0)), *(x[key] for x in images)])
            for name, (key, images) in columns.items()
        }
        classes = np.unique(np.concatenate([sums["labels"], sums["true_labels"]]))
        self.add(images=np.array([len(true)]), classes=classes, **sums)

    def _image(self, side: str, number: int, given: Any) -> dict[str, Array]:
        """The arrays of an image, checked; boxes as x, y, width, height."""
        true = side == "targets"
        needed = ("boxes", "labels") if true else ("boxes", "scores", "labels")
        if not is_dictionary(given) or not set(needed) <= set(given):
            got = (
                f"keys {sorted(map(str, given))}" if is_dictionary(given) else type(given).__name__
            )
            raise self._wrong(side, number, f"a dictionary with {', '.join(needed)}", got)
        array = {str(k): _array(v) for k, v in given.items()}
        boxes = array["boxes"].reshape(0, 4) if not array["boxes"].size else array["boxes"]
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise self._wrong(side, number, "boxes of shape (n, 4)", str(boxes.shape))
        for key in ("labels", "scores", "area", "iscrowd"):
            if key in array and array[key].shape != boxes.shape[:1]:
                raise self._wrong(side, number, f"{len(boxes)} {key}", str(array[key].shape))
        if array["labels"].size and array["labels"].dtype.kind not in "iub":
            raise self._wrong(side, number, "whole numbers as labels", str(array["labels"].dtype))
        boxes = self._sizes(side, number, boxes.astype(np.float64))
        found = {"boxes": boxes, "labels": array["labels"].astype(np.int64)}
        if not true:
            if np.isnan(array["scores"].astype(np.float64)).any():
                place = int(np.isnan(array["scores"].astype(np.float64)).argmax())
                raise self._wrong(
                    side, number, "scores that are numbers", f"scores[{place}] is NaN"
                )
            return {**found, "scores": array["scores"]}
        area = array.get("area", boxes[:, 2] * boxes[:, 3]).astype(np.float64)
        if not (area >= 0).all():
            raise self._wrong(side, number, "areas of 0 or more", str(area[~(area >= 0)][0]))
        crowd = array.get("iscrowd", np.zeros(len(boxes))) != 0
        return {**found, "area": area, "iscrowd": crowd.astype(np.int64)}

    def _sizes(self, side: str, number: int, boxes: Array) -> Array:
        first, second = boxes[:, :2], boxes[:, 2:]
        sizes = second - first if self.box_format == "xyxy" else second
        corners = first - second / 2 if self.box_format == "cxcywh" else first
        wrong = ~np.isfinite(boxes).all(1) | (sizes < 0).any(1)
        if side == "targets":
            wrong |= (sizes == 0).any(1)
        if wrong.any():
            place = int(wrong.argmax())
            wanted = "width and height above 0" if side == "targets" else "x1 <= x2 and y1 <= y2"
            got = f"boxes[{place}] = {boxes[place].tolist()} ({self.box_format})"
            raise self._wrong(side, number, wanted, got)
        return np.concatenate([corners, sizes], 1)

    def _wrong(self, side: str, number: int, expected: str, got: str) -> ArgumentError:
        what = f"MeanAveragePrecision: {side} of image {number} of this batch"
        return ArgumentError(explain(what, where=user_line(), expected=expected, got=got))

    def _take(self, known: CocoAnnotations, found: Mapping[str, Array]) -> None:
        """Take in what files say."""
        self.add(
            images=np.array([len(known.images)]), classes=known.classes, **known.boxes, **found
        )

    def _images_seen(self) -> int:
        return int(self.kept("images").sum()) if self._has_seen() else 0

    def join(self, sums: Mapping[str, Tensor]) -> None:
        """Take in what another metric has seen: its images come behind those of this one."""
        if not sums:
            return
        start = self._images_seen()
        moved = {k: sums[k] + start for k in ("true_images", "box_images")}
        self.add(**{**sums, **moved})

    # Values ---------------------------------------------------------------------------------------

    def evaluate(self) -> CocoEvaluation:
        """The arrays `precision`, `recall` and `scores` of pycocotools, and its twelve `stats`.

        Example:
            >>> MeanAveragePrecision().evaluate().stats.tolist() == [-1.0] * 12
            True
        """
        kept: dict[str, Array] = {}
        for name, dtype in self.keeps.items():
            nothing: Any = np.zeros((0, 4) if name.endswith("boxes") else 0, dtype.memory)
            kept[name] = self.kept(name) if self._has_seen() else nothing
        classes = np.unique(kept["classes"])
        true = Boxes(
            kept["true_boxes"],
            kept["true_areas"],
            kept["true_images"],
            np.searchsorted(classes, kept["true_labels"]),
            kept["true_extra"],
        )
        boxes: Array = kept["boxes"]
        number = np.searchsorted(classes, kept["labels"])
        found = Boxes(boxes, boxes[:, 2] * boxes[:, 3], kept["box_images"], number, kept["scores"])
        # pycocotools' expressions: numbers written out would be others, here and there.
        thresholds, recalls = np.linspace(0.5, 0.95, 10), np.linspace(0.0, 1.0, 101)
        if self.iou_thresholds is not None:
            thresholds = np.array(self.iou_thresholds)
        if self.recalls is not None:
            recalls = np.array(self.recalls)
        return evaluated(true, found, classes, thresholds, recalls, self.max_detections)

    def _names(self) -> list[str]:
        sizes = [f"{what}_{area}" for what in ("map", "mar") for area in AREAS[1:]]
        return ["map", "map_50", "map_75", *sizes, *(f"mar_{most}" for most in self.max_detections)]

    def value(self) -> Any:
        found = self.evaluate()
        means = {
            "map": found.mean(),
            "map_50": found.mean(iou=0.5),
            "map_75": found.mean(iou=0.75),
            **{f"map_{area}": found.mean(area=area) for area in AREAS[1:]},
            **{f"mar_{most}": found.mean("recall", most=most) for most in self.max_detections},
            **{f"mar_{area}": found.mean("recall", area) for area in AREAS[1:]},
        }
        values = {k: from_array(np.array(math.nan if v == -1 else v)) for k, v in means.items()}
        if self.only is not None:
            return values[self.only]
        values["classes"] = from_array(found.classes)
        values["map_per_class"] = from_array(_by_class(found.precision[:, :, :, 0, -1], 2))
        last = f"mar_{self.max_detections[-1]}_per_class"
        values[last] = from_array(_by_class(found.recall[:, :, 0, -1], 1))
        return values

    def empty(self) -> Any:
        """NaN for every value."""
        return self.value()

    def _has_seen(self) -> bool:
        return "images" in self._kept


def _by_class(found: Array, axis: int) -> Array:
    """Means over all other axes; NaN for classes of which there is nothing."""
    rows = np.moveaxis(found, axis, 0)
    others = tuple(range(1, rows.ndim))
    return np.where((rows == -1).any(others), math.nan, rows.mean(others))


def _array(value: Any) -> Array:
    return value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)


def _in_order(name: str, given: Sequence[float] | None) -> tuple[float, ...] | None:
    if given is None:
        return None
    found = np.asarray(given, np.float64)
    within = found.ndim == 1 and found.size and ((found >= 0) & (found <= 1)).all()
    if not within or (np.diff(found) <= 0).any():
        what = f"MeanAveragePrecision: {name} are no rising numbers from 0 to 1"
        raise setting(what, got=str(given))
    return tuple(found.tolist())
