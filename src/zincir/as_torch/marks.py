"""`torch.cuda.nvtx` and `torch.cuda.profiler`: marks for NVIDIA's tools, which see nothing here."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any


def range_push(msg: str) -> int:
    """Opens a range."""
    return -1


def range_pop() -> int:
    """Closes it."""
    return -1


def mark(msg: str) -> None:
    """Marks a moment."""


@contextlib.contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Generator[None]:
    """A context without effect."""
    yield


profile = range


def start() -> None:
    """Starts to collect."""


def stop() -> None:
    """Stops."""
