"""What `torch` itself has besides: memory of others, checks, what is older than its successor."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from zincir import autograd, creation
from zincir.as_torch.random import get_rng_state as get_rng_state
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.tensor import Tensor
from zincir.types import DType

set_anomaly_enabled = autograd.set_detect_anomaly


class OutOfMemoryError(RuntimeError):
    """What PyTorch raises where a GPU has no memory left; never raised here."""


def range(
    start: float,
    end: float,
    step: float = 1,
    *,
    dtype: DType | None = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Numbers from `start` to `end`, which is one of them if steps lead there; floats as a rule.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     range(1, 2, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    warnings.warn("torch.range is deprecated: torch.arange ends before `end`", stacklevel=2)
    if step == 0 or (end - start) / step < 0:
        raise ArgumentError(
            explain(
                "range: the steps do not lead from start to end",
                where=user_line(),
                got=f"start={start}, end={end}, step={step}",
            )
        )
    numbers = start + step * np.arange(int((end - start) / step) + 1)
    kind = dtype or creation.get_default_dtype()
    return creation.tensor(numbers, dtype=kind, requires_grad=requires_grad, **options)


def frombuffer(
    buffer: Any, *, dtype: DType, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A tensor over the memory of `buffer` (bytes, a bytearray, an array), without a copy.

    What cannot be written to, such as bytes, is copied.

    >>> import zincir
    >>> frombuffer(bytearray(b"abc"), dtype=zincir.uint8, offset=1)
    tensor([98, 99], dtype=zincir.uint8)
    """
    kind = np.dtype(np.int16) if dtype.half else dtype.memory
    array = np.frombuffer(buffer, kind, count, offset)
    made = creation.from_numpy(array if array.flags.writeable else array.copy())
    return made.view(dtype).requires_grad_(requires_grad)


def is_nonzero(input: Tensor) -> bool:
    """Whether a tensor of one element is not 0."""
    return bool(input)


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether both have one shape."""
    return input.shape == other.shape


def _assert(condition: Any, message: str) -> None:  # pyright: ignore[reportUnusedFunction]
    if not condition:
        raise AssertionError(message)
