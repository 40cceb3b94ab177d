"""Images with boxes, as a data set; what is wrong with a box."""

from __future__ import annotations

import operator
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zincir.creation import from_numpy
from zincir.data.augment import Letterbox
from zincir.data.decoding import read_image, side_by_side
from zincir.errors import ArgumentError, DataError, explain
from zincir.functional import stack
from zincir.graph.node import user_line
from zincir.tensor import Tensor
from zincir.utils.data import Dataset

BAD_BOXES = ("clip", "refuse")
SHOWN = 5

Target = dict[str, Any]
"""Of one image: "boxes" (K, 4) float32, left, top, right and bottom in pixels; "labels" (K,) int64
from 0; "area" (K,) float32; "iscrowd" (K,) bool; "image_id" int.
"""


@dataclass
class Annotated:
    """One image with its boxes, before it is read."""

    image_id: int
    path: str
    boxes: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    area: npt.NDArray[np.float32]
    iscrowd: npt.NDArray[np.bool_]

    def target(self) -> Target:
        """What a sample says about the image: copies, which may be changed."""
        return {
            "boxes": self.boxes.copy(),
            "labels": self.labels.copy(),
            "area": self.area.copy(),
            "iscrowd": self.iscrowd.copy(),
            "image_id": self.image_id,
        }


class DetectionDataset(Dataset[Any]):
    """Images with boxes: sample i is `(image, target)`, the image as bytes (3, H, W).

    `target` is a dictionary of "boxes" (K, 4) float32 (left, top, right, bottom, in pixels; right
    and bottom are where the box ends), "labels" (K,) int64 from 0, "area" (K,) float32, "iscrowd"
    (K,) bool and "image_id". `CocoDataset` and `YoloDataset` read what belongs to it from files;
    `collate_detections` makes batches.

    Args:
        images: what is known about each image.
        classes: what labels mean, in order.
        transform: changes a sample: `transform(image, target)` returns both.

    Attributes:
        images: as given, in this order.
        classes: as given.
        problems: boxes that were clipped or dropped, one line each.
    """

    def __init__(
        self,
        images: Sequence[Annotated],
        classes: Sequence[str],
        transform: Callable[[Any, Target], Any] | None = None,
    ) -> None:
        self.images = list(images)
        self.classes = list(classes)
        self.transform = transform
        self.problems: list[str] = []

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Any) -> Any:
        known = self.images[operator.index(index)]
        return self._sample(read_image(known.path), known.target())

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """The samples of a batch: files are decoded side by side, in threads."""
        if type(self).__getitem__ is not DetectionDataset.__getitem__:
            return [self[i] for i in indices]
        chosen = [self.images[operator.index(i)] for i in indices]
        images = side_by_side(read_image, [known.path for known in chosen])
        return [self._sample(x, known.target()) for x, known in zip(images, chosen, strict=True)]

    def _sample(self, image: Any, target: Target) -> Any:
        return (image, target) if self.transform is None else self.transform(image, target)

    def __repr__(self) -> str:
        boxes = sum(len(image.labels) for image in self.images)
        kind = type(self).__name__
        return f"{kind}({len(self)} images, {boxes} boxes of {len(self.classes)} classes)"


