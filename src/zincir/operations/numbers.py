"""Python's numbers beside tensors: held in a tensor's type, wrapped round, or refused."""

from __future__ import annotations

import math

import numpy as np

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.half import rounded
from zincir.types import ALL_DTYPES, DType, Scalar, bfloat16, bool_, float32, uint8

_FLOAT32_MOST = float(np.finfo(np.float32).max)


def to(dtype: DType, value: Scalar) -> Scalar:
    """A number as the type holds it: integers wrap round."""
    if dtype.category == 3:
        return value  # by its parts: see `const`
    if dtype.category == 2:
        value = float(value)
        if dtype is float32 and abs(value) > _FLOAT32_MOST:
            with np.errstate(over="ignore"):
                return float(np.float32(value))
        return rounded(value, dtype) if dtype.half else value
    if dtype is bool_:
        return bool(value)
    if type(value) is float and not math.isfinite(value):
        return 0
    value = int(value)
    low, high = RANGES[dtype]
    return value if low <= value <= high else (value - low) % (high - low + 1) + low


RANGES = {
    dtype: (int(np.iinfo(dtype.name).min), int(np.iinfo(dtype.name).max))
    for dtype in ALL_DTYPES
    if dtype.category == 1
}


def most(dtype: DType) -> float:
    """The largest number of a floating type that is finite."""
    if dtype is bfloat16:
        return (2.0 - 2.0**-7) * 2.0**127
    return float(np.finfo(dtype.name).max)


def fit(dtype: DType, value: Scalar, what: str) -> Scalar:
    """A number that is to be stored in a tensor of some type.

    Raises:
        ArgumentError: the type cannot hold it.
    """
    if dtype.category == 1 and type(value) is not bool:
        most = RANGES[dtype][1]
        least = -most if dtype is uint8 else -most - 1
        if not math.isfinite(value) or not least <= int(value) <= most:
            raise ArgumentError(
                explain(
                    f"{what}: value cannot be converted to type {dtype.name} without overflow",
                    where=user_line(),
                    expected=f"a number from {least} to {most}",
                    got=str(value),
                )
            )
    return to(dtype, value)
