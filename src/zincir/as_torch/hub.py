"""`torch.hub`: nothing is fetched from the network."""

from __future__ import annotations

import os
import re
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
