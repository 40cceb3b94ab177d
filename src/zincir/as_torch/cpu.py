"""`torch.cpu`: the device that there is."""

from __future__ import annotations

from typing import Any

from zincir.as_torch import amp
from zincir.types import DType, bfloat16


class autocast(amp.autocast):
    """`torch.amp.autocast("cpu", ...)` by its older name.

    >>> with autocast():
    ...     amp.is_autocast_enabled("cpu")
    True
    """

    def __init__(
        self, dtype: DType = bfloat16, enabled: bool = True, cache_enabled: bool = True
    ) -> None:
        super().__init__("cpu", dtype, enabled, cache_enabled)


def is_available() -> bool:
    """True."""
    return True


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """Its name."""
    return "cpu"


def synchronize(device: Any = None) -> None:
    """Nothing to wait for."""
