"""Fashion-MNIST: 70,000 small photographs of clothes, read from files that are already there.

From Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
learning algorithms", https://arxiv.org/abs/1708.07747. Copyright 2017 Zalando SE, MIT licence.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zincir.data.idx import IdxFile, IdxSet
from zincir.data.registry import how_to_get, known_data, places_of

FASHION_MNIST_CLASSES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
"""What labels 0 to 9 mean."""

DEBIAN = Path("/usr/share/datasets/fashion-mnist")

FILES = (
    IdxFile(
        "train-images-idx3-ubyte.gz",
        (60000, 28, 28),
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    IdxFile(
        "train-labels-idx1-ubyte.gz",
        (60000,),
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    IdxFile(
        "t10k-images-idx3-ubyte.gz",
        (10000, 28, 28),
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    IdxFile(
        "t10k-labels-idx1-ubyte.gz",
        (10000,),
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)


class FashionMNIST(NamedTuple):
    """Images (N, 28, 28), bytes, 0 is background; labels (N,), int64 from 0 to 9."""

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int64]


def load_fashion_mnist(folder: str | os.PathLike[str] | None = None) -> FashionMNIST:
    """Load Fashion-MNIST: 60,000 images to train on and 10,000 to test with, 28 x 28.

    The four gzipped IDX files are those of Debian's package `dataset-fashion-mnist` or of the
    original; what is in them is compared with known SHA-256 sums. Nothing is downloaded.

    Args:
        folder: where the files are. None: the folder that the variable `ZINCIR_DATA` names, or
            `fashion-mnist` inside of it; where `zincir data get fashion-mnist` puts them; where
            Debian does.

    Raises:
        ArgumentError: files are absent, damaged, or something else; says what to do.

    Example:
        >>> clothes = load_fashion_mnist()  # doctest: +SKIP
        >>> clothes.train_images.shape, clothes.test_labels.shape  # doctest: +SKIP
        ((60000, 28, 28), (10000,))
        >>> FASHION_MNIST_CLASSES[9]
        'ankle boot'
    """
    known = dataclasses.replace(known_data("fashion-mnist"), places=(str(DEBIAN),))
    files = IdxSet("load_fashion_mnist", "Fashion-MNIST", FILES, how_to_get(known))
    x, y, x_test, y_test = files.load(places_of(known, folder))
    return FashionMNIST(x, y.astype(np.int64), x_test, y_test.astype(np.int64))
