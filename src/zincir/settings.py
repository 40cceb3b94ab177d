"""The few switches of the library: one frozen value, read once from the environment.

| field        | variable            | meaning                                                    |
|--------------|---------------------|------------------------------------------------------------|
| num_threads  | ZINCIR_NUM_THREADS  | threads of a compiled step; automatic when unset           |
| cache_dir    | ZINCIR_CACHE_DIR    | where machine code is kept between runs                    |
| cache_bytes  | ZINCIR_CACHE_BYTES  | bound of that folder (default 256 MiB); 0 keeps nothing    |
| verify       | ZINCIR_VERIFY       | check intermediate code after every pass of the compiler   |
| target       | ZINCIR_TARGET       | code for less than this machine: `avx2` or `generic`       |
| winograd     | ZINCIR_WINOGRAD     | 0: convolutions are plain sums, never of transformed tiles |
| memory_bytes | ZINCIR_MEMORY_BYTES | most memory kept for reuse (default 256 MiB); 0 keeps none |
| poison       | ZINCIR_POISON       | fill memory with NaN before use: reading too early shows   |

What is no switch is read where it is used: `ZINCIR_DATA`, the folder of data sets
(`data.load_fashion_mnist`), and `SLURM_CPUS_PER_TASK`, the cores of a job (`runtime.cores`).
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from zincir.errors import ArgumentError, explain

MAX_THREADS = 1024
TARGETS = ("avx2", "generic")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Settings:
    """The switches; see the table of the module."""

    num_threads: int | None = None
    cache_dir: Path = Path()
    cache_bytes: int = 256 << 20
    verify: bool = False
    target: str | None = None
    winograd: bool = True
    poison: bool = False
    memory_bytes: int = 256 << 20

    @property
    def code(self) -> tuple[str | None, bool]:
        """Those on which it depends what code is made of a graph."""
        return self.target, self.winograd

    def __post_init__(self) -> None:
        if self.num_threads is not None and not 1 <= self.num_threads <= MAX_THREADS:
            raise _bad("num_threads", f"a whole number from 1 to {MAX_THREADS}", self.num_threads)
        if self.cache_bytes < 0:
            raise _bad("cache_bytes", "a number of bytes, 0 or more", self.cache_bytes)
        if self.memory_bytes < 0:
            raise _bad("memory_bytes", "a number of bytes, 0 or more", self.memory_bytes)
        if self.target is not None and self.target not in TARGETS:
            raise _bad("target", " or ".join(TARGETS), self.target)


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings out of `environment`; an empty variable counts as unset.

    Raises:
        ArgumentError: naming the variable that cannot be read.
    """

    def read(name: str, parse: Callable[[str], _T], default: _T, expected: str) -> _T:
        text = environment.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError:
            raise _bad(name, expected, text) from None

    threads = f"a whole number from 1 to {MAX_THREADS}"
    return Settings(
        num_threads=read("ZINCIR_NUM_THREADS", _thread_count, None, threads),
        cache_dir=read("ZINCIR_CACHE_DIR", _folder, default_cache_dir(environment), "a folder"),
        cache_bytes=read("ZINCIR_CACHE_BYTES", _size, 256 << 20, "a number of bytes, 0 or more"),
        verify=read("ZINCIR_VERIFY", _flag, False, "0 or 1"),
        target=read("ZINCIR_TARGET", _target, None, " or ".join(TARGETS)),
        winograd=read("ZINCIR_WINOGRAD", _flag, True, "0 or 1"),
        poison=read("ZINCIR_POISON", _flag, False, "0 or 1"),
        memory_bytes=read("ZINCIR_MEMORY_BYTES", _size, 256 << 20, "a number of bytes, 0 or more"),
    )


def default_cache_dir(environment: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The folder in which `platform` keeps what a user's programs may lose."""
    home = Path(environment.get("HOME") or os.path.expanduser("~"))
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local") / "zincir"
    if platform == "darwin":
        return home / "Library" / "Caches" / "zincir"
    folder = Path(environment.get("XDG_CACHE_HOME") or "")
    # The XDG specification asks that relative paths be ignored.
    return (folder if folder.is_absolute() else home / ".cache") / "zincir"


def current() -> Settings:
    """The settings in force."""
    return _override.get() or _initial()


@contextmanager
def using(**changes: Any) -> Generator[Settings]:
    """Change some settings inside a `with` block, for this thread (or task) only.

    >>> with using(num_threads=2):
    ...     current().num_threads
    2
    """
    known = Settings.__dataclass_fields__
    for name in changes:
        if name not in known:
            raise _bad("using", "one of " + ", ".join(known), name)
    if "cache_dir" in changes:
        changes["cache_dir"] = Path(changes["cache_dir"])
    token = _override.set(replace(current(), **changes))
    try:
        yield current()
    finally:
        _override.reset(token)


@functools.cache
def _initial() -> Settings:
    return from_environment(os.environ)


_override: ContextVar[Settings | None] = ContextVar("zincir.settings", default=None)


def _thread_count(text: str) -> int | None:
    count = int(text)
    if not 1 <= count <= MAX_THREADS:
        raise ValueError
    return count


def _size(text: str) -> int:
    size = int(text)
    if size < 0:
        raise ValueError
    return size


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _flag(text: str) -> bool:
    if text.lower() not in _TRUE + _FALSE:
        raise ValueError
    return text.lower() in _TRUE


def _target(text: str) -> str | None:
    if text.lower() not in TARGETS:
        raise ValueError
    return text.lower()


def _bad(name: str, expected: str, got: object) -> ArgumentError:
    return ArgumentError(explain(f"{name}: not a usable value", expected=expected, got=repr(got)))
