"""1,797 handwritten digits that ship with the package; `digits.md` beside this file says whose."""

from __future__ import annotations

import gzip
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zincir.errors import ArgumentError, explain

CLASSES = 10
SIDE = 8
INK = 16  # the darkest pixel


class Digits(NamedTuple):
    """Images (N, 1, 8, 8), float32 from 0 to 1, and their labels (N,), int64 from 0 to 9."""

    train_images: npt.NDArray[np.float32]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.float32]
    test_labels: npt.NDArray[np.int64]


def load_digits(seed: int = 0, test_fraction: float = 0.2) -> Digits:
    """Load the digits, shuffled and split so that each class gives the same share to the test.

    The same seed gives the same split, on any machine and with any version of NumPy.

    Args:
        seed: Chooses the shuffle; a whole number from 0.
        test_fraction: The share of every class that is held back, between 0 and 1. Each class
            keeps at least one image on either side.

    Example:
        >>> digits = load_digits()
        >>> digits.train_images.shape, digits.test_images.shape
        ((1438, 1, 8, 8), (359, 1, 8, 8))
        >>> x, y, x_test, y_test = load_digits(seed=1, test_fraction=0.5)
        >>> x.dtype, float(x.min()), float(x.max()), y.dtype
        (dtype('float32'), 0.0, 1.0, dtype('int64'))
    """
    _check_seed(seed)
    _check_fraction(test_fraction)
    images, labels = _read()
    order = _shuffle(len(labels), seed)
    held_back = np.zeros(len(labels), dtype=np.bool_)
    for digit in range(CLASSES):
        members = order[labels[order] == digit]
        count = min(max(round(test_fraction * len(members)), 1), len(members) - 1)
        held_back[members[:count]] = True
    train, test = order[~held_back[order]], order[held_back[order]]
    return Digits(images[train], labels[train], images[test], labels[test])


def _read() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    packed = resources.files("zincir.data").joinpath("digits.csv.gz").read_bytes()
    lines = gzip.decompress(packed).decode("ascii").splitlines()
    table = np.array([line.split(",") for line in lines], dtype=np.int64)
    images = (table[:, :-1] / INK).reshape(-1, 1, SIDE, SIDE).astype(np.float32)
    return images, table[:, -1].copy()


def _shuffle(count: int, seed: int) -> npt.NDArray[np.int64]:
    # NumPy promises that the raw bits of a bit generator never change; of `permutation` it does not
    keys = np.random.PCG64(seed).random_raw(count)
    return np.argsort(keys, kind="stable").astype(np.int64)


def _check_seed(seed: int) -> None:
    given: object = seed
    whole = isinstance(given, int | np.integer) and not isinstance(given, bool)
    if not whole or seed < 0:
        raise ArgumentError(
            explain(
                "load_digits: seed is not a whole number from 0",
                expected="an int, 0 or more",
                got=f"{given!r} ({type(given).__name__})",
                try_="load_digits(seed=0)",
            )
        )


def _check_fraction(fraction: float) -> None:
    given: object = fraction
    number = isinstance(given, int | float | np.number) and not isinstance(given, bool)
    if number and 0 < fraction < 1:
        return
    hint = "load_digits(test_fraction=0.2)"
    if number and 1 < fraction < 100:
        hint = f"a share, not a percentage: test_fraction={fraction / 100:g}"
    raise ArgumentError(
        explain(
            "load_digits: test_fraction is not between 0 and 1",
            expected="a number, 0 < test_fraction < 1",
            got=f"{given!r} ({type(given).__name__})",
            try_=hint,
        )
    )
