"""Files sorted into folders, one for each class."""

from __future__ import annotations

import functools
import operator
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from zincir.data.decoding import IMAGE_EXTENSIONS, read_image, side_by_side
from zincir.errors import ArgumentError, DataError, DataNotFound, explain
from zincir.graph.node import user_line
from zincir.utils.data import Dataset

Named = str | os.PathLike[str]
BROKEN = ("refuse", "skip")
SHOWN = 5


class DatasetFolder(Dataset[Any]):
    """Files in one folder for each class: `root/dog/1.wav`, `root/cat/any/depth/2.wav`.

    Sample i is `(loader(path), label)`; labels are the places of the folders' names in order.
    Hidden files and folders (`.DS_Store`, `.git`) are no data.

    Args:
        root: the folder of folders.
        loader: makes a sample of a file's path.
        extensions: what names of files end with, in any case: `(".wav", ".ogg")`.
        transform: changes what the loader returned.
        target_transform: changes labels.
        is_valid_file: says of a path whether it belongs to the data, in place of `extensions`.
        allow_empty: whether a class may be without files.
        broken: "refuse": a file that the loader stumbles over raises an error that names it, when
            it is asked for; "skip": all are loaded once in the beginning, and those that cannot be
            are named in a warning, listed in `skipped`, and left out.

    Attributes:
        classes: names of the folders, in order.
        class_to_idx: their labels.
        samples: path and label of each sample.
        targets: the labels.
        skipped: files that could not be loaded, with the reason.

    Raises:
        DataNotFound: there is no such folder, none inside of it, or a class has no file.
    """

    def __init__(
        self,
        root: Named,
        loader: Callable[[str], Any],
        extensions: Sequence[str] | str | None = None,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
        *,
        broken: str = "refuse",
    ) -> None:
        if broken not in BROKEN:
            raise ArgumentError(
                explain(
                    f"{type(self).__name__}: broken is not known",
                    where=user_line(),
                    expected='"refuse" or "skip"',
                    got=repr(broken),
                )
            )
        self.root = os.fspath(root)
        self.loader = loader
        self.extensions = extensions
        self.transform = transform
        self.target_transform = target_transform
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(
            self.root, self.class_to_idx, extensions, is_valid_file, allow_empty
        )
        self.skipped: list[tuple[str, str]] = []
        if broken == "skip":
            self._skip()
        self.targets = [label for _, label in self.samples]

    def find_classes(self, directory: Named) -> tuple[list[str], dict[str, int]]:
        """Names of the folders in order, and their labels; a subclass may find others."""
        return find_classes(directory)

    @staticmethod
    def make_dataset(
        directory: Named,
        class_to_idx: dict[str, int],
        extensions: Sequence[str] | str | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """Path and label of each file; a subclass may choose others."""
        return find_files(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        path, label = self.samples[operator.index(index)]
        return self._sample(self.loader(path), label)

    def _sample(self, sample: Any, label: int) -> tuple[Any, Any]:
        if self.transform is not None:
            sample = self.transform(sample)
        return sample, label if self.target_transform is None else self.target_transform(label)

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        kind = type(self).__name__
        return f"{kind}({self.root!r}: {len(self)} samples of {len(self.classes)} classes)"

    def _skip(self) -> None:
        """Leave out what cannot be loaded, and say so."""
        good: list[tuple[str, int]] = []
        count = len(self.samples)
        for path, label in self.samples:
            try:
                self.loader(path)
            except DataNotFound:
                raise
            except DataError as error:
                self.skipped.append((path, str(error).splitlines()[0]))
            else:
                good.append((path, label))
        self.samples = good
        if self.skipped:
            shown = "".join(f"\n  {path}" for path, _ in self.skipped[:SHOWN])
            more = len(self.skipped) - SHOWN
            rest = f"\n  and {more} more (see `skipped`)" if more > 0 else ""
            warnings.warn(
                f"{type(self).__name__}: {len(self.skipped)} of {count} files cannot be decoded "
                f"and are left out:{shown}{rest}",
                stacklevel=3,
            )
        if not good:
            raise DataError(
                explain(
                    f"{type(self).__name__}: not one file can be decoded",
                    where=user_line(),
                    got=f"{len(self.skipped)} files in {self.root}",
                )
            )


class ImageFolder(DatasetFolder):
    """Images in one folder for each class: `root/dog/x.png`, `root/cat/y.jpg`.

    Sample i is `(image, label)`, the image as bytes (3, H, W): what `zincir.data.augment` takes
    in batches. Needs Pillow: `pip install "zincir[images]"`.

    Args:
        root: the folder of folders.
        transform: changes images.
        target_transform: changes labels.
        loader: reads a file, in place of `read_image`.
        is_valid_file: says of a path whether it belongs to the data; in place of the usual
            extensions (.jpg .jpeg .png .ppm .bmp .pgm .tif .tiff .webp).
        allow_empty: whether a class may be without images.
        size: all images become squares of so many pixels: scaled, and the middle cut out.
        mode: "RGB", or "L" for greys (1, H, W).
        broken: what is done about images that cannot be decoded; see `DatasetFolder`.

    Attributes:
        imgs: the same as `samples`.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from zincir.data.decoding import write_image
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("cat", "dog"):
        ...     (root / name).mkdir()
        ...     write_image(root / name / "1.png", np.zeros((3, 4, 6)))
        >>> data = ImageFolder(root)
        >>> data.classes, len(data), data[1][0].shape, data[1][1]
        (['cat', 'dog'], 2, (3, 4, 6), 1)
    """

    def __init__(
        self,
        root: Named,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        loader: Callable[[str], Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
        *,
        size: int | None = None,
        mode: str = "RGB",
        broken: str = "refuse",
    ) -> None:
        self._reads = loader is None
        super().__init__(
            root,
            loader or functools.partial(read_image, mode=mode, size=size),
            None if is_valid_file else IMAGE_EXTENSIONS,
            transform,
            target_transform,
            is_valid_file,
            allow_empty,
            broken=broken,
        )
        self.imgs = self.samples

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, Any]]:
        """The samples of a batch: files are decoded side by side, in threads."""
        if not self._reads or type(self).__getitem__ is not ImageFolder.__getitem__:
            return [self[i] for i in indices]
        chosen = [self.samples[operator.index(i)] for i in indices]
        images = side_by_side(self.loader, [path for path, _ in chosen])
        return [self._sample(x, label) for x, (_, label) in zip(images, chosen, strict=True)]


def find_classes(directory: Named) -> tuple[list[str], dict[str, int]]:
    """Names of the folders in a folder, in order, and the number of each.

    Raises:
        DataNotFound: there is none.
    """
    root = Path(directory)
    inside = sorted(p.name for p in root.iterdir()) if root.is_dir() else []
    classes = [name for name in inside if (root / name).is_dir() and not name.startswith(".")]
    if classes:
        return classes, {name: i for i, name in enumerate(classes)}
    raise DataNotFound(
        explain(
            f"Couldn't find any class folder in {root}.",
            where=user_line(),
            expected="one folder for each class, with its files inside",
            got=_inside(root, inside),
            try_="name the folder that has the classes' folders in it",
        )
    )


def _inside(root: Path, names: Sequence[str]) -> str:
    if not root.exists():
        return "no such folder"
    if not root.is_dir():
        return "a file"
    if not names:
        return "an empty folder"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def find_files(
    directory: Named,
    class_to_idx: dict[str, int],
    extensions: Sequence[str] | str | None,
    is_valid_file: Callable[[str], bool] | None,
    allow_empty: bool,
) -> list[tuple[str, int]]:
    """Path and number of the class of each file, sorted by both.

    Raises:
        ArgumentError: not exactly one of `extensions` and `is_valid_file` is given.
        DataNotFound: a class has no file.
    """
    if (extensions is None) == (is_valid_file is None):
        raise ArgumentError(
            explain(
                "Both extensions and is_valid_file cannot be None or not None at the same time",
                where=user_line(),
                got=f"extensions={extensions}, is_valid_file={is_valid_file}",
            )
        )
    endings = (extensions,) if isinstance(extensions, str) else tuple(extensions or ())

    def ends_well(path: str) -> bool:
        return path.lower().endswith(endings)

    valid = is_valid_file or ends_well
    found: list[tuple[str, int]] = []
    empty: list[str] = []
    for name in sorted(class_to_idx):
        paths = [p for p in _walked(os.path.join(directory, name)) if valid(p)]
        found += [(path, class_to_idx[name]) for path in paths]
        empty += [] if paths else [name]
    if empty and not allow_empty:
        raise DataNotFound(
            explain(
                f"Found no valid file for the classes {', '.join(empty)}.",
                where=user_line(),
                expected=f"names that end with {', '.join(endings)}" if endings else "",
                got=os.fspath(directory),
                try_="allow_empty=True",
            )
        )
    return found


def _walked(folder: str) -> Iterator[str]:
    """All files in a folder and those inside, in order; without hidden ones."""
    for where, _, names in sorted(os.walk(folder, followlinks=True)):
        if any(part.startswith(".") for part in Path(where).relative_to(folder).parts):
            continue
        for name in sorted(names):
            if not name.startswith("."):
                yield os.path.join(where, name)
