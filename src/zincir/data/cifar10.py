"""CIFAR-10: 60,000 small photographs of ten kinds of things, read from a file that is there.

From Krizhevsky, "Learning multiple layers of features from tiny images" (2009),
https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import os
import tarfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zincir.data.download import digest_of
from zincir.data.registry import find_data, how_to_get, known_data
from zincir.errors import DataError, explain
from zincir.graph.node import user_line

CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
"""What labels 0 to 9 mean."""

SHAPE = (3, 32, 32)
TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST = ("test_batch.bin",)


class CIFAR10(NamedTuple):
    """Images (N, 3, 32, 32), bytes; labels (N,), int64 from 0 to 9."""

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int64]


def load_cifar10(folder: str | os.PathLike[str] | None = None) -> CIFAR10:
    """Load CIFAR-10: 50,000 photographs to train on and 10,000 to test with.

    They are read out of `cifar-10-binary.tar.gz`, whose SHA-256 is compared with the known one.
    Nothing is downloaded: `zincir data get cifar10` does that.

    Args:
        folder: where the file is. None: the folder that the variable `ZINCIR_DATA` names, or
            `cifar10` inside of it; where `zincir data get cifar10` puts it.

    Raises:
        DataNotFound: the file is absent; says what to do.
        DataError: it is damaged, or something else.

    Example:
        >>> photographs = load_cifar10()  # doctest: +SKIP
        >>> photographs.train_images.shape  # doctest: +SKIP
        (50000, 3, 32, 32)
    """
    known = known_data("cifar10")
    path = find_data("cifar10", folder) / known.files[0].name
    digest = digest_of(path)
    if digest != known.files[0].sha256:
        raise _wrong(path, f"SHA-256 {digest}")
    try:
        with tarfile.open(path) as archive:
            parts = {Path(m.name).name: _records(archive, m) for m in archive if m.isfile()}
        return CIFAR10(*_joined(parts, TRAIN), *_joined(parts, TEST))
    except (OSError, EOFError, KeyError, ValueError, tarfile.TarError, zlib.error) as error:
        raise _wrong(path, f"{type(error).__name__}: {error}") from error


def _records(archive: tarfile.TarFile, member: tarfile.TarInfo) -> npt.NDArray[np.uint8]:
    """A label and the pixels of an image in each row; nothing of files that are no batches."""
    stream = archive.extractfile(member) if member.name.endswith(".bin") else None
    content = b"" if stream is None else stream.read()
    return np.frombuffer(content, np.uint8).reshape(-1, 1 + int(np.prod(SHAPE)))


def _joined(
    parts: dict[str, npt.NDArray[np.uint8]], names: tuple[str, ...]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    rows = np.concatenate([parts[name] for name in names])
    return rows[:, 1:].reshape(-1, *SHAPE).copy(), rows[:, 0].astype(np.int64)


def _wrong(path: Path, got: str) -> DataError:
    return DataError(
        explain(
            f"load_cifar10: {path.name} is not the file that it should be",
            where=user_line(),
            got=f"{path}, {path.stat().st_size:,} bytes\n{got}",
            try_=f"delete the file and get it again:\n{how_to_get(known_data('cifar10'))}",
        )
    )
