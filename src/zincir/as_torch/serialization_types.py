"""`torch.serialization`: what annotations name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FILE_LIKE = MAP_LOCATION = Callable[..., Any] | str | dict[str, str] | None