class BoxJudge:
    """What is done about boxes that reach beyond their image, or have no area.

    Args:
        what: of the data set, for messages.
        policy: "clip": boxes are cut at the border, those that have no area then are dropped, and a
            warning names the first of them; "refuse": an error names the first.
    """

    TOLERANCE = 0.5
    """Pixels by which a box may be beyond the border without a word: files round."""

    def __init__(self, what: str, policy: str) -> None:
        if policy not in BAD_BOXES:
            raise ArgumentError(
                explain(
                    f"{what}: bad_boxes is not known",
                    where=user_line(),
                    expected='"clip" or "refuse"',
                    got=repr(policy),
                )
            )
        self.what, self.policy, self.seen = what, policy, 0
        self.problems: list[str] = []

    def judge(
        self, boxes: npt.NDArray[Any], width: float, height: float, names: Sequence[str]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """The boxes cut at the border, and which of them have an area.

        Args:
            boxes: (K, 4) left, top, right, bottom.
            width: of the image.
            height: of the image.
            names: what each box is called.

        Raises:
            DataError: there is a bad box, and such are refused.
        """
        size = np.array([width, height, width, height], np.float64)
        given = np.asarray(boxes, np.float64).reshape(-1, 4)
        self.seen += len(given)
        clipped = np.clip(np.nan_to_num(given), 0, size)
        outside = ~(np.abs(clipped - given).max(axis=1, initial=0) <= self.TOLERANCE)
        clipped = clipped.astype(np.float32)
        good = (clipped[:, 2] > clipped[:, 0]) & (clipped[:, 3] > clipped[:, 1])
        for i in np.flatnonzero(outside | ~good).tolist():
            text = f"{names[i]}: box {_shown(given[i])} "
            flat = given[i, 2] <= given[i, 0] or given[i, 3] <= given[i, 1]
            if not np.isfinite(given[i]).all():
                text += "is not finite"
            elif flat:
                text += "has no area"
            else:
                text += f"reaches beyond the image of {width:g} x {height:g}"
            self.problems.append(text + ("" if good[i] else "; dropped"))
            if self.policy == "refuse":
                raise DataError(
                    explain(
                        f"{self.what}: {text}",
                        where=user_line(),
                        expected="0 <= left < right <= width, 0 <= top < bottom <= height",
                        try_='bad_boxes="clip" cuts them at the border, and drops those of no area',
                    )
                )
        return clipped, good

    def warn(self) -> None:
        """Tell the user what was clipped and dropped."""
        if self.problems:
            more = len(self.problems) - SHOWN
            lines = "".join(f"\n  {line}" for line in self.problems[:SHOWN])
            count = f"{len(self.problems)} of {self.seen}"
            warnings.warn(
                f"{self.what}: {count} boxes were clipped or dropped:{lines}"
                + (f"\n  and {more} more (see `problems`)" if more > 0 else ""),
                stacklevel=3,
            )


def _shown(box: npt.NDArray[Any]) -> str:
    return "(" + ", ".join(f"{v:g}" for v in box) + ")"


def collate_detections(batch: Sequence[tuple[Any, Target]]) -> tuple[Tensor, list[Target]]:
    """Samples of a `DetectionDataset` as a batch: images (N, 3, H, W), and the list of targets.

    Args:
        batch: samples whose images have one size; arrays become tensors.

    Raises:
        DataError: the images differ in size.

    Example:
        >>> target = {"boxes": np.zeros((0, 4), np.float32), "labels": np.zeros(0, np.int64)}
        >>> images, targets = collate_detections([(np.zeros((3, 8, 8), np.uint8), target)])
        >>> images.shape, targets[0]["boxes"].shape
        ((1, 3, 8, 8), (0, 4))
    """
    sizes = {tuple(image.shape) for image, _ in batch}
    if len(sizes) > 1:
        raise DataError(
            explain(
                "collate_detections: images differ in size",
                where=user_line(),
                got=" and ".join(map(str, sorted(sizes)[:3])),
                try_="transform=zincir.data.Letterboxed(640) brings them to one size",
            )
        )
    images = stack([_tensor(image) for image, _ in batch])
    return images, [{k: _tensor(v) for k, v in target.items()} for _, target in batch]


class Letterboxed:
    """Samples of a `DetectionDataset` brought to one size: see `augment.Letterbox`.

    Boxes and areas are scaled; "orig_size" says height and width of the image as it was.

    Args:
        size: height and width; one number for a square.

    Example:
        >>> target = {"boxes": np.array([[0, 0, 4, 2]], np.float32), "labels": np.array([3])}
        >>> fitted = Letterboxed(8)
        >>> image, target = fitted(np.zeros((3, 2, 4), np.uint8), target)
        >>> image.shape, target["boxes"].tolist()
        ((3, 8, 8), [[0.0, 2.0, 8.0, 6.0]])
        >>> fitted.undo(target["boxes"], target["orig_size"]).tolist()
        [[0.0, 0.0, 4.0, 2.0]]
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self._letterbox = Letterbox(size)

    def __call__(self, image: npt.NDArray[Any], target: Target) -> tuple[Any, Target]:
        """The image and its target, in one size."""
        batch, size = image[None], image.shape
        out = self._letterbox.apply(batch, np.zeros((1, 0), np.float32))[0]
        target = dict(target)
        top, left, height, width = self._letterbox.inside(size[1], size[2])
        down, across = height / size[1], width / size[2]
        scale = np.array([across, down, across, down], np.float32)
        shift = np.array([left, top, left, top], np.float32)
        target["boxes"] = target["boxes"] * scale + shift
        if "area" in target:
            target["area"] = target["area"] * np.float32(across * down)
        target["orig_size"] = (size[1], size[2])
        return out, target

    def undo(self, boxes: Any, orig_size: Sequence[int]) -> Any:
        """Boxes (K, 4) in the image as it was, from boxes in the fitted one; arrays or tensors."""
        top, left, height, width = self._letterbox.inside(*orig_size)
        down, across = height / orig_size[0], width / orig_size[1]
        shift = np.array([left, top, left, top], np.float32)
        scale = np.array([across, down, across, down], np.float32)
        return (boxes - _like(shift, boxes)) / _like(scale, boxes)


def _like(numbers: npt.NDArray[Any], boxes: Any) -> Any:
    return from_numpy(numbers) if isinstance(boxes, Tensor) else numbers


_ARRAY: type[Any] = np.ndarray


def _tensor(value: Any) -> Any:
    return from_numpy(value) if isinstance(value, _ARRAY) else value


def relative_to(folder: str | os.PathLike[str], name: str) -> str:
    """The path of a file that another file in `folder` names, whichever slashes it is named by."""
    return os.path.normpath(os.path.join(os.fspath(folder), name.replace("\\", "/")))
