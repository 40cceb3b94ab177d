"""PyTorch's zip files: a pickle, and a file of bytes for each piece of memory."""

from __future__ import annotations

import os
import secrets
import sys
import zipfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from zincir.errors import LoadError, explain
from zincir.serialization.tensors import Memory

_ALIGNMENT = 64
_HEADER = 30  # bytes of a local header of a zip file, before its name


def is_path(f: Any) -> bool:
    """Whether this names a file, and is none."""
    return isinstance(f, str | os.PathLike)


class Archive:
    """A file of PyTorch's, open for reading."""

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except zipfile.BadZipFile as error:
            raise _damaged(str(error)) from None
        names = self._zip.namelist()
        pickles = [name for name in names if name.endswith("/data.pkl")]
        if not pickles:
            raise LoadError(
                explain(
                    "load: a zip file, but none of PyTorch's",
                    expected="an entry data.pkl",
                    got=", ".join(names[:5]),
                )
            )
        self._root = pickles[0][: -len("data.pkl")]
        if f"{self._root}constants.pkl" in names:
            raise LoadError(
                explain(
                    "load: this is a TorchScript program, not weights",
                    try_="torch.save(torch.jit.load(f).state_dict(), g) in PyTorch",
                )
            )
        self.swapped = self._byteorder() != sys.byteorder

    def _byteorder(self) -> str:
        name = f"{self._root}byteorder"
        return self.read("byteorder").decode() if name in self._zip.namelist() else "little"

    def read(self, name: str) -> bytes:
        """All of one entry.

        Raises:
            LoadError: it is not there, or damaged.
        """
        try:
            return self._zip.read(self._root + name)
        except KeyError:
            raise _damaged(f"there is no {name!r}") from None
        except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
            raise _damaged(str(error)) from None


def _damaged(got: str) -> LoadError:
    return LoadError(explain("load: the file is truncated or corrupted", got=got))


def write(file: IO[bytes], root: str, pickled: bytes, memories: Iterable[Memory]) -> None:
    """Write an archive that `torch.load` reads."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:

        def entry(name: str, data: Any) -> None:
            info = zipfile.ZipInfo(f"{root}/{name}", (1980, 1, 1, 0, 0, 0))
            large = len(data) > zipfile.ZIP64_LIMIT // 2
            at = file.tell() + _HEADER + len(info.filename.encode()) + 4 + (20 if large else 0)
            # A field that nobody knows pads the header, so that memory begins at a multiple of 64.
            size = -at % _ALIGNMENT
            info.extra = b"FB" + size.to_bytes(2, "little") + b"Z" * size
            with archive.open(info, "w", force_zip64=large) as target:
                target.write(data)

        entry("data.pkl", pickled)
        entry(".format_version", b"1")
        entry(".storage_alignment", str(_ALIGNMENT).encode())
        entry("byteorder", sys.byteorder.encode())
        for memory in memories:
            entry(f"data/{memory.key}", memory.elements.view("u1").data)
        entry("version", b"3\n")


@contextmanager
def replacing(path: Path) -> Generator[IO[bytes]]:
    """A new file that takes the place of `path` when all is written, and not before."""
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():  # a pipe, a device: or an error if a folder
        with path.open("wb") as file:
            yield file
        return
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            beside.chmod(path.stat().st_mode)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
