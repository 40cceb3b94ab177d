"""Checks of the numbers that layers are made with."""

from __future__ import annotations

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
