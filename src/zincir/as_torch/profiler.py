"""`torch.profiler` and `torch.autograd.profiler`: time is measured, operations are not listed."""

from __future__ import annotations

import contextlib
import enum
import time
import warnings
from collections.abc import Callable
from typing import Any, Self


class ProfilerActivity(enum.Enum):
    """Where work is done."""

    CPU = 0
    CUDA = 2
    XPU = 1


class ProfilerAction(enum.Enum):
    """What a profiler does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def schedule(**options: Any) -> Callable[[int], ProfilerAction]:
    """Which steps are recorded: none."""
    return lambda step: ProfilerAction.NONE


def tensorboard_trace_handler(dir_name: str, *args: Any, **options: Any) -> Callable[..., None]:
    """What would write a trace: there is none."""

    def write(profiler: Any) -> None:
        return None

    return write


class record_function(contextlib.ContextDecorator):
    """A named part of a program; the name is not used."""

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Table(list[Any]):
    """What was measured: no operations, the time of the whole."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def table(self, *args: Any, **options: Any) -> str:
        """The time in which the context was open, as a line of text."""
        return f"the whole: {self._seconds * 1e3:.3f} ms (operations are fused, not listed)"

    def total_average(self) -> Self:
        """Itself."""
        return self


EventList = Table


def kineto_available() -> bool:
    """False: that is part of PyTorch's binaries."""
    return False


class emit_nvtx(contextlib.ContextDecorator):
    """A context without effect: marks are for NVIDIA's tools."""

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


emit_itt = emit_nvtx


class profile:
    """A context that measures how long it is open, and warns that it lists no operations."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._start = self._seconds = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to measure."""
        warnings.warn(
            "operations are compiled together, so the profiler lists none: it measures the whole",
            UserWarning,
            stacklevel=3,
        )
        self._start = time.perf_counter()

    def stop(self) -> None:
        """Measure no longer."""
        self._seconds = time.perf_counter() - self._start

    def step(self) -> None:
        """The next step begins."""

    def key_averages(self, *args: Any, **options: Any) -> Table:
        """What was measured."""
        return Table(self._seconds)

    def events(self) -> Table:
        """What was measured."""
        return Table(self._seconds)

    def table(self, *args: Any, **options: Any) -> str:
        """What was measured, as text."""
        return Table(self._seconds).table()
