"""Scenes to learn detection from: real small images, pasted onto a canvas, with exact boxes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from zincir.data.augment import Boxes, Draws, pad_boxes
from zincir.data.detection import Target
from zincir.data.digits import load_digits
from zincir.data.fashion_mnist import FASHION_MNIST_CLASSES, load_fashion_mnist
from zincir.errors import ArgumentError, IndexOutOfRange, explain
from zincir.graph.node import user_line
from zincir.utils.data import Dataset

PARTS = ("train", "test")
SOURCES = ("digits", "fashion-mnist")
TRIES = 24
"""How often a place is looked for before an object is left out."""
MOST_HIDDEN = 0.2
"""The share of the smaller of two boxes that the other one may cover."""
SOLID = 0.5
"""How opaque a pixel is that counts as part of an object."""

Plane = npt.NDArray[np.float32]


class Source(NamedTuple):
    """Small images to paste: ink from 0 to 1, cut close, and what they are."""

    inks: list[Plane]
    labels: npt.NDArray[np.int64]
    classes: list[str]


class Scenes(Dataset[Any]):
    """Scenes with objects of ten classes: sample i is `(image, target)`, as of `DetectionDataset`.

    Each object is a real image, of a garment (Fashion-MNIST) or a handwritten digit, in a random
    size, place, shape and colour; the canvas is a random run of colours with noise. The boxes are
    those of the opaque pixels, to the pixel. Of two objects, at most a fifth of the smaller one's
    box is covered by the other's. Scene i depends on seed, part and i alone. The scenes of "test"
    are made of images that no scene of "train" has: the source's own test part.

    Args:
        count: how many scenes.
        part: "train" or "test".
        size: pixels of a side.
        objects: least and most number of objects; fewer, if there is no place for them.
        scale: least and most length of an object's longer side, as share of the canvas's.
        source: "fashion-mnist" or "digits"; None: Fashion-MNIST, if its files are found (see
            `load_fashion_mnist`), otherwise the digits, which ship with the package.
        seed: another seed, other scenes.

    Attributes:
        classes: what labels mean.
        source: the name of the source.

    Raises:
        ArgumentError: an argument is out of range.

    Example:
        >>> scenes = Scenes(100, "train", size=64, source="digits")
        >>> image, target = scenes[7]
        >>> image.shape, image.dtype, target["boxes"].shape[1], target["image_id"]
        ((3, 64, 64), dtype('uint8'), 4, 7)
    """

    def __init__(
        self,
        count: int = 1000,
        part: str = "train",
        *,
        size: int = 128,
        objects: tuple[int, int] = (1, 6),
        scale: tuple[float, float] = (0.18, 0.45),
        source: str | None = None,
        seed: int = 0,
    ) -> None:
        _check(count, part, size, objects, scale, source)
        self.count, self.part, self.size = count, part, size
        self.objects, self.scale, self.seed = objects, scale, seed
        self.source, (self._inks, self._labels, self.classes) = _source(source, part)

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        return f"Scenes({self.count}, {self.part!r}, size={self.size}, source={self.source!r})"

    def __getitem__(self, index: Any) -> tuple[npt.NDArray[np.uint8], Target]:
        i = operator.index(index)
        if not -self.count <= i < self.count:
            raise IndexOutOfRange(
                explain(
                    "Scenes: there are fewer scenes",
                    where=user_line(),
                    expected=f"0 to {self.count - 1}",
                    got=str(i),
                )
            )
        i %= self.count
        draws = Draws(self.seed, PARTS.index(self.part), [i])
        canvas = _canvas(draws.of("canvas"), self.size)
        boxes: list[list[int]] = []
        labels: list[int] = []
        low, high = self.objects
        for k in range(low + int(draws.integers("count", high - low + 1)[0])):
            self._paste(draws.of(f"object {k}"), canvas, boxes, labels)
        noise = draws.normal("noise", 3 * self.size**2).reshape(canvas.shape)
        image = np.rint((canvas + 0.02 * noise) * 255).clip(0, 255).astype(np.uint8)
        places = np.array(boxes, np.float32).reshape(-1, 4)
        return image, {
            "boxes": places,
            "labels": np.array(labels, np.int64),
            "area": (places[:, 2:] - places[:, :2]).prod(axis=1),
            "iscrowd": np.zeros(len(labels), np.bool_),
            "image_id": i,
        }

    def arrays(self) -> tuple[npt.NDArray[np.uint8], Boxes]:
        """All scenes at once: images (N, 3, size, size), and their boxes, padded.

        Example:
            >>> images, boxes = Scenes(3, size=32, source="digits").arrays()
            >>> images.shape, boxes.places.shape[0], boxes.labels.dtype
            ((3, 3, 32, 32), 3, dtype('int64'))
        """
        samples = [self[i] for i in range(self.count)]
        images = np.stack([image for image, _ in samples])
        return images, pad_boxes([target for _, target in samples], self.objects[1])

    def _paste(
        self, draws: Draws, canvas: Plane, boxes: list[list[int]], labels: list[int]
    ) -> None:
        """Put one more object onto the canvas, if there is a place."""
        number = int(draws.integers("which", len(self._labels))[0])
        ink = self._inks[number]
        longer = draws.uniform("size", *self.scale, size=TRIES)[0] * self.size
        shape = np.exp(draws.uniform("shape", -0.25, 0.25, size=TRIES))[0]
        places = draws.uniform("place", size=2 * TRIES)[0].reshape(TRIES, 2)
        for length, ratio, place in zip(longer, shape, places, strict=True):
            sides = np.array(ink.shape) * (ratio**0.5, ratio**-0.5)
            height, width = np.maximum(np.rint(sides * length / sides.max()), 3).astype(int)
            top, left = (place * (self.size - height + 1, self.size - width + 1)).astype(int)
            if top + height > self.size or left + width > self.size:
                continue
            shade = _resized(ink, int(height), int(width))
            alpha = np.clip(shade * 4 - 0.2, 0, 1)
            box = _around(alpha >= SOLID, int(left), int(top))
            if box is None or any(_hidden(box, other) > MOST_HIDDEN for other in boxes):
                continue
            under = canvas[:, top : top + height, left : left + width]
            colour = _contrast(draws, under.mean(axis=(1, 2)))
            under += alpha * (colour[:, None, None] * (0.35 + 0.65 * shade) - under)
            boxes.append(box)
            labels.append(int(self._labels[number]))
            return


def _source(name: str | None, part: str) -> tuple[str, Source]:
    """The images that scenes are made of."""
    if name is None:
        try:
            return "fashion-mnist", _fashion_mnist(part)
        except ArgumentError:
            name = "digits"
    makers: dict[str, Callable[[str], Source]] = {
        "digits": _digits,
        "fashion-mnist": _fashion_mnist,
    }
    return name, makers[name](part)


def _digits(part: str) -> Source:
    digits = load_digits()
    images = digits.train_images if part == "train" else digits.test_images
    labels = digits.train_labels if part == "train" else digits.test_labels
    return Source(_cut_close(images[:, 0]), labels, [str(i) for i in range(10)])


def _fashion_mnist(part: str) -> Source:
    clothes = load_fashion_mnist()
    images = clothes.train_images if part == "train" else clothes.test_images
    labels = clothes.train_labels if part == "train" else clothes.test_labels
    images, labels = images[:LARGEST], labels[:LARGEST]
    inks = _cut_close((images / 255).astype(np.float32))
    return Source(inks, labels, list(FASHION_MNIST_CLASSES))


LARGEST = 10_000
"""So many images of a source are used: more than scenes have objects, in most trainings."""


def _cut_close(images: Plane) -> list[Plane]:
    """Each image without the empty rows and columns around what is drawn."""
    out: list[Plane] = []
    for image in images:
        box = _around(image > 0.1, 0, 0) or [0, 0, image.shape[1], image.shape[0]]
        out.append(image[box[1] : box[3], box[0] : box[2]])
    return out


def _around(solid: npt.NDArray[np.bool_], left: int, top: int) -> list[int] | None:
    """The box around what is True, moved by left and top; None if nothing is."""
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if not len(rows):
        return None
    return [
        left + int(columns[0]),
        top + int(rows[0]),
        left + int(columns[-1]) + 1,
        top + int(rows[-1]) + 1,
    ]


def _hidden(a: Sequence[int], b: Sequence[int]) -> float:
    """The share of the smaller box that both have in common."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    areas = ((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b))
    return max(width, 0) * max(height, 0) / min(areas)


