"""Images with boxes as arrays of one size, which a detector is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from zincir.data.augment import Boxes, pad_boxes
from zincir.data.augment.boxes import ABSENT
from zincir.data.detection import Letterboxed, Target
from zincir.tensor import Tensor

AT_ONCE = 64
"""Images that are read and brought to size together."""


class DetectionArrays(NamedTuple):
    """Images, their boxes, and how large they were."""

    images: npt.NDArray[np.uint8]
    """(N, 3, size, size)"""
    boxes: Boxes
    """Labels of crowds are -2 - class: no loss counts them, as it counts no other below 0."""
    sizes: npt.NDArray[np.int64]
    """(N, 2): height and width."""


def detection_arrays(
    dataset: Any, size: int, indices: Sequence[int] | None = None
) -> DetectionArrays:
    """Samples of a data set of images with boxes, brought to one size by `Letterboxed`.

    Args:
        dataset: `CocoDataset`, `YoloDataset`, `Scenes` or the like.
        size: of the sides, in pixels.
        indices: which samples; None: all.

    Example:
        >>> from zincir.data import Scenes
        >>> found = detection_arrays(Scenes(3, size=48, source="digits"), 64)
        >>> found.images.shape, found.boxes.places.shape[0], found.sizes.tolist()[0]
        ((3, 3, 64, 64), 3, [48, 48])
    """
    chosen = list(range(len(dataset)) if indices is None else indices)
    fit = Letterboxed(size)
    images = np.zeros((len(chosen), 3, size, size), np.uint8)
    targets: list[Target] = []
    for start in range(0, len(chosen), AT_ONCE):
        for image, target in _samples(dataset, chosen[start : start + AT_ONCE]):
            images[len(targets)], fitted = fit(image, target)
            targets.append(fitted)
    most = max([1, *(len(target["labels"]) for target in targets)])
    boxes = pad_boxes([_with_crowds(target) for target in targets], most)
    sizes = np.array([target["orig_size"] for target in targets], np.int64).reshape(-1, 2)
    return DetectionArrays(images, boxes, sizes)


def _samples(dataset: Any, indices: list[int]) -> list[Any]:
    together = getattr(dataset, "__getitems__", None)
    return [dataset[i] for i in indices] if together is None else together(indices)


def _with_crowds(target: Target) -> Target:
    labels = np.asarray(target["labels"])
    crowd = np.asarray(target.get("iscrowd", np.zeros(labels.shape)), bool)
    return {"boxes": target["boxes"], "labels": np.where(crowd, ABSENT - 1 - labels, labels)}


def true_boxes(boxes: Any) -> list[dict[str, Any]]:
    """Boxes of a batch as metrics want them: for each image "boxes", "labels" and "iscrowd".

    Example:
        >>> found = pad_boxes([{"boxes": [[0, 0, 2, 4], [0, 0, 9, 9]], "labels": [5, -2]}], count=3)
        >>> found = true_boxes(found)[0]
        >>> found["labels"].tolist(), found["iscrowd"].tolist()
        ([5, 0], [False, True])
    """
    places, labels = _array(boxes[0]), _array(boxes[1])
    found: list[dict[str, Any]] = []
    for place, label in zip(places, labels, strict=True):
        there = label != ABSENT
        kinds, crowd = label[there], label[there] < ABSENT
        kinds[crowd] = ABSENT - 1 - kinds[crowd]
        found.append({"boxes": place[there], "labels": kinds, "iscrowd": crowd})
    return found


def _array(values: Any) -> npt.NDArray[Any]:
    return values.detach().numpy() if isinstance(values, Tensor) else np.asarray(values)
