"""`torch.hub`: nothing is fetched from the network."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from typing import Any, Never
from urllib.parse import urlparse as urlparse

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line


def _refused(what: str) -> Never:
    raise ArgumentError(
        explain(
            f"torch.hub.{what}: nothing is fetched from the network, and no foreign code is run",
            where=user_line(),
            try_="fetch the file yourself, then model.load_state_dict(torch.load(path))",
        )
    )


def load(*args: Any, **options: Any) -> Never:
    """An error: it would run code of others."""
    _refused("load")


def load_state_dict_from_url(*args: Any, **options: Any) -> Never:
    """An error: nothing is fetched."""
    _refused("load_state_dict_from_url")


load_url = load_state_dict_from_url


def download_url_to_file(*args: Any, **options: Any) -> Never:
    """An error: nothing is fetched."""
    _refused("download_url_to_file")


def get_dir() -> str:
    """Where PyTorch keeps what it has fetched."""
    home = os.environ.get("TORCH_HOME", os.path.expanduser("~/.cache/torch"))
    return os.path.join(home, "hub")


HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
"""Where a file's name carries the beginning of its hash."""


def _get_torch_home() -> str:  # pyright: ignore[reportUnusedFunction]
    return str(Path(get_dir()).parent)


class _Bar:
    """A bar of progress with the methods of tqdm's: a line in the terminal that counts."""

    def __init__(
        self,
        iterable: Iterable[Any] | None = None,
        desc: str | None = None,
        total: float | None = None,
        disable: bool = False,
        **options: Any,
    ) -> None:
        self.iterable: Iterable[Any] = () if iterable is None else iterable
        if total is None and isinstance(iterable, Sized):
            total = len(iterable)
        self.total, self.disable, self.n = total, disable, 0.0
        self._title = self._also = ""
        self.set_description(desc)

    def __iter__(self) -> Iterator[Any]:
        for item in self.iterable:
            yield item
            self.update(1)
        self.close()

    def __len__(self) -> int:
        return int(self.total or 0)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def update(self, n: float = 1) -> None:
        """Count `n` more."""
        self.n += n
        if not self.disable:
            done = f"{100 * self.n / self.total:.1f}%" if self.total else f"{self.n:g}"
            sys.stderr.write(f"\r{self._title}{done}{self._also}")
            sys.stderr.flush()

    def set_description(self, desc: str | None = None, refresh: bool = True) -> None:
        """Put another text in front."""
        self._title = f"{desc}: " if desc else ""

    def set_postfix(self, *given: Any, **named: Any) -> None:
        """Show numbers behind it."""
        values = dict(*given, **named)
        self._also = "".join(f" {name}={value}" for name, value in values.items())

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Show a text behind it."""
        self._also = f" {s}" if s else ""

    def close(self) -> None:
        """End the line."""
        if not self.disable:
            sys.stderr.write("\n")
        self.disable = True

    @staticmethod
    def write(s: str, *options: Any, **named: Any) -> None:
        """Print a line."""
        sys.stdout.write(f"{s}\n")


try:
    tqdm: Any = importlib.import_module("tqdm").tqdm
except ImportError:
    tqdm = _Bar
