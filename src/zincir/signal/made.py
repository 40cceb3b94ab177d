"""Windows as tensors: what their functions share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zincir.creation import get_default_dtype
from zincir.errors import ArgumentError, DTypeError, explain
from zincir.graph.node import user_line
from zincir.half import array_in
from zincir.signal.formulas import Array, window
from zincir.tensor import Tensor, from_array
from zincir.tensor_types import as_dtype, check_storage


def made(
    what: str,
    m: int,
    symmetric: bool,
    formula: Callable[[Array, int], Array],
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The window of `m` places as a tensor.

    Raises:
        ArgumentError: `m` is negative.
        DTypeError: the type has no fractions.
    """
    check_storage(device, layout, pin_memory)
    kind = get_default_dtype() if dtype is None else as_dtype(dtype)
    if kind.category != 2:
        raise DTypeError(
            explain(f"{what} expects floating point dtypes", where=user_line(), got=kind.name)
        )
    if m < 0:
        raise ArgumentError(
            explain(f"{what} requires non-negative window length", where=user_line(), got=str(m))
        )
    t = from_array(array_in(window(m, symmetric, formula), kind))
    return t.requires_grad_() if requires_grad else t


def positive(what: str, name: str, value: float, *, or_zero: bool = False) -> None:
    """Raise if a number is not positive."""
    if value < 0 or (value == 0 and not or_zero):
        kind = "non-negative" if or_zero else "positive"
        raise ArgumentError(
            explain(f"{what}: {name} must be {kind}", where=user_line(), got=str(value))
        )
