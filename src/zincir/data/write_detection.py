"""Images with boxes written to files, as YOLO or COCO have them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from zincir.data.decoding import write_image
from zincir.data.detection import Target
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line

FORMS = ("yolo", "coco")


def write_detections(
    dataset: Any, folder: str | os.PathLike[str], part: str = "train", form: str = "yolo"
) -> Path:
    """Write a data set of images with boxes into a folder, from which others read it as well.

    - "yolo": `images/PART/*.png`, `labels/PART/*.txt` and `data.yaml`, for `YoloDataset`;
    - "coco": `images/PART/*.png` and `annotations/PART.json`, for `CocoDataset`.

    Args:
        dataset: what has samples as `DetectionDataset` has them, and `classes`: `Scenes`, for one.
        folder: where to; files of the same names are written over.
        part: "train", "val", ...
        form: "yolo" or "coco". YOLO's files know neither crowds nor areas.

    Returns:
        The folder.

    Raises:
        ArgumentError: there is no such form.

    Example:
        >>> import tempfile
        >>> from zincir.data import CocoDataset, Scenes
        >>> scenes = Scenes(2, size=32, source="digits")
        >>> folder = write_detections(scenes, tempfile.mkdtemp(), "val", "coco")
        >>> again = CocoDataset(folder / "images/val", folder / "annotations/val.json")
        >>> bool((again[1][1]["boxes"] == scenes[1][1]["boxes"]).all())
        True
    """
    if form not in FORMS:
        raise ArgumentError(
            explain(
                "write_detections: form is not known",
                where=user_line(),
                expected='"yolo" or "coco"',
                got=repr(form),
            )
        )
    root = Path(folder)
    names = [f"{i:06d}.png" for i in range(len(dataset))]
    (root / "images" / part).mkdir(parents=True, exist_ok=True)
    targets: list[tuple[Target, tuple[int, int]]] = []
    for i, name in enumerate(names):
        image, target = dataset[i]
        write_image(root / "images" / part / name, image)
        targets.append((target, (int(image.shape[1]), int(image.shape[2]))))
    if form == "coco":
        _write_coco(root, part, names, targets, dataset.classes)
    else:
        _write_yolo(root, part, names, targets, dataset.classes)
    return root


def _write_yolo(root: Path, part: str, names: list[str], targets: Any, classes: Any) -> None:
    (root / "labels" / part).mkdir(parents=True, exist_ok=True)
    for name, (target, (height, width)) in zip(names, targets, strict=True):
        boxes = np.asarray(target["boxes"], np.float64).reshape(-1, 4)
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2 / (width, height)
        sides = (boxes[:, 2:] - boxes[:, :2]) / (width, height)
        lines = [
            f"{int(label)} " + " ".join(f"{v:.10g}" for v in (*m, *s)) + "\n"
            for label, m, s in zip(target["labels"], middle, sides, strict=True)
        ]
        path = root / "labels" / part / Path(name).with_suffix(".txt")
        path.write_text("".join(lines), "utf-8")
    # a text as JSON writes it is one of YAML too
    listed = "".join(f"  {i}: {json.dumps(str(name))}\n" for i, name in enumerate(classes))
    parts = sorted(p.name for p in (root / "images").iterdir() if p.is_dir())
    places = "".join(f"{p}: images/{p}\n" for p in parts)
    (root / "data.yaml").write_text(f"path: .\n{places}names:\n{listed}", "utf-8")


def _write_coco(root: Path, part: str, names: list[str], targets: Any, classes: Any) -> None:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for i, (name, (target, (height, width))) in enumerate(zip(names, targets, strict=True), 1):
        images.append({"id": i, "file_name": name, "width": width, "height": height})
        boxes = np.asarray(target["boxes"], np.float64).reshape(-1, 4)
        sides = boxes[:, 2:] - boxes[:, :2]
        area = target.get("area", sides.prod(axis=1))
        crowd = target.get("iscrowd", np.zeros(len(boxes)))
        for k, label in enumerate(target["labels"]):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i,
                    "category_id": int(label) + 1,
                    "bbox": [*boxes[k, :2].tolist(), *sides[k].tolist()],
                    "area": float(area[k]),
                    "iscrowd": int(crowd[k]),
                }
            )
    categories = [{"id": i, "name": str(name)} for i, name in enumerate(classes, 1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "annotations").mkdir(exist_ok=True)
    (root / "annotations" / f"{part}.json").write_text(json.dumps(content), "utf-8")
