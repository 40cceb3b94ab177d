"""What was compiled, kept between runs in a private, bounded folder.

Machine code and programs are loaded from it as they are. So a file is trusted only when folder and
file belong to the user and nobody else can write them, and when its checksum fits.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import tempfile
import time
import warnings
from pathlib import Path

from zincir import settings
from zincir.errors import explain

_FORMAT = 3
_MAGIC = b"zincir%02d" % _FORMAT
_SUFFIX = ".zco"
_COUNT = "written"
_BLOCK = 1024
_HOUR = 3600.0


def cache() -> DiskCache:
    """The folder that the settings name."""
    now = settings.current()
    return _disk(now.cache_dir, now.cache_bytes)


class DiskCache:
    """A bounded folder of object code that only its owner may have written.

    A file is: magic, length, SHA-256 of its name and of the object, object. A file that was given
    another's name is therefore not taken for it. Files appear by a rename, so that any number of
    processes may share the folder; those unused for longest go when it outgrows its bound.
    """

    def __init__(self, folder: Path, bound: int) -> None:
        self.folder = folder
        self.bound = bound
        self._open: bool | None = None if bound else False

    def read(self, digest: str) -> bytes | None:
        """The object stored under `digest`; None when there is none that can be trusted."""
        if not self._ready():
            return None
        path = self.folder / (digest + _SUFFIX)
        try:
            content = self._content(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            return self._give_up("cannot be read", error)
        if content is None:
            return None
        header, code = content[:_HEADER], content[_HEADER:]
        if header != _header(digest, code):
            self.remove(digest)
            return None
        return code

    def write(self, digest: str, code: bytes) -> None:
        """Store `code`, and now and then make room."""
        if not self._ready() or len(code) + _HEADER > self.bound:
            return
        try:
            self._store(digest, _header(digest, code) + code)
            if self._is_time_to_sweep(len(code)):
                self._sweep()
        except OSError as error:
            self._give_up("cannot be written", error)

    def remove(self, digest: str) -> None:
        """Forget what is stored under `digest`."""
        with contextlib.suppress(OSError):
            (self.folder / (digest + _SUFFIX)).unlink()

    def _ready(self) -> bool:
        if self._open is None:
            self._open = True
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                owned = _is_private(self.folder.stat())
            except OSError as error:
                self._give_up("cannot be created", error)
            else:
                if not owned:
                    self._give_up("may be written by others")
        return self._open

    def _content(self, path: Path) -> bytes | None:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or not _is_private(status):
                return self._give_up(f"holds a file others may write, {path.name}")
            if time.time() - status.st_mtime > _HOUR:
                with contextlib.suppress(OSError):
                    os.utime(path)
            return file.read()

    def _store(self, digest: str, content: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(".tmp", dir=self.folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
            os.replace(temporary, self.folder / (digest + _SUFFIX))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def _is_time_to_sweep(self, length: int) -> bool:
        """Whether all processes together have written a sixteenth of the bound since the last time.

        They count in the length of one file, a byte for each block: to look at all files takes a
        good second where there are a hundred thousand.
        """
        with open(self.folder / _COUNT, "ab") as file:
            blocks = 1 + length // _BLOCK
            file.write(bytes(blocks))
            counted = file.tell()
        if counted == blocks:  # the first of them
            return True
        return counted * _BLOCK >= self.bound // 16

    def _sweep(self) -> None:
        """Remove what was unused for longest until an eighth of the bound is free."""
        os.truncate(self.folder / _COUNT, 1)
        files: list[tuple[float, int, str]] = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if entry.name.endswith(_SUFFIX):
                        files.append((status.st_mtime, status.st_size, entry.path))
                    elif entry.name.endswith(".tmp") and time.time() - status.st_mtime > _HOUR:
                        os.unlink(entry.path)  # left by a process that died
        total = sum(size for _, size, _ in files)
        if total <= self.bound - self.bound // 16:
            return
        for _, size, path in sorted(files):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            total -= size
            if total <= self.bound - self.bound // 8:
                return

    def _give_up(self, why: str, error: OSError | None = None) -> None:
        """Warn once, and work in memory from now on."""
        self._open = False
        message = explain(
            f"cache of machine code {why}; every run of the program will compile anew",
            where=str(self.folder),
            expected="a folder of this user that nobody else can write (mode 0700)",
            got="" if error is None else str(error),
            try_="ZINCIR_CACHE_DIR=<another folder>, or ZINCIR_CACHE_BYTES=0 for no cache",
        )
        warnings.warn(message, RuntimeWarning, stacklevel=2)


def _is_private(status: os.stat_result) -> bool:
    """Owned by this user and not writable by anybody else (where the system can tell)."""
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _header(digest: str, code: bytes) -> bytes:
    state = hashlib.sha256(digest.encode() + b"\0")
    state.update(code)
    return _MAGIC + len(code).to_bytes(8, "little") + state.digest()


@functools.cache
def sources() -> str:
    """State of zincir's own sources: a change of the compiler outdates all it has made."""
    state = hashlib.sha256(_MAGIC)
    root = Path(__file__).parent.parent
    paths = [root / "types.py"]
    for folder in ("compiler", "graph", "operations", "runtime"):
        paths += sorted((root / folder).rglob("*.py"))
    try:
        for path in paths:
            content = path.read_bytes()
            state.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode())
            state.update(content)
    except OSError:
        return os.urandom(32).hex()  # none to read, as in a zip file: nothing old can be trusted
    return state.hexdigest()


_HEADER = len(_header("", b""))
_disk = functools.cache(DiskCache)
