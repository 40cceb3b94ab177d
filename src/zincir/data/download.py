"""Files fetched: resumed where they broke off, compared with their SHA-256, there whole or not."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import importlib
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from zincir.data.registry import DataFile, KnownData, data_home, how_to_get, known_data
from zincir.errors import DataError, DataNotFound, explain
from zincir.graph.node import user_line

CHUNK = 1 << 18
TRIES = 3
"""How often each address is asked, when it breaks off."""
TIMEOUT = 30.0

Report = Callable[[int], None]
"""Is told how many bytes there are by now."""


def fetch_data(name: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """Fetch a data set: the folder that its files are in then.

    Files that are there and whole are left alone. What broke off goes on where it did, now or at
    the next call; a file has its name when it is whole and has the right SHA-256, not before.

    Args:
        name: of the data set: see `zincir data list`.
        folder: where to put a folder of its name; None: see `data_home`.

    Raises:
        UnknownName: there is no such data set.
        DataNotFound: it cannot be fetched; says why, and where to put it by hand.
        DataError: what came is not what it should be, or the disk is full.

    Example:
        >>> fetch_data("fashion-mnist")  # doctest: +SKIP
        PosixPath('/home/ann/.cache/zincir/data/fashion-mnist')
    """
    known = known_data(name)
    if known.ships:
        return Path(__file__).parent
    place = (data_home() if folder is None else Path(folder).expanduser()) / known.name
    for file in known.files:
        fetch_file(file, place, known)
    return place


def fetch_file(file: DataFile, folder: Path, known: KnownData) -> Path:
    """Fetch one file of a data set into a folder: its path."""
    path = folder / file.name
    if path.is_file() and digest_of(path) == file.sha256:
        return path
    problems: list[str] = []
    _make_room(folder, file)
    part = path.with_name(path.name + ".part")
    with _alone(part, known), _bar(file) as report:
        for url in file.urls:
            for attempt in range(TRIES):
                try:
                    _go_on(url, part, file, report)
                    _finish(part, path, file)
                    return path
                except (OSError, http.client.HTTPException) as error:
                    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                        raise _disk_full(folder, file, file.size) from error
                    problems.append(f"{url}: {_reason(error)}")
                    if isinstance(error, urllib.error.HTTPError):
                        break  # asking again would not help
                    time.sleep(0.2 * attempt)
                except _Wrong as error:
                    problems.append(f"{url}: {error}")
                    break
    raise DataNotFound(
        explain(
            f"{file.name} cannot be fetched",
            where=user_line(),
            expected=f"{file.size:,} bytes, SHA-256 {file.sha256}",
            got="\n".join(dict.fromkeys(problems)) or "nobody has it ready to be fetched",
            try_=f"fetch it again: it goes on where it broke off\n{how_to_get(known)}"
            if problems
            else how_to_get(known),
        )
    )


class _Wrong(Exception):
    """What came is another file."""


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _go_on(url: str, part: Path, file: DataFile, report: Report) -> None:
    """Fetch what is missing of a file. A server that cannot begin in the middle sends all again.

    Raises:
        OSError: it broke off, or could not be reached.
        _Wrong: more came than there should be.
    """
    have = part.stat().st_size if part.exists() else 0
    if have == file.size:
        return
    if have > file.size:
        have = 0
    request = urllib.request.Request(url, headers={"User-Agent": "zincir"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        part.unlink()
        answer = urllib.request.urlopen(
            urllib.request.Request(url, headers={"User-Agent": "zincir"}), timeout=TIMEOUT
        )
    with answer:
        span = str(answer.headers.get("Content-Range", ""))
        goes_on = have > 0 and answer.status == 206 and span.startswith(f"bytes {have}-")
        done = have if goes_on else 0
        with part.open("ab" if goes_on else "wb") as stream:
            report(done)
            while block := answer.read(CHUNK):
                stream.write(block)
                done += len(block)
                report(done)
                if done > file.size:
                    break
            stream.flush()
            os.fsync(stream.fileno())
    if done > file.size:
        part.unlink()
        raise _Wrong(f"more than {file.size:,} bytes")
    if done < file.size:
        raise ConnectionError(f"broke off after {done:,} of {file.size:,} bytes")


def _finish(part: Path, path: Path, file: DataFile) -> None:
    """Give a whole file its name.

    Raises:
        _Wrong: it has other contents than it should; then it is deleted.
    """
    digest = digest_of(part)
    if digest != file.sha256:
        part.unlink()
        raise _Wrong(f"other contents, SHA-256 {digest}")
    os.replace(part, path)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"{error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error) or type(error).__name__


def _make_room(folder: Path, file: DataFile) -> None:
    """Make the folder, and see whether there is room for the file.

    Raises:
        DataError: there is none, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{file.name}.part"
        missing = file.size - (part.stat().st_size if part.exists() else 0)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise DataError(
            explain(
                f"cannot put {file.name} into {folder}",
                where=user_line(),
                got=f"{type(error).__name__}: {error.strerror}",
                try_="name another folder: --data FOLDER, or ZINCIR_DATA",
            )
        ) from error
    if free < missing:
        raise _disk_full(folder, file, free)


def _disk_full(folder: Path, file: DataFile, free: int) -> DataError:
    return DataError(
        explain(
            f"there is no room for {file.name} in {folder}",
            where=user_line(),
            expected=f"{file.size:,} bytes",
            got=f"{free:,} free" if free < file.size else "the disk is full",
            try_="name another folder: --data FOLDER, or ZINCIR_DATA",
        )
    )


@contextlib.contextmanager
def _alone(part: Path, known: KnownData) -> Generator[None]:
    """Nobody else writes this part of a file.

    Raises:
        DataError: another process does.
    """
    try:
        fcntl: Any = importlib.import_module("fcntl")
    except ImportError:  # Windows: a file that two processes mixed up has another SHA-256
        yield
        return
    lock = part.with_name(part.name + ".lock")
    with lock.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                explain(
                    f"another process is fetching {known.name}",
                    where=user_line(),
                    got=f"{lock} is locked",
                    try_="wait until it has done so",
                )
            ) from error
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextlib.contextmanager
def _bar(file: DataFile) -> Generator[Report]:
    """Progress on standard error: rich's bar on a terminal; otherwise a line at begin and end."""
    size = f"{file.size / 1e6:.1f} MB"
    try:
        progress: Any = importlib.import_module("rich.progress")
        console: Any = importlib.import_module("rich.console")
    except ImportError:
        progress = console = None
    if progress is None or not sys.stderr.isatty():
        sys.stderr.write(f"fetching {file.name}, {size}\n")
        yield lambda done: None
        return
    columns = (
        progress.TextColumn("{task.description}"), progress.BarColumn(),
        progress.DownloadColumn(), progress.TransferSpeedColumn(), progress.TimeRemainingColumn(),
    )  # fmt: skip
    with progress.Progress(*columns, console=console.Console(stderr=True)) as bars:
        task = bars.add_task(file.name, total=file.size)
        yield lambda done: bars.update(task, completed=done)
