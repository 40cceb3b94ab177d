"""Checks of the numbers that layers are made with."""

from __future__ import annotations

import warnings
from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.nn.place import where_am_i


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


def check_probability(what: str, p: float) -> None:
    """Raise unless 0 <= p <= 1.

    Raises:
        ArgumentError: it is not.
    """
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(
            explain(
                f"{what}: p is not a probability",
                where=where_am_i(),
                expected="0.0 <= p <= 1.0",
                got=str(p),
            )
        )


def reduction_of(what: str, size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """`reduction`, or what two older arguments say in its place.

    Raises:
        ArgumentError: they are no bools.
    """
    if size_average is None and reduce is None:
        return reduction
    for name, value in (("size_average", size_average), ("reduce", reduce)):
        if value is not None and not isinstance(value, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(
                explain(
                    f"{what}: {name} is no bool",
                    where=where_am_i(),
                    expected="True, False or None",
                    got=repr(value),
                    try_=f"reduction={value!r}, by its name",
                )
            )
    summed = "mean" if size_average is not False else "sum"
    found = summed if reduce is not False else "none"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction={found!r} instead.",
        stacklevel=3,
    )
    return found


def row_number(index: int | None, rows: int) -> int | None:
    """`index` counted from the first row; None stays None.

    Raises:
        ArgumentError: there is no such row.
    """
    if index is None or -rows <= index < rows:
        return index if index is None else index % rows
    raise ArgumentError(
        explain(
            "padding_idx: there is no such row",
            where=where_am_i(),
            expected=f"{-rows} <= padding_idx < {rows}",
            got=str(index),
        )
    )
