"""Checks of what layers are made with and converted to."""

from __future__ import annotations

from typing import Any

from zincir.device import check_device as check_place
from zincir.errors import ArgumentError, DTypeError, explain
from zincir.graph.node import user_line
from zincir.tensor import Tensor
from zincir.types import DType


def check_size(layer: str, **sizes: int) -> None:
    """Raise unless every size is an int from 0.

    Raises:
        ArgumentError: names the layer, the argument and its value.
    """
    for name, value in sizes.items():
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < 0:
            raise ArgumentError(
                explain(
                    f"{layer}: {name} is not a size",
                    where=user_line(),
                    expected="an int, 0 or more",
                    got=f"{value!r} ({type(value).__name__})",
                )
            )


def check_device(what: str, device: Any) -> None:
    """Raise unless values are to lie in the memory of the processor; `what` is being made.

    Raises:
        DeviceError: another device is asked for.
    """
    check_place(device, what)


def type_to_convert_to(what: str, args: tuple[Any, ...], device: Any, dtype: Any) -> DType | None:
    """The type that the arguments of `Module.to` ask for, None where they ask for none.

    Raises:
        ArgumentError: another device is asked for.
        DTypeError: what is asked for is no type for parameters.
    """
    for value in args:
        if isinstance(value, Tensor):
            dtype = value.dtype
        elif isinstance(value, DType):
            dtype = value
        elif not isinstance(value, bool):
            device = value
    check_device(what, device)
    if dtype is None or (isinstance(dtype, DType) and dtype.is_floating_point):
        return dtype
    raise DTypeError(
        explain(
            f"{what}: not a type for parameters",
            where=user_line(),
            expected="zincir.float32 or zincir.float64",
            got=repr(dtype),
        )
    )
