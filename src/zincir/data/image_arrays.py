"""Images that are in memory, as a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.creation import from_numpy
from zincir.errors import DataError, DTypeError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.utils.data import TensorDataset


class ImageArrays(TensorDataset):
    """Arrays of images, with labels or without: sample i is `(image, label)`, or `(image,)`.

    Args:
        images: (N, C, H, W); or (N, H, W) for one channel, which is added; or (N, H, W, C) with
            `channels="last"`. Bytes, or float32 from 0 to 1.
        labels: (N,) whole numbers from 0, which become int64.
        classes: what the labels mean, in order; labels must be below their number.
        channels: "first" or "last".

    Raises:
        ShapeError: the shapes are others, or there is not one label for each image.
        DTypeError: pixels or labels are of another type.
        DataError: a label is out of range, or a pixel is NaN; says which.

    Example:
        >>> data = ImageArrays(np.zeros((5, 8, 8), np.uint8), [0, 1, 2, 0, 1])
        >>> data[3][0].shape, data[3][1].item(), len(data)
        ((1, 8, 8), 0, 5)
    """

    def __init__(
        self,
        images: Any,
        labels: Any = None,
        *,
        classes: Sequence[str] | None = None,
        channels: str = "first",
    ) -> None:
        pixels = _pixels(np.asarray(images), channels)
        self.classes = None if classes is None else list(classes)
        parts = [from_numpy(pixels)]
        if labels is not None:
            checked = checked_labels("ImageArrays", labels, len(pixels), self.classes)
            parts.append(from_numpy(checked))
        super().__init__(*parts)


def _pixels(images: np.ndarray[Any, Any], channels: str) -> np.ndarray[Any, Any]:
    if channels not in ("first", "last") or images.ndim not in (3, 4):
        raise ShapeError(
            explain(
                "ImageArrays: not a batch of images",
                where=user_line(),
                expected='(N, H, W), (N, C, H, W), or (N, H, W, C) with channels="last"',
                got=f"{images.shape}, channels={channels!r}",
            )
        )
    if images.dtype not in (np.uint8, np.float32):
        raise DTypeError(
            explain(
                "ImageArrays: pixels are neither bytes nor float32",
                where=user_line(),
                got=str(images.dtype),
                try_="images.astype(numpy.uint8), or images.astype(numpy.float32) from 0 to 1",
            )
        )
    if images.ndim == 3:
        images = images[:, None]
    elif channels == "last":
        images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    if images.dtype == np.float32 and np.isnan(images).any():
        at = np.argwhere(np.isnan(images))
        raise DataError(
            explain(
                f"ImageArrays: image {at[0][0]} has a pixel that is NaN",
                where=user_line(),
                got=f"channel {at[0][1]}, row {at[0][2]}, column {at[0][3]}; "
                f"{len({int(row[0]) for row in at})} such images",
            )
        )
    return images


def checked_labels(
    what: str, labels: Any, count: int, classes: Sequence[str] | None = None
) -> np.ndarray[Any, Any]:
    """Labels as int64 (N,), all from 0 and, if classes are known, below their number.

    Raises:
        ShapeError: there are not `count` of them.
        DTypeError: they are no whole numbers.
        DataError: one of them is out of range.
    """
    numbers = np.asarray(labels)
    if numbers.shape != (count,):
        raise ShapeError(
            explain(
                f"{what}: there is not one label for each sample",
                where=user_line(),
                expected=f"({count},)",
                got=str(numbers.shape),
            )
        )
    if numbers.dtype.kind not in "iu" and count:
        raise DTypeError(
            explain(
                f"{what}: labels are no whole numbers",
                where=user_line(),
                got=f"{numbers.dtype}, such as {numbers[0]!r}",
                try_="classes, labels = numpy.unique(names, return_inverse=True)",
            )
        )
    most = np.iinfo(np.int64).max if classes is None else len(classes)
    wrong = np.flatnonzero((numbers < 0) | (numbers >= most))
    if len(wrong):
        raise DataError(
            explain(
                f"{what}: the label of sample {wrong[0]} is out of range",
                where=user_line(),
                expected="from 0" + (f" to {most - 1}: {len(classes)} classes" if classes else ""),
                got=f"{numbers[wrong[0]]}; {len(wrong)} such labels",
            )
        )
    return numbers.astype(np.int64)
