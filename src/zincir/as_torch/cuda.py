"""`torch.cuda` on a machine without a GPU: questions are answered, and work for one is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Never

from zincir.as_torch.plain_functions import OutOfMemoryError as OutOfMemoryError
from zincir.as_torch.typed_tensors import GPU_TYPES
from zincir.device import no_gpu
from zincir.errors import DeviceError

globals().update(GPU_TYPES)


def is_available() -> bool:
    """False: there is no GPU."""
    return False


def is_initialized() -> bool:
    """False: nothing was initialized."""
    return False


_initialized = False  # pyright: ignore[reportUnusedVariable]  # checkpoints of others look at it


def device_count() -> int:
    """0."""
    return 0


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False."""
    return False


def manual_seed(seed: int) -> None:
    """Seeds the generators of all GPUs: there are none."""


def manual_seed_all(seed: int) -> None:
    """Seeds the generators of all GPUs: there are none."""


def seed() -> None:
    """Seeds the generators of all GPUs: there are none."""


seed_all = seed


def get_rng_state_all() -> list[Any]:
    """The states of the generators of all GPUs: none."""
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Takes the states of the generators of all GPUs: none."""


def empty_cache() -> None:
    """Gives back memory of GPUs: there is none."""


def synchronize(device: Any = None) -> None:
    """Waits for a GPU: nothing runs there, so that PyTorch refuses this."""


def ipc_collect() -> None:
    """Gives back memory of GPUs: there is none."""


def memory_allocated(device: Any = None) -> int:
    """Bytes in use on a GPU: 0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated
memory_cached = max_memory_cached = memory_allocated


def reset_peak_memory_stats(device: Any = None) -> None:
    """Forgets the largest number of bytes in use: it was 0."""


reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats


def memory_stats(device: Any = None) -> dict[str, Any]:
    """What is known of the memory of a GPU: nothing."""
    return {}


@contextlib.contextmanager
def device(device: Any) -> Any:
    """A context for work on a GPU: an error, unless it is none (None, or a negative number)."""
    if device is not None and not (isinstance(device, int) and device < 0):
        raise DeviceError(no_gpu(f"torch.cuda.device({device!r}): there is no GPU"))
    yield


@contextlib.contextmanager
def stream(stream: Any) -> Any:
    """A context in which a stream of a GPU is used: nothing, if it is None."""
    if stream is not None:
        raise DeviceError(no_gpu("torch.cuda.stream: there is no GPU"))
    yield


def _refused(name: str) -> Callable[..., Never]:
    def refuse(*_: Any, **__: Any) -> Never:
        raise DeviceError(no_gpu(f"torch.cuda.{name}: there is no GPU"))

    refuse.__name__ = name
    refuse.__doc__ = "An error: there is no GPU."
    return refuse


init = _refused("init")
current_device = _refused("current_device")
set_device = _refused("set_device")
get_device_name = _refused("get_device_name")
get_device_properties = _refused("get_device_properties")
get_device_capability = _refused("get_device_capability")
get_rng_state = _refused("get_rng_state")
set_rng_state = _refused("set_rng_state")
initial_seed = _refused("initial_seed")
current_stream = _refused("current_stream")
default_stream = _refused("default_stream")
Stream = _refused("Stream")
Event = _refused("Event")
mem_get_info = _refused("mem_get_info")
memory_summary = _refused("memory_summary")
