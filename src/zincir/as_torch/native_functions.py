"""`torch._C._nn`: what libraries that have a `to` of their own ask PyTorch's binaries for."""

from __future__ import annotations

from typing import Any

from zincir.device import CPU, Device
from zincir.nn.module.checks import type_to_convert_to
from zincir.tensor import Tensor
from zincir.types import DType


def _parse_to(  # pyright: ignore[reportUnusedFunction]
    *args: Any,
    device: Any = None,
    dtype: Any = None,
    non_blocking: bool = False,
    memory_format: Any = None,
) -> tuple[Device | None, DType | None, bool, Any]:
    """The device, the type and the rest of what `Module.to` was given."""
    kind = type_to_convert_to("Module.to", args, device, dtype)
    named = device is not None or any(not isinstance(a, bool | DType) for a in args)
    flags = [a for a in args if isinstance(a, bool)]
    of_tensor = any(isinstance(a, Tensor) for a in args)
    return (CPU if named or of_tensor else None), kind, (*flags, non_blocking)[0], memory_format
