"""A folder of images with boxes, of whichever form it is, and its parts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from zincir.data.coco import CocoDataset
from zincir.data.detection import SHOWN, DetectionDataset, relative_to
from zincir.data.yolo import YoloDataset
from zincir.data.yolo_description import class_names, description_in, images_by_part, labels_of
from zincir.errors import DataError, DataNotFound, explain
from zincir.graph.node import user_line

TRAIN, VALIDATION = ("train",), ("val", "test")
"""What the names of parts begin with."""
Parts = dict[str, Callable[[], DetectionDataset]]


def detection_parts(folder: str | os.PathLike[str]) -> Parts:
    """What opens each part of a folder of images with boxes, by its name; "" if it has no parts.

    Known are YOLO's folders (what `data.yaml` says under train, val and test; else `images/PART`
    and `labels/PART`, or `PART/images` and `PART/labels`, beside it or `classes.txt`) and COCO's
    files (JSON in `annotations`, in the folder itself or beside the images of each part).
    `train.json` and `instances_train2017.json` belong to images in `images/train` or `train2017`,
    or wherever the files are that they name.

    Args:
        folder: the folder, or a file such as `data.yaml`.

    Raises:
        DataNotFound: there is no such folder, or there are no annotations in it.
        DataError: there are several files of annotations, and none is said to be for training.

    Example:
        >>> import tempfile
        >>> from zincir.data import Scenes, write_detections
        >>> scenes = Scenes(2, size=32, source="digits")
        >>> folder = write_detections(scenes, tempfile.mkdtemp(), "val")
        >>> parts = detection_parts(folder)
        >>> list(parts), len(parts["val"]())
        (['val'], 2)
    """
    root = Path(folder)
    described = root if root.suffix in (".yaml", ".yml") else description_in(root)
    if described is not None and described.is_file():
        parts = images_by_part(described)
        images = [image for found in parts.values() for image in found]
        if any(labels_of(image).is_file() for image in images):
            return {name: partial(YoloDataset, described, name) for name in parts}
        root = described.parent
    if not root.is_dir():
        raise DataNotFound(explain(f"there is no folder {root}", where=user_line()))
    found = _yolo(root) or _coco(root)
    if found:
        return found
    raise DataNotFound(
        explain(
            f"there are no annotations in {root}",
            where=user_line(),
            expected="images/, labels/ and data.yaml (YOLO), or images and annotations/*.json "
            "(COCO)",
            got=", ".join(sorted(p.name for p in root.iterdir())[:SHOWN]) or "an empty folder",
        )
    )


def part_named(parts: Mapping[str, Any], begins: Sequence[str]) -> str | None:
    """The part whose name begins with one of these, the first ones first.

    >>> part_named({"train2017": 0, "val2017": 0}, VALIDATION)
    'val2017'
    """
    names = (name for begin in begins for name in parts if name.lower().startswith(begin))
    return next(names, None)


def _yolo(root: Path) -> Parts:
    if (root / "images").is_dir() and (root / "labels").is_dir():
        names = sorted(p.name for p in (root / "images").iterdir() if p.is_dir())
        if not part_named(dict.fromkeys(names), (*TRAIN, *VALIDATION)):
            names = [""]
        return {name: partial(YoloDataset, root, name) for name in names}
    inside = sorted(p.parent for p in root.glob("*/labels") if (p.parent / "images").is_dir())
    return {p.name: partial(_inside, root, p) for p in inside}


def _inside(root: Path, part: Path) -> DetectionDataset:
    return YoloDataset(part, "", class_names(root))


def _coco(root: Path) -> Parts:
    places = ("annotations/*.json", "*.json", "*/*coco.json")
    files = sorted({file for place in places for file in root.glob(place)})
    files = [p for p in files if p.name.startswith("instances_")] or files
    names = {_part(root, file): file for file in files}
    if len(files) == 1 and not part_named(names, (*TRAIN, *VALIDATION)):
        names = {"": files[0]}
    elif files and not part_named(names, (*TRAIN, *VALIDATION)):
        raise DataError(
            explain(
                f"{root} has several files of annotations",
                where=user_line(),
                expected="train.json and val.json, or one alone",
                got=", ".join(file.name for file in files[:SHOWN]),
            )
        )
    return {name: partial(_of_file, root, file, name) for name, file in names.items()}


def _of_file(root: Path, file: Path, part: str) -> DetectionDataset:
    return CocoDataset(_images_of(root, file, part), file)


def _part(root: Path, file: Path) -> str:
    """What a file of annotations is for: its name says it, or its folder's."""
    if file.parent != root and file.parent.name != "annotations":
        return file.parent.name
    return file.stem.removeprefix("instances_")


def _images_of(root: Path, file: Path, part: str) -> Path:
    """The folder in which the images are that a file of annotations names.

    Raises:
        DataError: some are nowhere; says how many, and names the first.
    """
    folders = [root / "images" / part, root / part, root / "images", root, file.parent]
    folders = [folder for folder in folders if folder.is_dir()]
    try:
        names = [str(image["file_name"]) for image in json.loads(file.read_text("utf-8"))["images"]]
    except (ValueError, KeyError, TypeError):
        return folders[0]  # what is wrong is said when it is read in earnest
    missing = {
        folder: [name for name in names if not os.path.isfile(relative_to(folder, name))]
        for folder in folders
    }
    best = min(folders, key=lambda folder: len(missing[folder]))
    if missing[best]:
        shown = ", ".join(missing[best][:SHOWN]) + (", ..." if missing[best][SHOWN:] else "")
        raise DataNotFound(
            explain(
                f"{file.name}: {len(missing[best])} of {len(names)} images are not there: {shown}",
                where=user_line(),
                expected=f"images in {folders[0] if len(missing[best]) == len(names) else best}",
            )
        )
    return best
