"""`data.yaml`, which describes a YOLO data set: its classes, where the images of each part are."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from zincir.data.decoding import IMAGE_EXTENSIONS, INSTALL
from zincir.data.texts import read_text
from zincir.errors import ArgumentError, DataError, DataNotFound, explain
from zincir.graph.node import user_line

FILES = ("data.yaml", "dataset.yaml")
PARTS = ("train", "val", "test")
T = TypeVar("T")


def description_in(folder: Path) -> Path | None:
    """The file in a folder that describes it."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def class_names(folder: Path) -> list[str]:
    """Names of the classes, from the file that has them.

    Raises:
        DataNotFound: there is none.
        DataError: it does not say them.
    """
    described = description_in(folder)
    if described is not None:
        return names_in(described)
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


def names_in(path: Path) -> list[str]:
    """Names of the classes, by number.

    Raises:
        ArgumentError: PyYAML is not installed.
        DataError: the file does not say them.
    """
    return _read(
        path,
        _names,
        "name the classes",
        "names: [cat, dog], or names: with a number from 0 and a name a line",
    )


def images_by_part(path: Path) -> dict[str, list[Path]]:
    """The images of each part that the file names and that is there.

    A part is a folder, a text file with a path a line, or a list of these. They are looked for from
    `path` on, from the folder of the file on, and there without a leading `..` (which exports of
    Roboflow have too much).

    Raises:
        ArgumentError: PyYAML is not installed.
        DataError: the file does not say them as it should.
    """
    named = _read(path, _parts, "say where images are", "train: images/train, val: images/val")
    return {part: found for part in PARTS if (found := _images(path, named, part))}


def _read(path: Path, take: Callable[[Any], T], what: str, expected: str) -> T:
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
        return take(yaml.safe_load(path.read_text("utf-8")))
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise DataError(
            explain(
                f"YoloDataset: {path} does not {what}",
                where=user_line(),
                expected=expected,
                got=f"{type(error).__name__}: {error}",
            )
        ) from error


def _names(content: Any) -> list[str]:
    names: Any = content["names"]
    if isinstance(names, dict):
        table = cast("dict[Any, Any]", names)
        return [str(table[i]) for i in range(len(table))]
    if isinstance(names, list):
        return [str(name) for name in cast("list[Any]", names)]
    raise TypeError(f"names is a {type(names).__name__}")


def _parts(content: Any) -> dict[str, list[str]]:
    """By part, its places; the root of all as "path"."""
    if not isinstance(content, Mapping):
        raise TypeError(f"it holds a {type(content).__name__}")
    known = cast("Mapping[str, Any]", content)
    found: dict[str, list[str]] = {}
    for key in ("path", *PARTS):
        value = known.get(key)
        places: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
        wrong = [place for place in places if place is not None and not isinstance(place, str)]
        if wrong:
            raise TypeError(f"{key} is a {type(wrong[0]).__name__}")
        found[key] = [place for place in places if place]
    return found


def _images(file: Path, named: Mapping[str, list[str]], part: str) -> list[Path]:
    roots = [*(file.parent / root for root in named["path"]), file.parent]
    found: list[Path] = []
    for place in named[part]:
        ways = [root / place for root in roots]
        ways.append(file.parent / place.removeprefix("../"))
        there = next((way for way in ways if way.exists()), None)
        if there is not None:
            found += _listed(there) if there.is_file() else images_in(there)
    return found


def _listed(file: Path) -> list[Path]:
    lines = [line.strip() for line in read_text(file).splitlines()]
    return [file.parent / line.removeprefix("./") for line in lines if line]


def images_in(folder: Path) -> list[Path]:
    """The images in a folder, at any depth, in order."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_EXTENSIONS)


def labels_of(image: Path) -> Path:
    """Where YOLO looks for the labels of an image: in `labels` instead of `images`.

    >>> labels_of(Path("coco/images/train/7.jpg")).as_posix()
    'coco/labels/train/7.txt'
    """
    parts = list(image.parts)
    at = [i for i, name in enumerate(parts[:-1]) if name == "images"]
    if at:
        parts[at[-1]] = "labels"
    return Path(*parts).with_suffix(".txt")
