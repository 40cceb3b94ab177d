"""`torch.xpu`: Intel's GPUs are not used."""

from __future__ import annotations


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seeds the generator of a GPU: there is none."""


def empty_cache() -> None:
    """Gives back memory of a GPU: there is none."""


def synchronize() -> None:
    """Waits for a GPU: nothing runs there."""
