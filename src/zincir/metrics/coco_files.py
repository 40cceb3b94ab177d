"""Annotations and results in COCO's JSON form, as arrays."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line

Array: TypeAlias = np.ndarray[Any, Any]


class CocoAnnotations(NamedTuple):
    """What is known of a data set: ids in order, and its true boxes."""

    images: Array
    classes: Array
    boxes: dict[str, Array]


def read_annotations(given: Any) -> CocoAnnotations:
    """Images, classes and boxes of annotations.

    Raises:
        ArgumentError: ids that repeat, or that there are not; boxes that are none.
    """
    content = _content(given)
    if not is_dictionary(content) or not {"images", "annotations"} <= set(content):
        raise _wrong("annotations", "a dictionary with images, annotations and categories")
    images = _ids("images", [x["id"] for x in content["images"]])
    listed = list(content["annotations"])
    ids = np.array(_column("annotations", listed, "id"), np.int64)
    if len(np.unique(ids)) != len(ids):
        values, counts = np.unique(ids, return_counts=True)
        raise _wrong("annotations", "ids that differ", f"{int(values[counts.argmax()])} repeats")
    if (ids == 0).any():
        warnings.warn(
            "an annotation has the id 0: as in pycocotools, no detection can be right about it; "
            "number annotations from 1",
            stacklevel=6,
        )
    image, label, boxes = _places("annotations", listed)
    kinds = content.get("categories")
    classes = np.unique(label) if kinds is None else _ids("categories", [x["id"] for x in kinds])
    number = _numbers("annotations", images, image)
    crowd = np.array([int(x.get("iscrowd", 0)) for x in listed], np.int64)
    areas = [x.get("area", box[2] * box[3]) for x, box in zip(listed, boxes, strict=True)]
    kept = np.isin(label, classes)
    columns = {
        "true_boxes": boxes,
        "true_areas": np.array(areas, np.float64),
        "true_images": number,
        "true_labels": label,
        "true_extra": (crowd != 0) + 2 * (ids == 0),
    }
    return CocoAnnotations(images, classes, {k: v[kept] for k, v in columns.items()})


def read_results(given: Any, known: CocoAnnotations | None) -> dict[str, Array]:
    """Detections, as arrays by name.

    Raises:
        ArgumentError: images that there are not; boxes that are none; scores that are NaN.
    """
    content = _content(given)
    if is_dictionary(content) or not isinstance(content, Iterable):
        raise _wrong("results", "a list of dictionaries")
    listed: list[Any] = list(content)  # pyright: ignore[reportUnknownArgumentType]
    image, label, boxes = _places("results", listed)
    scores = np.array(_column("results", listed, "score"), np.float64)
    if np.isnan(scores).any():
        place = int(np.isnan(scores).argmax())
        raise _wrong("results", "scores that are numbers", f"the score of result {place} is NaN")
    known = known or CocoAnnotations(np.unique(image), np.unique(label), {})
    number = _numbers("results", known.images, image)
    kept = np.isin(label, known.classes)
    columns = {"boxes": boxes, "scores": scores, "box_images": number, "labels": label}
    return {k: v[kept] for k, v in columns.items()}


def is_dictionary(given: Any) -> bool:
    """Whether it has keys and values."""
    return isinstance(given, Mapping)


def _content(given: Any) -> Any:
    if isinstance(given, str | os.PathLike):
        with open(os.fspath(given), encoding="utf-8") as file:  # pyright: ignore[reportUnknownArgumentType]
            return json.load(file)
    return given


def _column(what: str, listed: list[Any], key: str) -> list[Any]:
    try:
        return [x[key] for x in listed]
    except (KeyError, TypeError):
        lacking = next(i for i, x in enumerate(listed) if not is_dictionary(x) or key not in x)
        raise _wrong(what, f"a dictionary with {key}", f"number {lacking}") from None


def _ids(what: str, ids: list[Any]) -> Array:
    return np.unique(np.array(ids, np.int64)) if ids else np.zeros(0, np.int64)


def _places(what: str, listed: list[Any]) -> tuple[Array, Array, Array]:
    """Image, class and box of each."""
    image = np.array(_column(what, listed, "image_id"), np.int64)
    label = np.array(_column(what, listed, "category_id"), np.int64)
    given = _column(what, listed, "bbox")
    for i, box in enumerate(given):
        if len(box) != 4:
            raise _wrong(what, "a bbox of four numbers", f"number {i}: {box}")
    boxes = np.array(given, np.float64).reshape(-1, 4)
    if not np.isfinite(boxes).all():
        place = int((~np.isfinite(boxes).all(1)).argmax())
        raise _wrong(what, "boxes of numbers", f"number {place}: {boxes[place].tolist()}")
    return image, label, boxes


def _numbers(what: str, images: Array, image: Array) -> Array:
    """The places of images in the order of their ids."""
    strange = ~np.isin(image, images)
    if strange.any():
        got = f"image_id {int(image[strange.argmax()])}"
        raise _wrong(what, "ids of images in the annotations", got)
    return np.searchsorted(images, image)


def _wrong(what: str, expected: str, got: str = "") -> ArgumentError:
    text = explain(f"COCO {what}: not as expected", where=user_line(), expected=expected, got=got)
    return ArgumentError(text)
