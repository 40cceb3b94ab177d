"""Checks of the numbers that layers are made with."""

from __future__ import annotations

from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.nn.module.user_line import where_am_i


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
                    where=where_am_i(),
                    expected="an int, 0 or more",
                    got=f"{value!r} ({type(value).__name__})",
                )
            )


def check_device(what: str, device: Any) -> None:
    """Raise unless values are to lie in the memory of the processor.

    Raises:
        ArgumentError: another device is asked for.
    """
    if device is not None and str(device) not in ("cpu", "cpu:0"):
        raise ArgumentError(
            explain(
                f"{what}: there is no such device",
                where=where_am_i(),
                expected="'cpu' or None",
                got=repr(device),
                try_="leave device out; a type is given by name, dtype=...",
            )
        )
