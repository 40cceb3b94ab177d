"""Words that NumPy arrays and tensors share: what transforms are written in, once for both.

An `Array` is a NumPy array or a tensor; those that meet in one call are of one kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from zincir import functional as F
from zincir.creation import from_numpy
from zincir.errors import TraceError, explain
from zincir.graph.node import user_line
from zincir.recording import CURRENT
from zincir.tensor import Tensor
from zincir.types import float32, uint8

Array: TypeAlias = Any
"""A NumPy array or a tensor."""


def like(values: Any, x: Array) -> Array:
    """`values` as float32, of the kind of x: constants that meet it."""
    array = np.asarray(values, np.float32)
    return from_numpy(array) if isinstance(x, Tensor) else array


def steps(count: int, x: Array) -> Array:
    """0, 1, ... count - 1 as float32, of the kind of x."""
    return like(np.arange(count), x)


def is_bytes(x: Array) -> bool:
    """Whether pixels are whole numbers from 0 to 255, not fractions from 0 to 1."""
    return x.dtype in (np.uint8, uint8)


def top(x: Array) -> float:
    """The brightest pixel of the type of x."""
    return 255.0 if is_bytes(x) else 1.0


def real(x: Array) -> Array:
    """As float32, the same numbers."""
    return x.to(float32) if isinstance(x, Tensor) else x.astype(np.float32, copy=False)


def typed(x: Array, as_in: Array) -> Array:
    """float32 pixels in the type of `as_in`; where those are bytes, the nearest ones."""
    if not is_bytes(as_in):
        return x
    if isinstance(x, Tensor):
        return x.round().clamp(0, 255).to(uint8)
    return np.rint(x).clip(0, 255).astype(np.uint8)


def scaled(x: Array, factor: Array, less: Array) -> Array:
    """`x * factor - less`, float32; in NumPy, in one new array."""
    if isinstance(x, Tensor):
        return x.to(float32) * factor - less
    out = np.multiply(x, factor, dtype=np.float32)
    out -= less
    return out


def whole(x: Array) -> Array:
    """Numbers without a fraction as int64."""
    return x.long() if isinstance(x, Tensor) else x.astype(np.int64)


def where(condition: Array, x: Array, y: Array) -> Array:
    """`x` where the condition holds, y elsewhere."""
    select: Callable[..., Array] = F.where if isinstance(condition, Tensor) else np.where
    return select(condition, x, y)


def take(x: Array, index: Array) -> Array:
    """Elements of x (K,) by number; all numbers are good ones."""
    return x[index] if isinstance(x, Tensor) else x.take(index, mode="clip")


def floor(x: Array) -> Array:
    """The largest whole numbers not above x."""
    return x.floor() if isinstance(x, Tensor) else np.floor(x)


def absolute(x: Array) -> Array:
    """`x` without its sign."""
    return abs(x)


def smaller(x: Array, y: Array) -> Array:
    """The smaller of each two."""
    return x.minimum(y) if isinstance(x, Tensor) else np.minimum(x, y)


def larger(x: Array, y: Array) -> Array:
    """The larger of each two."""
    return x.maximum(y) if isinstance(x, Tensor) else np.maximum(x, y)


def total(x: Array, axis: int) -> Array:
    """The sum along an axis, which stays with size 1."""
    return x.sum(axis, True) if isinstance(x, Tensor) else x.sum(axis, keepdims=True)


def flip(x: Array, axis: int) -> Array:
    """The other way round."""
    return x.flip(axis) if isinstance(x, Tensor) else np.flip(x, axis)


def swapped(x: Array) -> Array:
    """With the last two axes exchanged."""
    return x.transpose(-1, -2) if isinstance(x, Tensor) else x.swapaxes(-1, -2)


def roll(x: Array) -> Array:
    """Each sample is the one before it; the first is the last."""
    return x.roll(1, 0) if isinstance(x, Tensor) else np.roll(x, 1, axis=0)


def join(parts: Sequence[Array], axis: int) -> Array:
    """One after the other."""
    return F.cat(parts, axis) if isinstance(parts[0], Tensor) else np.concatenate(parts, axis)


def through_numpy(what: str, change: Callable[..., Array], x: Array, numbers: Array) -> Array:
    """`change(x, numbers)` by a function that knows arrays only.

    Raises:
        TraceError: x belongs to a step that is being recorded, and has no values yet.
    """
    if not isinstance(x, Tensor):
        return change(x, numbers)
    if CURRENT.recording is not None:
        raise TraceError(
            explain(
                f"{what}: cannot be part of a compiled step",
                where=user_line(),
                expected="NumPy arrays, or tensors outside zincir.compile",
                try_="transform the batch before the call",
            )
        )
    return from_numpy(change(x.detach().numpy(), np.asarray(numbers)))


def each(numbers: Array) -> Array:
    """(N,) as (N, 1, 1, 1): one number for all of an image."""
    return numbers[:, None, None, None]


def only(chosen: Array, change: Callable[..., Array], x: Array, *numbers: Array) -> Array:
    """`change(x, *numbers)` for the chosen samples; the others stay as they are.

    NumPy computes the chosen ones alone. In a tensor, whose program does not depend on values, all
    are computed, and then selected.
    """
    if isinstance(x, Tensor):
        return where(each(chosen), change(x, *numbers), x)
    out = x.copy()
    if chosen.any():
        out[chosen] = change(x[chosen], *[n[chosen] for n in numbers])
    return out