def _resized(plane: Plane, height: int, width: int) -> Plane:
    """Interpolated between pixels, without what differs from machine to machine."""
    image: np.ndarray[Any, Any] = plane
    for axis, count in ((0, height), (1, width)):
        size = int(image.shape[axis])
        line: np.ndarray[Any, Any] = np.arange(count) + 0.5
        places: np.ndarray[Any, Any] = np.clip(line * size / count - 0.5, 0, size - 1)
        before = np.minimum(places.astype(int), max(size - 2, 0))
        share = (places - before).astype(np.float32)
        share = share[:, None] if axis == 0 else share
        after = np.minimum(before + 1, size - 1)
        image = image.take(before, axis) * (1 - share) + image.take(after, axis) * share
    return image


def _canvas(draws: Draws, size: int) -> Plane:
    """Colours that run from one to another across the canvas, (3, size, size), with spots."""
    ends = draws.uniform("ends", size=6)[0].reshape(2, 3, 1, 1)
    angle = float(draws.uniform("angle", 0, 2 * np.pi)[0])
    line = np.linspace(-0.5, 0.5, size)
    run = np.clip(0.5 + line * np.cos(angle) + line[:, None] * np.sin(angle), 0, 1)
    spots = _resized(
        draws.uniform("spots", -1, 1, 25)[0].reshape(5, 5).astype(np.float32), size, size
    )
    out = ends[0] * (1 - run) + ends[1] * run + 0.12 * spots
    return np.clip(out, 0, 1).astype(np.float32)


