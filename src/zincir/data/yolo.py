"""Folders of images and boxes as YOLO has them."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from zincir.data.decoding import IMAGE_EXTENSIONS, INSTALL, image_size
from zincir.data.detection import SHOWN, Annotated, BoxJudge, DetectionDataset, Target
from zincir.data.texts import read_text
from zincir.errors import ArgumentError, DataError, DataNotFound, explain
from zincir.graph.node import user_line


class YoloDataset(DetectionDataset):
    """Images with boxes from a folder of YOLO's form: see `DetectionDataset`.

    Beside `images/train/7.jpg` there is `labels/train/7.txt`: for each box a line "class middle_x
    middle_y width height", in shares of the image's size. Lines with outlines (a class and three
    points or more) become the boxes around them. An image without a file of labels has no boxes.

    Args:
        root: the folder with `images` and `labels` in it.
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
        names = list(classes) if classes is not None else class_names(folder)
        files = _images(folder / "images" / part)
        known: list[Annotated] = []
        for number, path in enumerate(files):
            inside = path.relative_to(folder / "images").with_suffix(".txt")
            known.append(_image(number, path, folder / "labels" / inside, names, judge))
        super().__init__(known, names, transform)
        self.problems = judge.problems
        judge.warn()
        _warn_of_images_missing(folder / "labels" / part, files, folder / "images" / part)


def _warn_of_images_missing(labels: Path, files: Sequence[Path], images: Path) -> None:
    """Tell the user of boxes whose image is not there."""
    known = {path.relative_to(images).with_suffix(".txt") for path in files}
    alone = sorted(p for p in labels.rglob("*.txt") if p.relative_to(labels) not in known)
    if alone:
        shown = ", ".join(str(p) for p in alone[:SHOWN]) + (", ..." if alone[SHOWN:] else "")
        warnings.warn(
            f"YoloDataset: {len(alone)} files of labels have no image in {images}: {shown}",
            stacklevel=3,
        )


def _images(folder: Path) -> list[Path]:
    """The images in a folder, at any depth, in order.

    Raises:
        DataNotFound: there is none.
    """
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_EXTENSIONS)
    if found:
        return found
    raise DataNotFound(
        explain(
            f"YoloDataset: no images in {folder}",
            where=user_line(),
            expected="ROOT/images/PART/*.jpg and ROOT/labels/PART/*.txt",
            got="an empty folder" if folder.is_dir() else "no such folder",
            try_='part="": there are no folders for parts',
        )
    )


def class_names(folder: Path) -> list[str]:
    """Names of the classes, from the file that has them.

    Raises:
        DataNotFound: there is none.
        DataError: it does not say them.
    """
    for name in ("data.yaml", "dataset.yaml"):
        if (folder / name).is_file():
            return _names_in(folder / name)
    if (folder / "classes.txt").is_file():
        lines = read_text(folder / "classes.txt").splitlines()
        return [line.strip() for line in lines if line.strip()]
    raise DataNotFound(
        explain(
            f"YoloDataset: nothing names the classes in {folder}",
            where=user_line(),
            expected="data.yaml with `names:`, or classes.txt with a name a line",
            try_='YoloDataset(root, classes=["cat", "dog"])',
        )
    )


def _names_in(path: Path) -> list[str]:
    try:
        yaml: Any = importlib.import_module("yaml")
    except ImportError as error:
        raise ArgumentError(
            explain(
                f"YoloDataset: {path.name} is read by PyYAML, which is not installed",
                where=user_line(),
                try_=f'{INSTALL}, or classes=["cat", "dog"]',
            )
        ) from error
    try:
        content: Any = yaml.safe_load(path.read_text("utf-8"))
        names: Any = content["names"]
        if isinstance(names, dict):
            table = cast("dict[Any, Any]", names)
            return [str(table[i]) for i in range(len(table))]
        if isinstance(names, list):
            return [str(name) for name in cast("list[Any]", names)]
        raise TypeError(f"names is a {type(names).__name__}")
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise DataError(
            explain(
                f"YoloDataset: {path} does not name the classes",
                where=user_line(),
                expected="names: [cat, dog], or names: with a number from 0 and a name a line",
                got=f"{type(error).__name__}: {error}",
            )
        ) from error


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
