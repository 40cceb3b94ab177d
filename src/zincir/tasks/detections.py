"""Detection: where in an image objects are, and of which class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from zincir.data import DetectionDataset, Letterboxed, augment, random_split, read_image
from zincir.data.decoding import image_size, side_by_side, write_image
from zincir.data.detection_arrays import DetectionArrays, detection_arrays, true_boxes
from zincir.data.detection_folder import TRAIN, VALIDATION, detection_parts, part_named
from zincir.data.drawing import draw_boxes, image_grid
from zincir.errors import ArgumentError, DataError, explain
from zincir.generator import Generator
from zincir.metrics import MeanAveragePrecision
from zincir.models import Detector, Found, detection_loss, detections
from zincir.ops import clip_boxes_to_image
from zincir.tasks.images import image_files
from zincir.tasks.options import Options
from zincir.tasks.task import Answer, Asked, Models, Split, Task, check_parts, known
from zincir.tensor import Tensor
from zincir.types import float64

GRID, SMALLEST, LARGEST = 32, 64, 256
"""Sides of images are multiples of the first, and by themselves between the others."""
MOSAICS, UNMIXED = 0.5, 0.2
"""The share of images that are put together from four; not so in the last part of the training."""
SHOWN, SURE, READABLE = 12, 0.4, 320
"""Images in a picture, the score from which on a box is in it, and pixels that texts need."""
MEASURES = ("map", "map_50", "map_75")


class Detections(Task):
    """A folder of images with boxes, as YOLO or COCO have them: see `detection_parts`."""

    name = "detect"
    monitor = "val_map"
    updates, epochs = 3000, (12, 300)
    usual: ClassVar[Mapping[str, Any]] = {
        **Task.usual,
        "batch_size": 16,
        "lr": 3e-3,
        "weight_decay": 5e-2,
        "augment": True,
    }

    def __init__(self, names: Sequence[str], size: int) -> None:
        self._classes, self.size = list(names), size

    @classmethod
    def begin(cls, data: str, options: Options) -> tuple[Task, Split]:
        train, validation, indices = _open(data, options)
        task = cls(train.classes, _side(train, options.size))
        parts = [
            detection_arrays(part, task.size, chosen)
            for part, chosen in zip((train, validation), indices, strict=True)
        ]
        task.notes = _notes(task, parts[0])
        return task, Split(*((part.images, part.boxes) for part in parts))

    def load(self, data: str) -> tuple[Any, Any]:
        parts = detection_parts(data)
        name = part_named(parts, VALIDATION) or next(iter(parts))
        found = parts[name]()
        numbers = self.labels_of(found.classes)
        for image in found.images:
            image.labels = numbers[image.labels]
        arrays = detection_arrays(found, self.size)
        return arrays.images, arrays.boxes

    def inputs(self, items: Sequence[str]) -> Asked:
        files, fit = image_files(items), Letterboxed(self.size)
        nothing = {"boxes": np.zeros((0, 4), np.float32)}
        found = side_by_side(lambda file: fit(read_image(file), nothing), files)
        sizes = [target["orig_size"] for _, target in found]
        return Asked(files, np.stack([image for image, _ in found]), sizes)

    def answers(self, asked: Asked, outputs: Any, score: float) -> Sequence[Answer]:
        found: list[Answer] = []
        fit = Letterboxed(self.size)
        images = detections(Found(*outputs), threshold=score, agnostic=True)
        for name, boxes, size in zip(asked.names, images, asked.sizes, strict=True):
            places = clip_boxes_to_image(fit.undo(boxes["boxes"], size), size).to(float64)
            corners: list[list[float]] = places.round(decimals=2).tolist()
            shares: list[float] = boxes["scores"].tolist()
            labels: list[int] = boxes["labels"].tolist()
            for place, share, label in zip(corners, shares, labels, strict=True):
                found.append(Sight(name, self._classes[label], share, tuple(place)))
            if not corners:
                found.append(Sight(name, None))
        return found

    def pictures(self, inputs: Any, targets: Any, outputs: Any, folder: str) -> None:
        places = np.linspace(0, len(inputs) - 1, min(len(inputs), SHOWN))
        some: list[int] = places.astype(int).tolist()
        true = true_boxes([part[some] for part in targets[:2]])
        found = detections(Found(*outputs), threshold=SURE, agnostic=True)
        drawn: list[Any] = []
        for i, boxes in zip(some, true, strict=True):
            scale = max(1, -(-LARGEST // self.size))
            image = draw_boxes(inputs[i], boxes["boxes"], None, [-1] * len(boxes["boxes"]),
                               scale=scale)  # fmt: skip
            drawn.append(draw_boxes(image, *self._told(found[i], scale)))
        Path(folder).mkdir(parents=True, exist_ok=True)
        write_image(Path(folder) / "found.png", image_grid(drawn))

    def _told(self, found: Mapping[str, Tensor], scale: int) -> tuple[Any, list[str], list[int]]:
        """Boxes, texts and kinds to draw."""
        labels: list[int] = found["labels"].tolist()
        scores: list[float] = found["scores"].tolist()
        texts = [f"{self._classes[k]} {s:.2f}" for k, s in zip(labels, scores, strict=True)]
        return found["boxes"].numpy() * scale, texts, labels

    def draw(self, answers: Sequence[Answer], folder: str) -> None:
        """Write each image with its boxes as a picture; small ones are enlarged."""
        root = Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        files = dict.fromkeys(answer.item for answer in answers)
        stems = [Path(file).stem for file in files]
        for k, file in enumerate(files):
            number = f"-{k}" if stems.count(stems[k]) > 1 else ""
            seen = [a for a in answers if a.item == file and isinstance(a, Sight) and a.box]
            texts = [f"{a.value} {a.probability:.2f}" for a in seen]
            kinds = [self._classes.index(str(a.value)) for a in seen]
            image = read_image(file)
            scale = max(1, READABLE // min(image.shape[1:]))
            drawn = draw_boxes(image, [a.box for a in seen], texts, kinds, scale=scale)
            write_image(root / f"{stems[k]}{number}.png", drawn)

    def state_dict(self) -> dict[str, Any]:
        return {"classes": self._classes, "size": self.size}

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Detections:
        return cls(state["classes"], state["size"])

    @property
    def classes(self) -> list[str] | None:
        return self._classes

    def completed(self, options: Options, samples: int) -> Options:
        return super().completed(replace(options, size=self.size), samples)

    def changes(self, options: Options) -> Any:
        if not options.augment:
            return None
        flip = augment.RandomHorizontalFlip()
        mixed = augment.Compose([augment.Mosaic(MOSAICS), flip], options.seed)
        plain = augment.Compose([flip], options.seed)
        until = round(known(options.epochs) * (1 - UNMIXED))

        def change(images: Any, *, epoch: int, index: Any, boxes: Any) -> Any:
            chain = mixed if epoch < until else plain
            return chain(images, epoch=epoch, index=index, boxes=boxes)

        return change

    def loss(self, options: Options) -> Callable[[Any, Any], Tensor]:
        return partial(detection_loss, box_loss=options.box_loss)

    def metrics(self, *, closely: bool = False) -> list[Any]:
        return [BoxPrecision(self._classes if closely else ())]

    models: ClassVar[Models] = {
        "detector": lambda task: Detector(len(task.classes)),
        "detector-small": lambda task: Detector(len(task.classes), width=8),
        "detector-large": lambda task: Detector(len(task.classes), width=32),
    }


@dataclass(frozen=True)
class Sight(Answer):
    """An object that was found in an image."""

    box: tuple[float, ...] | None = None
    """Left, top, right and bottom, in pixels of the image as it is."""

    def line(self) -> str:
        """Item, class, score and box, with tabs between."""
        if self.box is None:
            return f"{self.item}\t-"
        return f"{super().line()}\t{','.join(f'{x:.1f}' for x in self.box)}"


class BoxPrecision(MeanAveragePrecision):
    """COCO's mean average precision of what a `Detector` gives: map, map_50 and map_75.

    Args:
        classes: names of classes, each of which has its "map of NAME" too.
    """

    def __init__(self, classes: Sequence[str] = ()) -> None:
        super().__init__()
        self._titles = list(classes)

    def see(self, predictions: Any, targets: Any) -> None:
        super().see(detections(Found(*predictions)), true_boxes(targets))

    def value(self) -> Any:
        found = super().value()
        kinds: list[int] = found["classes"].tolist() if self._titles else []
        shares: list[float] = found["map_per_class"].tolist() if self._titles else []
        each = {f"map of {self._titles[k]}": s for k, s in zip(kinds, shares, strict=True)}
        return {name: found[name] for name in MEASURES} | each


def _open(data: str, options: Options) -> tuple[DetectionDataset, DetectionDataset, list[Any]]:
    """What is trained on, what is held back, and which samples of both."""
    parts = detection_parts(data)
    names = [part_named(parts, begin) for begin in (TRAIN, VALIDATION)]
    if names[0] is not None and names[1] is not None:
        one, two = (parts[str(name)]() for name in names)
        if one.classes != two.classes:
            raise DataError(
                explain(
                    "detect: the parts have different classes",
                    expected=", ".join(one.classes),
                    got=", ".join(two.classes),
                )
            )
        return one, two, [None, None]
    whole = parts[names[0] or next(iter(parts))]()
    shares = [1 - options.validation, options.validation]
    drawn = random_split(whole, shares, Generator().manual_seed(options.seed))
    check_parts("detect", [len(part) for part in drawn])
    return whole, whole, [[int(i) for i in part.indices] for part in drawn]


def _side(data: DetectionDataset, size: int | None) -> int:
    """The side that images are brought to: as asked for, or by their own."""
    if size is None:
        some = data.images[:: max(1, len(data.images) // 50)]
        sides = [max(image_size(image.path)) for image in some]
        return int(np.clip(GRID * round(np.median(sides) / GRID), SMALLEST, LARGEST))
    if size % GRID:
        raise ArgumentError(
            explain(f"options: size is a multiple of {GRID} where objects are found",
                    got=str(size), try_=str(max(GRID, GRID * round(size / GRID))))
        )  # fmt: skip
    return size


def _notes(task: Detections, train: DetectionArrays) -> list[str]:
    """What there is to train on.

    Raises:
        DataError: there is no box at all.
    """
    labels: Any = train.boxes.labels
    count = int((labels >= 0).sum())
    if not count:
        raise DataError(
            explain("detect: there is not one box on the images to train on",
                    expected="a file of labels for each image that has objects",
                    got=f"{len(labels)} images without boxes")
        )  # fmt: skip
    empty = int((labels < 0).all(1).sum())
    size = f"{task.size} x {task.size}"
    notes = [f"{count} boxes to train on; {empty} images without any; images as {size} pixels"]
    seen = set(np.unique(labels).tolist())
    absent = [name for k, name in enumerate(task.classes or ()) if k not in seen]
    if absent:
        notes.append(f"classes without a box to train on: {', '.join(absent)}")
    return notes
