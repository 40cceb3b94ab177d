"""What `torch.utils.checkpoint` has for generators on GPUs: there are none."""

from __future__ import annotations

from typing import Any


def get_device_states(*args: Any) -> tuple[list[int], list[Any]]:
    """The GPUs that tensors lie on and the states of their generators: none."""
    return [], []


def set_device_states(devices: Any, states: Any, *, device_type: str | None = None) -> None:
    """Restores such states: none."""
