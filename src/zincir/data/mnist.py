"""MNIST: 70,000 handwritten digits, read from files that are already there.

From LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86 (1998).
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zincir.data.idx import IdxFile, IdxSet
from zincir.data.registry import how_to_get, known_data, places_of

FILES = (
    IdxFile(
        "train-images-idx3-ubyte.gz",
        (60000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    IdxFile(
        "train-labels-idx1-ubyte.gz",
        (60000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    IdxFile(
        "t10k-images-idx3-ubyte.gz",
        (10000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    IdxFile(
        "t10k-labels-idx1-ubyte.gz",
        (10000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


class MNIST(NamedTuple):
    """Images (N, 28, 28), bytes, 0 is paper; labels (N,), int64 from 0 to 9."""

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int64]


def load_mnist(folder: str | os.PathLike[str] | None = None) -> MNIST:
    """Load MNIST: 60,000 images to train on and 10,000 to test with, 28 x 28.

    What is in the four gzipped IDX files is compared with known SHA-256 sums. Nothing is
    downloaded: `zincir data get mnist` does that.

    Args:
        folder: where the files are. None: the folder that the variable `ZINCIR_DATA` names, or
            `mnist` inside of it; where `zincir data get mnist` puts them.

    Raises:
        DataNotFound: files are absent; says what to do.
        DataError: they are damaged, or something else.

    Example:
        >>> digits = load_mnist()  # doctest: +SKIP
        >>> digits.train_images.shape, digits.test_labels.shape  # doctest: +SKIP
        ((60000, 28, 28), (10000,))
    """
    known = known_data("mnist")
    files = IdxSet("load_mnist", "MNIST", FILES, how_to_get(known))
    x, y, x_test, y_test = files.load(places_of(known, folder))
    return MNIST(x, y.astype(np.int64), x_test, y_test.astype(np.int64))
