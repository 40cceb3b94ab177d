"""Pages written to files."""

from __future__ import annotations

import os
from pathlib import Path

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line


def write(path: str | os.PathLike[str], page: str) -> None:
    """Write a page to a file.

    Raises:
        ArgumentError: it cannot be written.
    """
    try:
        Path(path).write_text(page, encoding="utf-8")
    except OSError as error:
        raise ArgumentError(
            explain(
                "explain: the page cannot be written",
                where=user_line(), got=f"{os.fspath(path)}: {error.strerror}",
                try_="a file in a folder that is there and that you may write to",
            )
        ) from error  # fmt: skip
