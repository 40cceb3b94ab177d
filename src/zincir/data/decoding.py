"""Image files as arrays, by Pillow."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from zincir.errors import ArgumentError, DataError, DataNotFound, explain
from zincir.graph.node import user_line
from zincir.runtime.team import get_num_threads

_T = TypeVar("_T")

IMAGE_EXTENSIONS = (
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp",
)  # fmt: skip
"""What names of image files end with."""

INSTALL = 'pip install "zincir[images]"'
MODES = {"RGB": 3, "L": 1}
"""Colours and greys, under Pillow's names, and how many channels they have."""


def read_image(
    path: str | os.PathLike[str], mode: str = "RGB", size: int | None = None
) -> npt.NDArray[np.uint8]:
    """An image file as bytes (C, H, W).

    Needs Pillow (`pip install "zincir[images]"`). The orientation that cameras note is applied.

    Args:
        path: the file.
        mode: "RGB" for three channels, "L" for one of grey.
        size: the image is scaled until its shorter side has this length, and its middle cut out,
            so that all images are squares of one size. None: as it is.

    Raises:
        DataNotFound: there is no such file.
        DataError: it cannot be decoded; names it.

    Example:
        >>> read_image("photos/cat.jpg").shape  # doctest: +SKIP
        (3, 480, 640)
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise no_pillow(path) from error
    if mode not in MODES:
        raise ArgumentError(
            explain(
                "read_image: mode is not known",
                where=user_line(),
                expected='"RGB" or "L"',
                got=repr(mode),
            )
        )
    try:
        with Image.open(path) as file:
            turned = cast(Any, ImageOps.exif_transpose(file))
            image = turned.convert(mode)
    except FileNotFoundError as error:
        raise _no_file(path) from error
    except Exception as error:  # decoders raise whatever a broken file makes them stumble over
        raise _broken(path, error) from error
    if size is not None:
        image = _square(image, size)
    pixels = np.asarray(image, np.uint8)
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Height and width of an image file, as cameras say it is held; no pixel is read.

    Raises:
        DataNotFound: there is no such file.
        DataError: it is no image; names it.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise no_pillow(path) from error
    try:
        with Image.open(path) as file:
            width, height = file.size
            turned = file.getexif().get(0x0112, 1) >= 5  # orientations that exchange the sides
    except FileNotFoundError as error:
        raise _no_file(path) from error
    except Exception as error:  # decoders raise whatever a broken file makes them stumble over
        raise _broken(path, error) from error
    return (width, height) if turned else (height, width)


def side_by_side(read: Callable[[str], _T], paths: Sequence[str]) -> list[_T]:
    """What `read` makes of each file, several at a time: Pillow decodes without Python's lock."""
    threads = min(get_num_threads(), len(paths))
    if threads < 2:
        return [read(path) for path in paths]
    with ThreadPoolExecutor(threads) as pool:
        coming = [pool.submit(read, path) for path in paths]
    # What went wrong goes wrong again, in the caller's thread, where messages know the user's line.
    return [
        read(path) if one.exception() else one.result()
        for one, path in zip(coming, paths, strict=True)
    ]


def write_image(path: str | os.PathLike[str], image: npt.NDArray[Any]) -> None:
    """Write bytes (C, H, W), of one channel or three, as a file of the kind that its name says.

    Needs Pillow (`pip install "zincir[images]"`).

    Example:
        >>> write_image("out/red.png", np.uint8([[[255]], [[0]], [[0]]]))  # doctest: +SKIP
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise no_pillow(path) from error
    pixels = np.asarray(image, np.uint8)
    pixels = pixels[0] if pixels.shape[0] == 1 else pixels.transpose(1, 2, 0)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)


def _square(image: Any, size: int) -> Any:
    """The middle of an image whose shorter side becomes `size`."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return image.resize((size, size), box=(left, top, left + side, top + side), resample=2)


def _no_file(path: str | os.PathLike[str]) -> DataNotFound:
    text = explain(f"there is no image file {os.fspath(path)}", where=user_line())
    return DataNotFound(text)


def no_pillow(path: str | os.PathLike[str]) -> ArgumentError:
    """What to say where Pillow is not installed."""
    return ArgumentError(
        explain(
            f"images are read and written by Pillow, which is not installed ({Path(path).name})",
            where=user_line(),
            try_=INSTALL,
        )
    )


def _broken(path: str | os.PathLike[str], error: Exception) -> DataError:
    size = Path(path).stat().st_size if Path(path).is_file() else 0
    return DataError(
        explain(
            f"this image cannot be decoded: {os.fspath(path)}",
            where=user_line(),
            got=f"{size:,} bytes; {type(error).__name__}: {error}",
            try_='broken="skip" leaves such images out of a data set; or delete the file',
        )
    )