def _contrast(draws: Draws, behind: npt.NDArray[Any]) -> Plane:
    """The first of some colours that differs from what is behind, or the one that does so most."""
    colours = draws.uniform("colour", size=24)[0].reshape(8, 3)
    apart = np.abs(colours - behind).mean(axis=1)
    good = np.flatnonzero(apart > 0.35)
    return colours[good[0] if len(good) else apart.argmax()].astype(np.float32)


def _check(
    count: int,
    part: str,
    size: int,
    objects: tuple[int, int],
    scale: tuple[float, float],
    source: str | None,
) -> None:
    good = {
        "count is a whole number from 1": isinstance(count, int) and count >= 1,
        "part is one of " + ", ".join(PARTS): part in PARTS,
        "size is a whole number from 16": isinstance(size, int) and size >= 16,
        "objects is (least, most), from 0": 0 <= objects[0] <= objects[1] > 0,
        "scale is (least, most), above 0 and up to 1": 0 < scale[0] <= scale[1] <= 1,
        "source is None or one of " + ", ".join(SOURCES): source in (None, *SOURCES),
    }
    wrong = [text for text, fine in good.items() if not fine]
    if wrong:
        given = {"count": count, "part": part, "size": size, "objects": objects, "scale": scale,
                 "source": source}  # fmt: skip
        name = wrong[0].split()[0]
        raise ArgumentError(
            explain(
                f"Scenes: {name} is out of range",
                where=user_line(),
                expected=wrong[0],
                got=repr(given[name]),
            )
        )
