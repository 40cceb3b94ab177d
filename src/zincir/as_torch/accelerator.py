"""`torch.accelerator`: there is none."""

from __future__ import annotations

from typing import Any

from zincir.device import Device


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False) -> Device | None:
    """None."""
    return None


def synchronize(device: Any = None) -> None:
    """Nothing to wait for."""


def empty_cache() -> None:
    """Nothing to give back."""
