"""`torch.backends.cudnn`: NVIDIA's library of layers, which is not there."""

from __future__ import annotations

import contextlib
from typing import Any

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True
benchmark_limit = 10


def is_available() -> bool:
    """False."""
    return False


def version() -> int | None:
    """None."""
    return None


def is_acceptable(tensor: Any) -> bool:
    """False."""
    return False


@contextlib.contextmanager
def flags(**switches: Any) -> Any:
    """A context without effect."""
    yield
