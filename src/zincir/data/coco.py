"""COCO's annotation files."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zincir.data.detection import Annotated, BoxJudge, DetectionDataset, Target, relative_to
from zincir.errors import DataError, DataNotFound, explain
from zincir.graph.node import user_line

_DICT: type[Any] = dict  # names that check without narrowing
_LIST: type[Any] = list


_Check = Callable[[Any], bool]


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool)


def _is_whole(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def _is_text(x: Any) -> bool:
    return isinstance(x, str)


def _is_size(x: Any) -> bool:
    return _is_number(x) and 0 < x < math.inf


_FIELDS: dict[str, dict[str, _Check]] = {
    "images": {"id": _is_whole, "file_name": _is_text, "width": _is_size, "height": _is_size},
    "annotations": {
        "image_id": _is_whole,
        "category_id": _is_whole,
        "bbox": lambda x: isinstance(x, _LIST) and len(x) == 4 and all(map(_is_number, x)),
        "area": lambda x: _is_number(x) and math.isfinite(x),
        "iscrowd": lambda x: x in (0, 1),
    },
    "categories": {"id": _is_whole, "name": _is_text},
}
"""What entries have, and what may be in them."""
_OPTIONAL = ("width", "height", "area", "iscrowd")


class CocoDataset(DetectionDataset):
    """Images with boxes from a COCO annotation file: see `DetectionDataset`.

    Labels are places of categories in the order of their ids: `category_ids[label]` leads back.
    Images come in the order of the file, those without boxes too.

    Args:
        images: the folder that file names in the annotations begin in.
        annotations: the JSON file.
        transform: changes a sample: `transform(image, target)` returns both.
        bad_boxes: "clip": boxes are cut at the border of their image, those of no area are dropped,
            and a warning names them; "refuse": an error names the first.

    Attributes:
        category_ids: the file's ids of the classes, by label.

    Raises:
        DataNotFound: a file or folder is not there.
        DataError: the file is something else, or an annotation is bad; names it.

    Example:
        >>> data = CocoDataset("coco/val2017", "coco/instances_val2017.json")  # doctest: +SKIP
        >>> image, target = data[0]  # doctest: +SKIP
        >>> target["boxes"].shape, data.classes[target["labels"][0]]  # doctest: +SKIP
        ((14, 4), 'potted plant')
    """

    def __init__(
        self,
        images: str | os.PathLike[str],
        annotations: str | os.PathLike[str],
        transform: Callable[[Any, Target], Any] | None = None,
        *,
        bad_boxes: str = "clip",
    ) -> None:
        judge = BoxJudge("CocoDataset", bad_boxes)
        content = _read(annotations)
        categories = sorted(content["categories"], key=lambda c: c["id"])
        self.category_ids = [int(c["id"]) for c in categories]
        if not categories:
            raise _wrong(annotations, "there are no categories", "")
        if not Path(images).is_dir():
            raise DataNotFound(
                explain(f"CocoDataset: there is no folder {os.fspath(images)}", where=user_line())
            )
        boxes = _by_image(content, annotations)
        numbers = {number: i for i, number in enumerate(self.category_ids)}
        known = [
            _image(image, boxes.get(image["id"], []), numbers, judge, images, annotations)
            for image in content["images"]
        ]
        super().__init__(known, [str(c["name"]) for c in categories], transform)
        self.problems = judge.problems
        judge.warn()


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What the file says, with the entries that there must be.

    Raises:
        DataNotFound: there is no such file.
        DataError: it is no annotation file.
    """
    if not Path(path).is_file():
        raise DataNotFound(
            explain(f"CocoDataset: there is no file {os.fspath(path)}", where=user_line())
        )
    try:
        content = json.loads(Path(path).read_text("utf-8"))
    except ValueError as error:
        raise _wrong(path, "it is no JSON", str(error)) from error
    for name, fields in _FIELDS.items():
        entries: Any = content.get(name) if isinstance(content, _DICT) else None
        if not isinstance(entries, _LIST):
            raise _wrong(path, f"it has no list {name!r}", f"a {type(content).__name__}")
        for i, entry in enumerate(entries):
            _check_entry(path, f"{name}[{i}]", entry, fields)
    return content


def _check_entry(path: Any, title: str, entry: Any, fields: Mapping[str, _Check]) -> None:
    """Make sure that an entry has fields, and what is in them.

    Raises:
        DataError: it has not.
    """
    if not isinstance(entry, _DICT):
        raise _wrong(path, f"{title} is no entry", str(entry)[:80])
    for field, fine in fields.items():
        if field not in entry:
            if field in _OPTIONAL:
                continue
            raise _wrong(path, f"{title} has no {field!r}", str(entry)[:80])
        if not fine(entry[field]):
            raise _wrong(path, f"{title} has a bad {field!r}", str(entry)[:80])


def _by_image(content: dict[str, Any], path: Any) -> dict[Any, list[dict[str, Any]]]:
    """Annotations by image.

    Raises:
        DataError: two images have one id, or an annotation belongs to none.
    """
    ids: list[Any] = [image["id"] for image in content["images"]]
    boxes: dict[Any, list[dict[str, Any]]] = {number: [] for number in ids}
    if len(boxes) < len(ids):
        twice = next(i for n, i in enumerate(ids) if i in ids[:n])
        raise _wrong(path, "two images have the same id", str(twice))
    for annotation in content["annotations"]:
        if annotation["image_id"] not in boxes:
            raise _wrong(
                path,
                f"annotation {annotation.get('id')} belongs to no image",
                f"image_id {annotation['image_id']}",
            )
        boxes[annotation["image_id"]].append(annotation)
    return boxes


def _image(
    image: dict[str, Any],
    annotations: Iterable[dict[str, Any]],
    numbers: dict[int, int],
    judge: BoxJudge,
    folder: Any,
    path: Any,
) -> Annotated:
    """One image with its boxes."""
    notes = list(annotations)
    labels: list[int] = []
    for note in notes:
        if note["category_id"] not in numbers:
            raise _wrong(
                path,
                f"annotation {note.get('id')} is of no known category",
                f"category_id {note['category_id']}",
            )
        labels.append(numbers[note["category_id"]])
    given = np.array([note["bbox"] for note in notes], np.float64).reshape(-1, 4)
    given[:, 2:] += given[:, :2]
    name = str(image["file_name"])
    titles = [f"{name}, annotation {note.get('id')}" for note in notes]
    width, height = image.get("width", np.inf), image.get("height", np.inf)
    boxes, good = judge.judge(given, width, height, titles)
    sides = boxes[:, 2:] - boxes[:, :2]
    areas = [note.get("area", sides[i].prod()) for i, note in enumerate(notes)]
    return Annotated(
        int(image["id"]),
        relative_to(folder, name),
        boxes[good],
        np.array(labels, np.int64)[good],
        np.array(areas, np.float32)[good],
        np.array([bool(note.get("iscrowd", 0)) for note in notes], np.bool_)[good],
    )


def _wrong(path: Any, what: str, got: str) -> DataError:
    return DataError(
        explain(
            f"CocoDataset: {Path(path).name}: {what}",
            where=user_line(),
            expected="COCO's instances: images, annotations with boxes, categories",
            got=got,
        )
    )
