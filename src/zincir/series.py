"""Tensors that are series of numbers: at equal distances, or powers at equal distances."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np

from zincir.calling import takes_out
from zincir.creation import made
from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.half import converted
from zincir.operations.dims import whole_number
from zincir.tensor import Tensor
from zincir.tensor_types import as_dtype, check_storage
from zincir.types import DEFAULT, DType, Scalar, bool_, int64


@takes_out
def arange(
    start: Scalar,
    end: Scalar | None = None,
    step: Scalar = 1,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Numbers from `start` up to, and without, `end`.

    In a type of integers, numbers lose first what is behind the point.

    >>> arange(3)
    tensor([0, 1, 2])
    """
    check_storage(device, layout, pin_memory)
    first, last, by = (_number("arange", v) for v in (start, 0 if end is None else end, step))
    if end is None:
        first, last = 0, first
    floats = any(isinstance(v, float) for v in (first, last, by))
    default = DEFAULT.floating if floats else int64
    kind = _of_numbers("arange", default if dtype is None else as_dtype(dtype))
    count = _count(first, last, by, kind)
    if kind.category == 1:
        first, by = int(first), int(by)
    return made(converted(first + np.arange(count) * by, kind), requires_grad)


def _count(first: Any, last: Any, by: Any, kind: DType) -> int:
    """How many steps there are before the end."""
    if not (math.isfinite(first) and math.isfinite(last)):
        raise _wrong("arange: unsupported range", f"{first} -> {last}")
    if by == 0 or (kind is int64 and int(by) == 0):
        raise _wrong("arange: step must be nonzero", f"step={by}")
    if (last - first) * by < 0:
        raise _wrong(
            "arange: the steps do not lead from start to end",
            f"start={first}, end={last}, step={by}",
        )
    if kind is int64:  # PyTorch looks at the integers; of smaller types, at what was given
        first, last, by = int(first), int(last), int(by)
    return math.ceil((last - first) / by)


def _wrong(what: str, got: str) -> ArgumentError:
    return ArgumentError(explain(what, where=user_line(), got=got))


@takes_out
def linspace(
    start: Scalar,
    end: Scalar,
    steps: int,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`steps` numbers at equal distances, from `start` to `end`, both included."""
    check_storage(device, layout, pin_memory)
    kind = _of_numbers("linspace", DEFAULT.floating if dtype is None else as_dtype(dtype))
    return made(converted(_places("linspace", start, end, steps, kind), kind), requires_grad)


@takes_out
def logspace(
    start: Scalar,
    end: Scalar,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Powers of `base` with exponents at equal distances."""
    check_storage(device, layout, pin_memory)
    kind = _of_numbers("logspace", DEFAULT.floating if dtype is None else as_dtype(dtype))
    exponents = _places("logspace", start, end, steps, kind)
    with np.errstate(all="ignore"):
        return made(converted(np.power(float(base), exponents), kind), requires_grad)


def _places(what: str, start: Any, end: Any, steps: Any, kind: DType) -> np.ndarray[Any, Any]:
    """Numbers at equal distances: in types of integers between whole ends, counted from the nearer.

    So PyTorch does it, whatever is then cut off.
    """
    first, last = _number(what, start), _number(what, end)
    count = whole_number(steps, f"{what}: steps")
    if count < 0:
        raise _wrong(f"{what}: number of steps must be non-negative", str(count))
    if kind.category == 1:
        first, last = (_whole(what, v, kind) for v in (first, last))
    if kind.category == 3:
        return np.linspace(first, last, count)
    far = np.arange(count)
    with np.errstate(all="ignore"):
        by = (np.float64(last) - np.float64(first)) / max(1, count - 1)
        return np.where(far < max(1, count // 2), first + by * far, last - by * (count - 1 - far))


def _whole(what: str, value: Any, kind: DType) -> int:
    number, limits = int(value), np.iinfo(cast(Any, kind.numpy))
    if not limits.min <= number <= limits.max:
        raise _wrong(f"{what}: value cannot be converted to type {kind.name}", str(value))
    return number


def _number(what: str, x: Any) -> Any:
    """A number, or what the tensor of one number holds that was given for it."""
    if isinstance(x, Tensor) and x.ndim:
        raise ShapeError(
            explain(
                f"{what}: takes numbers and 0-dimensional tensors",
                where=user_line(),
                got=str(x.shape),
            )
        )
    return x.item() if hasattr(x, "item") else x


def _of_numbers(what: str, kind: DType) -> DType:
    """The type of a series, which is not bool."""
    if kind is bool_ or (kind.category == 3 and what == "arange"):
        raise DTypeError(
            explain(f"{what}: not implemented for {kind.name}", where=user_line(), got=kind.name)
        )
    return kind
