"""What numbers a type holds: `finfo` and `iinfo`."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.errors import DTypeError, explain
from zincir.graph.node import user_line
from zincir.operations.numbers import most
from zincir.tensor_types import as_dtype
from zincir.types import DType, bfloat16, float32

_BFLOAT16_EPS, _BFLOAT16_RESOLUTION = 2.0**-7, 0.01


class finfo:
    """Limits of a floating type, under PyTorch's names.

    Args:
        type: a floating type; float32 if left out.

    Raises:
        DTypeError: it is no floating type.

    >>> import zincir
    >>> zincir.finfo(zincir.bfloat16).eps
    0.0078125
    """

    def __init__(self, type: Any = float32) -> None:
        kind = _checked(type, 2, "finfo", "iinfo")
        self._kind = kind
        known: Any = np.finfo((float32 if kind is bfloat16 else kind).name)
        self.bits = 8 * kind.itemsize
        self.eps = float(known.eps)
        self.max = float(known.max)
        self.tiny = float(known.tiny)
        self.resolution = 10.0**-known.precision
        if kind is bfloat16:  # the exponents of float32
            self.eps, self.resolution = _BFLOAT16_EPS, _BFLOAT16_RESOLUTION
            self.max = most(bfloat16)
        self.min = -self.max
        self.smallest_normal = self.tiny
        self.dtype = kind.name

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self._kind is other._kind

    def __hash__(self) -> int:
        return hash(self._kind)


class iinfo:
    """Limits of an integer type, under PyTorch's names.

    Args:
        type: an integer type.

    Raises:
        DTypeError: it is no integer type.

    >>> import zincir
    >>> zincir.iinfo(zincir.int8)
    iinfo(min=-128, max=127, dtype=int8)
    """

    def __init__(self, type: Any) -> None:
        kind = _checked(type, 1, "iinfo", "finfo")
        self._kind = kind
        known: Any = np.iinfo(kind.name)
        self.bits = 8 * kind.itemsize
        self.min, self.max = int(known.min), int(known.max)
        self.dtype = kind.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self._kind is other._kind

    def __hash__(self) -> int:
        return hash(self._kind)


def _checked(type: Any, category: int, what: str, other: str) -> DType:
    kind = as_dtype(type)
    if kind.category != category:
        raise DTypeError(
            explain(
                f"{what}() does not know {kind.name}",
                where=user_line(),
                try_=f"{other}({kind!r})" if kind.category else "",
            )
        )
    return kind
