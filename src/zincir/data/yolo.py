"""Folders of images and boxes as YOLO has them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zincir.data.decoding import image_size
from zincir.data.detection import SHOWN, Annotated, BoxJudge, DetectionDataset, Target
from zincir.data.texts import read_text
from zincir.data.yolo_description import class_names, images_by_part, images_in, labels_of, names_in
from zincir.errors import DataError, DataNotFound, explain
from zincir.graph.node import user_line


class YoloDataset(DetectionDataset):
    """Images with boxes from a folder of YOLO's form: see `DetectionDataset`.

    Beside `images/train/7.jpg` there is `labels/train/7.txt`: for each box a line "class middle_x
    middle_y width height", in shares of the image's size. Lines with outlines (a class and three
    points or more) become the boxes around them. An image without a file of labels has no boxes.

    Args:
        root: the folder with `images` and `labels` in it; or a `data.yaml`, which says where the
            images of "train", "val" and "test" are.
        part: "train", "val", ...: a folder inside of both; "": there are no such folders.
        classes: names of the classes; None: from `data.yaml` (read by PyYAML, which comes with
            `zincir[images]`) or `classes.txt` in the folder.
        transform: changes a sample: `transform(image, target)` returns both.
        bad_boxes: "clip": boxes are cut at the border of their image, those of no area are dropped,
            and a warning names them; "refuse": an error names the first.

    Raises:
        DataNotFound: a folder is not there, has no images, or nothing names the classes.
        DataError: a line is not as it should be, or of no known class; names file and line.

    Example:
        >>> data = YoloDataset("coco128", "train2017")  # doctest: +SKIP
        >>> image, target = data[0]  # doctest: +SKIP
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        part: str = "train",
        classes: Sequence[str] | None = None,
        transform: Callable[[Any, Target], Any] | None = None,
        *,
        bad_boxes: str = "clip",
    ) -> None:
        judge = BoxJudge("YoloDataset", bad_boxes)
        folder = Path(root)
        names = list(classes) if classes is not None else _names(folder)
        files = _images(folder, part)
        known = [
            _image(number, path, labels_of(path), names, judge) for number, path in enumerate(files)
        ]
        super().__init__(known, names, transform)
        self.problems = judge.problems
        judge.warn()
        _warn_of_images_missing(files)


def _names(root: Path) -> list[str]:
    return names_in(root) if root.is_file() else class_names(root)


def _warn_of_images_missing(files: Sequence[Path]) -> None:
    """Tell the user of boxes whose image is not there, in folders that are read whole."""
    known = set(files)
    folders = [p for p in sorted({file.parent for file in files}) if known.issuperset(images_in(p))]
    beside = {labels_of(file) for file in files}
    labels = [p for folder in folders for p in labels_of(folder / "any").parent.glob("*.txt")]
    alone = sorted(p for p in labels if p not in beside and p.name != "classes.txt")
    if alone:
        shown = ", ".join(p.name for p in alone[:SHOWN]) + (", ..." if alone[SHOWN:] else "")
        warnings.warn(
            f"YoloDataset: {len(alone)} files of labels have no image in {folders[0]}: {shown}",
            stacklevel=3,
        )


def _images(root: Path, part: str) -> list[Path]:
    """The images of a part, in order.

    Raises:
        DataNotFound: there is none.
    """
    if root.is_file():
        parts = images_by_part(root)
        found = parts.get(part, [])
        looked, expected = f"for {part!r} in {root}", f"{part}: a folder or a file that is there"
        got = f"images for {', '.join(parts)}" if parts else "no images for any part"
    else:
        folder = root / "images" / part
        found = images_in(folder)
        looked, expected = f"in {folder}", "ROOT/images/PART/*.jpg and ROOT/labels/PART/*.txt"
        got = "an empty folder" if folder.is_dir() else "no such folder"
    missing = [path for path in found if not path.is_file()]
    if found and not missing:
        return found
    raise DataNotFound(
        explain(
            f"YoloDataset: no images {looked}",
            where=user_line(),
            expected=expected,
            got=f"{len(missing)} that are not there: {missing[0]}, ..." if missing else got,
            try_='part="": there are no folders for parts',
        )
    )


def _image(
    number: int, path: Path, labels: Path, names: Sequence[str], judge: BoxJudge
) -> Annotated:
    """One image with its boxes, in pixels."""
    height, width = image_size(path)
    rows = _rows(labels, len(names)) if labels.is_file() else []
    given = np.array([box for _, _, box in rows], np.float64).reshape(-1, 4)
    titles = [f"{labels.name}, line {line}" for line, _, _ in rows]
    boxes, good = judge.judge(given * (width, height, width, height), width, height, titles)
    sides = boxes[good, 2:] - boxes[good, :2]
    kinds = np.array([label for _, label, _ in rows], np.int64)[good]
    crowd = np.zeros(len(kinds), np.bool_)
    return Annotated(number, str(path), boxes[good], kinds, sides.prod(axis=1), crowd)


def _rows(path: Path, classes: int) -> list[tuple[int, int, npt.NDArray[np.float64]]]:
    """Line, label and box (left, top, right, bottom in shares) of each line that is not empty.

    Raises:
        DataError: a line is not as it should be.
    """
    rows: list[tuple[int, int, npt.NDArray[np.float64]]] = []
    for line, text in enumerate(read_text(path).splitlines(), 1):
        parts = text.split()
        if not parts:
            continue
        try:
            numbers = np.array(parts, np.float64)
        except ValueError:
            numbers = np.zeros(0)
        count = len(numbers)
        if count != 5 and (count < 7 or count % 2 == 0):
            raise _wrong(path, line, "is not a class and a box", text)
        label = int(numbers[0])
        if label != numbers[0] or not 0 <= label < classes:
            raise _wrong(path, line, f"is of no class: there are {classes}", text)
        if count == 5:
            middle, half = numbers[1:3], numbers[3:5] / 2
            box = np.concatenate([middle - half, middle + half])
        else:
            points = numbers[1:].reshape(-1, 2)
            box = np.concatenate([points.min(axis=0), points.max(axis=0)])
        rows.append((line, label, box))
    return rows


def _wrong(path: Path, line: int, what: str, text: str) -> DataError:
    return DataError(
        explain(
            f"YoloDataset: {path}, line {line} {what}",
            where=user_line(),
            expected="class middle_x middle_y width height, all but the first from 0 to 1",
            got=text[:80],
        )
    )
