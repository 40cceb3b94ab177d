"""Fashion-MNIST: 70,000 small photographs of clothes, read from files that are already there.

From Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
learning algorithms", https://arxiv.org/abs/1708.07747. Copyright 2017 Zalando SE, MIT licence.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line

FASHION_MNIST_CLASSES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
"""What labels 0 to 9 mean."""

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
INSTALL = "apt-get install dataset-fashion-mnist"
SOURCE = "https://github.com/zalandoresearch/fashion-mnist"


class IdxFile(NamedTuple):
    """A gzipped file of bytes in the IDX format: what must be in it."""

    name: str
    shape: tuple[int, ...]
    sha256: str
    """Of the unpacked bytes: packed again, they would have another one."""


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
            `fashion-mnist` inside of it; otherwise where Debian puts them.

    Raises:
        ArgumentError: files are absent, damaged, or something else; says what to do.

    Example:
        >>> clothes = load_fashion_mnist()  # doctest: +SKIP
        >>> clothes.train_images.shape, clothes.test_labels.shape  # doctest: +SKIP
        ((60000, 28, 28), (10000,))
        >>> FASHION_MNIST_CLASSES[9]
        'ankle boot'
    """
    found = _folder(folder)
    x, y, x_test, y_test = (_read(found / file.name, file) for file in FILES)
    return FashionMNIST(x, y.astype(np.int64), x_test, y_test.astype(np.int64))


def _folder(given: str | os.PathLike[str] | None) -> Path:
    """The folder that has all files.

    Raises:
        ArgumentError: there is none.
    """
    named = given or os.environ.get("ZINCIR_DATA")
    folders: list[Path] = []
    if named:
        folders += [Path(named).expanduser(), Path(named).expanduser() / "fashion-mnist"]
    if given is None:
        folders.append(DEBIAN)
    missing = {folder: _missing(folder) for folder in folders}
    for folder, names in missing.items():
        if not names:
            return folder
    raise ArgumentError(
        explain(
            "load_fashion_mnist: the files are not there",
            where=user_line(),
            expected="\n".join(file.name for file in FILES),
            got="\n".join(_report(folder, names) for folder, names in missing.items()),
            try_=f"{INSTALL}    (on Debian and Ubuntu)\n"
            f"or put the files of {SOURCE}\n"
            "into a folder, and name it: load_fashion_mnist(folder), or in ZINCIR_DATA",
        )
    )


def _missing(folder: Path) -> list[str]:
    return [file.name for file in FILES if not (folder / file.name).is_file()]


def _report(folder: Path, missing: Sequence[str]) -> str:
    if not folder.is_dir():
        return f"{folder}: no such folder"
    if len(missing) == len(FILES):
        return f"{folder}: none of them"
    return f"{folder}: without {', '.join(missing)}"


def _read(path: Path, file: IdxFile) -> npt.NDArray[np.uint8]:
    """The array in an IDX file: http://yann.lecun.com/exdb/mnist says how it is laid out.

    Raises:
        ArgumentError: it is damaged, or not the file it should be.
    """
    header = bytes([0, 0, 8, len(file.shape)]) + np.array(file.shape, ">u4").tobytes()
    size = len(header) + math.prod(file.shape)
    try:
        with gzip.open(path) as stream:
            content = bytearray(stream.read(size + 1))  # not more, whatever the file pretends to be
    except (OSError, EOFError, zlib.error) as error:
        raise _wrong(path, "cannot be unpacked", f"{type(error).__name__}: {error}") from error
    if content[: len(header)] != header:
        raise _wrong(
            path,
            f"is not an IDX file of bytes, {file.shape}",
            f"it begins with {content[:4].hex()}",
        )
    if len(content) != size:
        got = "more" if len(content) > size else f"{len(content)} bytes"
        raise _wrong(path, "has another length than it should", f"{got} instead of {size} bytes")
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise _wrong(path, "has other contents than Fashion-MNIST", f"SHA-256 {digest}")
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(file.shape)


def _wrong(path: Path, what: str, got: str) -> ArgumentError:
    return ArgumentError(
        explain(
            f"load_fashion_mnist: {path.name} {what}",
            where=user_line(),
            got=f"{path}, {path.stat().st_size:,} bytes\n{got}",
            try_=f"delete the file and get it again: {INSTALL}, or {SOURCE}\n"
            "(MNIST and others have files of the same names)",
        )
    )
