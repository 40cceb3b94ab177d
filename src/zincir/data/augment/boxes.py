"""Boxes of a batch of images, which follow what happens to the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array
from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line
from zincir.tensor import Tensor

ABSENT = -1
"""The label where there is no box."""


class Boxes(NamedTuple):
    """Boxes of N images, K each: images with fewer have labels of -1 behind.

    `Compose` takes them beside images, and returns them. Arrays or tensors, as the images are: of
    one shape for all images, so that they may be arguments of a compiled step.

    Example:
        >>> empty = {"boxes": [], "labels": []}
        >>> boxes = pad_boxes([{"boxes": [[0, 0, 2, 4]], "labels": [5]}, empty])
        >>> boxes.places.shape, boxes.labels.tolist()
        ((2, 1, 4), [[5], [-1]])
    """

    places: Array
    """(N, K, 4) float32: left, top, right and bottom in pixels, where right and bottom are the ends
    of the box; 0 where there is none."""
    labels: Array
    """(N, K) int64: from 0; -1 where there is no box."""
    visible: Array = None
    """(N, K) float32: the share of each box's area that was not cut off; None: all of it."""


def pad_boxes(targets: Sequence[Mapping[str, Any]], count: int | None = None) -> Boxes:
    """Boxes of a batch from one dictionary for each image, with "boxes" (k, 4) and "labels" (k,).

    Args:
        targets: as in samples of a `DetectionDataset`; the values are arrays, tensors or lists.
        count: K, places for boxes; as many as the image with most boxes needs if left out (a
            compiled step likes one number for all batches).

    Raises:
        ShapeError: an image has more boxes than `count`, or not one label for each.
    """
    places = [_array(t["boxes"], np.float32).reshape(-1, 4) for t in targets]
    labels = [_array(t["labels"], np.int64).reshape(-1) for t in targets]
    most = max((len(p) for p in places), default=0)
    room = most if count is None else count
    for i, (p, label) in enumerate(zip(places, labels, strict=True)):
        if len(p) != len(label) or len(p) > room:
            raise ShapeError(
                explain(
                    f"pad_boxes: the boxes of image {i} do not fit",
                    where=user_line(),
                    expected=f"at most {room} boxes, and a label for each",
                    got=f"{len(p)} boxes, {len(label)} labels",
                )
            )
    out = Boxes(
        np.zeros((len(targets), room, 4), np.float32),
        np.full((len(targets), room), ABSENT, np.int64),
    )
    for i, (p, label) in enumerate(zip(places, labels, strict=True)):
        out.places[i, : len(p)] = p
        out.labels[i, : len(p)] = label
    return out


def unpad_boxes(boxes: Boxes) -> list[dict[str, np.ndarray[Any, Any]]]:
    """For each image, a dictionary with "boxes" (k, 4) and "labels" (k,) of those that are there.

    Example:
        >>> unpad_boxes(pad_boxes([{"boxes": [[0, 0, 2, 4]], "labels": [5]}], count=3))[0]["labels"]
        array([5])
    """
    places, labels = _array(boxes.places, np.float32), _array(boxes.labels, np.int64)
    there = labels != ABSENT
    return [
        {"boxes": p[there_], "labels": label[there_]}
        for p, label, there_ in zip(places, labels, there, strict=True)
    ]


def _array(values: Any, dtype: Any) -> np.ndarray[Any, Any]:
    array = values.detach().numpy() if isinstance(values, Tensor) else values
    return np.asarray(array, dtype)


def moved(boxes: Boxes, scale: Sequence[Array], shift: Sequence[Array]) -> Boxes:
    """Each x becomes `x * scale[0] + shift[0]`, each y `y * scale[1] + shift[1]`.

    Scales and shifts are numbers, or (N,) of the kind of the boxes.
    """
    lines = [
        boxes.places[:, :, k] * _column(scale[k % 2]) + _column(shift[k % 2]) for k in range(4)
    ]
    return boxes._replace(places=joined(lines))


def _column(value: Any) -> Any:
    return value if isinstance(value, int | float) else value[:, None]


def joined(lines: Sequence[Array]) -> Array:
    """Left, top, right and bottom, each (N, K), as (N, K, 4)."""
    return ar.join([line[:, :, None] for line in lines], 2)


def clipped(boxes: Boxes, limits: Sequence[Array]) -> Boxes:
    """The boxes cut at left, top, right and bottom: numbers, or (N,); what is cut off is noted."""
    left, top, right, bottom = (_column(limit) for limit in limits)
    x1, y1, x2, y2 = (boxes.places[:, :, k] for k in range(4))
    area = (x2 - x1).clip(0, None) * (y2 - y1).clip(0, None)
    x1, x2 = (_between(x, left, right) for x in (x1, x2))
    y1, y2 = (_between(y, top, bottom) for y in (y1, y2))
    rest = (x2 - x1) * (y2 - y1)
    share = rest / ar.where(area > 0, area, ar.like(1.0, area))
    visible = visible_share(boxes) * share
    return boxes._replace(places=joined([x1, y1, x2, y2]), visible=visible)


def covered(boxes: Boxes, piece: Sequence[Array]) -> Boxes:
    """The boxes when something lies over them from left, top, right to bottom, (N,) each.

    A box ends where it is covered over its whole height or width. What is covered is noted.
    """
    left, top, right, bottom = (_column(side) for side in piece)
    x1, y1, x2, y2 = (boxes.places[:, :, k] for k in range(4))
    wide = (ar.smaller(x2, right) - ar.larger(x1, left)).clip(0, None)
    high = (ar.smaller(y2, bottom) - ar.larger(y1, top)).clip(0, None)
    area = (x2 - x1) * (y2 - y1)
    share = 1 - wide * high / ar.where(area > 0, area, ar.like(1.0, area))
    across, down = (left <= x1) & (right >= x2), (top <= y1) & (bottom >= y2)
    sides = [
        ar.where(down & (left <= x1), ar.larger(x1, ar.smaller(x2, right)), x1),
        ar.where(across & (top <= y1), ar.larger(y1, ar.smaller(y2, bottom)), y1),
        ar.where(down & (right >= x2), ar.smaller(x2, ar.larger(x1, left)), x2),
        ar.where(across & (bottom >= y2), ar.smaller(y2, ar.larger(y1, top)), y2),
    ]
    return boxes._replace(places=joined(sides), visible=visible_share(boxes) * share)


def visible_share(boxes: Boxes) -> Array:
    """(N, K): `visible`, or 1 for all."""
    return ar.real(boxes.labels * 0 + 1) if boxes.visible is None else boxes.visible


def _between(x: Array, low: Any, high: Any) -> Array:
    if isinstance(low, int | float):
        return x.clip(low, high)
    return ar.smaller(ar.larger(x, low), high)


def without_small_rests(boxes: Boxes, least: float) -> Boxes:
    """Only boxes of which at least this share is visible, and that have an area."""
    if boxes.visible is None:
        return boxes
    x1, y1, x2, y2 = (boxes.places[:, :, k] for k in range(4))
    good = (boxes.labels >= 0) & (boxes.visible >= least) & (x2 > x1) & (y2 > y1)
    labels = ar.where(good, boxes.labels, boxes.labels * 0 + ABSENT)
    return Boxes(boxes.places * ar.real(good)[:, :, None], labels, boxes.visible)
