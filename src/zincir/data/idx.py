"""Files of bytes in the IDX format: http://yann.lecun.com/exdb/mnist says how they are laid out."""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zincir.errors import DataError, DataNotFound, explain
from zincir.graph.node import user_line


class IdxFile(NamedTuple):
    """A gzipped file of bytes in the IDX format: what must be in it."""

    name: str
    shape: tuple[int, ...]
    sha256: str
    """Of the unpacked bytes: packed again, they would have another one."""


class IdxSet(NamedTuple):
    """Images and labels, to train on and to test with, in files of a folder."""

    loader: str
    title: str
    files: tuple[IdxFile, ...]
    get: str
    """How to get them."""

    def load(self, folders: Sequence[Path]) -> list[npt.NDArray[np.uint8]]:
        """The arrays of the first folder that has all files.

        Raises:
            DataNotFound: no folder has.
            DataError: one of them is damaged, or not the file it should be.
        """
        folder = self._folder(folders)
        return [self._read(folder / file.name, file) for file in self.files]

    def _folder(self, folders: Sequence[Path]) -> Path:
        missing = {
            folder: [f.name for f in self.files if not (folder / f.name).is_file()]
            for folder in folders
        }
        for folder, names in missing.items():
            if not names:
                return folder
        raise DataNotFound(
            explain(
                f"{self.loader}: the files are not there",
                where=user_line(),
                expected="\n".join(file.name for file in self.files),
                got="\n".join(self._report(folder, names) for folder, names in missing.items()),
                try_=self.get,
            )
        )

    def _report(self, folder: Path, missing: Sequence[str]) -> str:
        if not folder.is_dir():
            return f"{folder}: no such folder"
        if len(missing) == len(self.files):
            return f"{folder}: none of them"
        return f"{folder}: without {', '.join(missing)}"

    def _read(self, path: Path, file: IdxFile) -> npt.NDArray[np.uint8]:
        header = bytes([0, 0, 8, len(file.shape)]) + np.array(file.shape, ">u4").tobytes()
        size = len(header) + math.prod(file.shape)
        try:
            with gzip.open(path) as stream:
                content = bytearray(stream.read(size + 1))  # not more, whatever the file pretends
        except (OSError, EOFError, zlib.error) as error:
            got = f"{type(error).__name__}: {error}"
            raise self._wrong(path, "cannot be unpacked", got) from error
        if content[: len(header)] != header:
            what = f"is not an IDX file of bytes, {file.shape}"
            raise self._wrong(path, what, f"it begins with {content[:4].hex()}")
        if len(content) != size:
            got = "more" if len(content) > size else f"{len(content)} bytes"
            what = "has another length than it should"
            raise self._wrong(path, what, f"{got} instead of {size} bytes")
        digest = hashlib.sha256(content).hexdigest()
        if digest != file.sha256:
            raise self._wrong(path, f"has other contents than {self.title}", f"SHA-256 {digest}")
        return np.frombuffer(content, np.uint8, offset=len(header)).reshape(file.shape)

    def _wrong(self, path: Path, what: str, got: str) -> DataError:
        return DataError(
            explain(
                f"{self.loader}: {path.name} {what}",
                where=user_line(),
                got=f"{path}, {path.stat().st_size:,} bytes\n{got}",
                try_=f"delete the file and get it again: {self.get}\n"
                "(other data sets have files of the same names)",
            )
        )
