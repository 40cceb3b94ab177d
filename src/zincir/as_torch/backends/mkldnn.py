"""`torch.backends.mkldnn`: Intel's library of layers, which is not used."""

from __future__ import annotations

import contextlib
from typing import Any

enabled = True


def is_available() -> bool:
    """False."""
    return False


def is_built() -> bool:
    """False."""
    return False


@contextlib.contextmanager
def flags(**switches: Any) -> Any:
    """A context without effect."""
    yield
