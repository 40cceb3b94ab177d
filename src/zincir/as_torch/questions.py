"""What scripts ask `torch` about modes and machine, and the constants that it shows."""

from __future__ import annotations

import math

from zincir import anomaly, generator
from zincir.as_torch import amp
from zincir.graph.node import MODE
from zincir.types import DType, bfloat16, float16

e = math.e
newaxis = None
GradScaler = amp.GradScaler
default_generator = generator.default_generator


def can_cast(from_: DType, to: DType) -> bool:
    """Whether PyTorch's rules let a value be stored as a type of a lower kind.

    >>> import zincir
    >>> can_cast(zincir.float64, zincir.float32), can_cast(zincir.float32, zincir.int64)
    (True, False)
    """
    return from_.category <= to.category


def is_anomaly_enabled() -> bool:
    """Whether backward passes look for the first NaN."""
    return bool(anomaly.STATE.on)


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether an autocast context for this device is open."""
    return amp.is_autocast_enabled(device_type)


def is_autocast_cpu_enabled() -> bool:
    """Whether `autocast("cpu")` is open."""
    return amp.is_autocast_enabled("cpu")


def is_autocast_cache_enabled() -> bool:
    """Whether casts are kept: there are none."""
    return True


def clear_autocast_cache() -> None:
    """Forgets the casts that were kept: none were."""


def get_autocast_gpu_dtype() -> DType:
    """The type that products would have on a GPU."""
    return float16


def get_autocast_cpu_dtype() -> DType:
    """The type that products have under `autocast("cpu")`."""
    return MODE.autocast or bfloat16


def get_autocast_dtype(device_type: str) -> DType:
    """The same by the name of the device."""
    return get_autocast_cpu_dtype() if device_type == "cpu" else float16


def set_flush_denormal(mode: bool) -> bool:
    """False: numbers near 0 are kept as they are."""
    return False


def get_num_interop_threads() -> int:
    """1: operations are not run beside each other."""
    return 1


def set_num_interop_threads(count: int) -> None:
    """Operations are not run beside each other."""


def set_warn_always(b: bool) -> None:
    """Warnings are Python's, and come as its filters say."""


def is_warn_always_enabled() -> bool:
    """False."""
    return False
