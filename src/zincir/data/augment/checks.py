"""Checks of the numbers that transforms are made with."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line


def bad(what: str, expected: str, got: Any, try_: str = "") -> ArgumentError:
    """The error for an argument; `what` names the transform and says what is wrong."""
    return ArgumentError(
        explain(what, where=user_line(), expected=expected, got=repr(got), try_=try_)
    )


def whole_number(what: str, value: Any, least: int = 0) -> int:
    """`value` as an int, not below `least`.

    Raises:
        ArgumentError: it is something else.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        raise bad(f"{what} is not a whole number from {least}", f"an int, {least} or more", value)
    return number


def probability(what: str, p: float) -> None:
    """Raise unless 0 <= p <= 1.

    Raises:
        ArgumentError: it is not.
    """
    if not 0.0 <= p <= 1.0:
        raise bad(f"{what}: p is not a probability", "0.0 <= p <= 1.0", p)


def one_of(what: str, value: str, choices: Sequence[str]) -> None:
    """Raise unless `value` is among `choices`.

    Raises:
        ArgumentError: it is not.
    """
    if value not in choices:
        raise bad(f"{what} is not known", ", ".join(choices), value)


def two_sides(what: str, size: Any) -> tuple[int, int]:
    """A size as height and width, both from 1; one number is a square.

    Raises:
        ArgumentError: it is something else.
    """
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2:
        raise bad(f"{what}: size is neither one number nor two", "size=32, or size=(h, w)", size)
    height, width = (whole_number(f"{what}: size", side, 1) for side in sides)
    return height, width


def interval(what: str, value: Any, low: float = -math.inf) -> tuple[float, float]:
    """`value` as two numbers, the first not above the second and not below `low`.

    Raises:
        ArgumentError: it is something else.
    """
    ends: tuple[float, ...] = () if isinstance(value, int | float) else tuple(map(float, value))
    if len(ends) != 2 or not low <= ends[0] <= ends[1] < math.inf:
        least = "" if low == -math.inf else f"{low:g} <= "
        raise bad(f"{what} is not an interval", f"(least, most) with {least}least <= most", value)
    return ends[0], ends[1]


def around(what: str, value: Any, centre: float, low: float = -math.inf) -> tuple[float, float]:
    """A number as the interval around `centre`, cut at `low`; an interval as it is.

    Raises:
        ArgumentError: it is neither.
    """
    if not isinstance(value, int | float):
        return interval(what, value, low)
    if not 0 <= value < math.inf:
        raise bad(f"{what} is negative", "a number from 0, or an interval", value)
    return max(centre - value, low), centre + value


def four_sides(what: str, padding: int | Sequence[int] | None) -> tuple[int, int, int, int]:
    """Padding as left, top, right and bottom: of one, two or four numbers.

    Raises:
        ArgumentError: it is something else.
    """
    given = [padding or 0] if isinstance(padding, int | None) else list(padding)
    if len(given) not in (1, 2, 4):
        raise bad(f"{what}: padding is neither 1, 2 nor 4 numbers", "padding=4", padding)
    sides = [whole_number(f"{what}: padding", p) for p in given]
    left, top, right, bottom = sides * (4 // len(sides))
    return left, top, right, bottom
