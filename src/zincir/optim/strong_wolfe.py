"""A line search: how far along a direction, so that the strong Wolfe conditions hold.

From Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6, with the choices of
minFunc (https://www.cs.ubc.ca/~schmidtm/Software/minFunc.html) that PyTorch has taken over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]

_ENOUGH = 1e-4
"""The loss has to fall by this share of what the slope promises."""

_FLAT = 0.9
"""The slope has to fall to this share of what it was."""

_LEAST = 1e-9
"""The least change of a parameter that is worth another look."""


class Point(NamedTuple):
    """A place along the direction: how far, loss, gradient, and slope along the direction."""

    t: Any
    loss: float
    grad: Array
    slope: Any


def strong_wolfe(
    at: Callable[[Any], tuple[float, Array]],
    t: Any,
    d: Array,
    loss: float,
    grad: Array,
    slope: Any,
    most: int,
) -> tuple[float, Array, Any, int]:
    """Loss and gradient at the place that was found, how far it is, and how many were looked at.

    Args:
        at: loss and gradient so far along the direction.
        t: how far to look first.
        d: the direction.
        loss, grad, slope: where it begins.
        most: how many places to look at, besides the first.
    """

    def look(t: Any) -> Point:
        found, gradient = at(t)
        return Point(t, found, gradient, gradient @ d)

    start = Point(0, loss, grad, slope)
    bracket, done, looked = _bracket(look, start, look(t), most)
    if not done:
        bracket, looked = _zoom(look, start, bracket, np.abs(d).max(), looked, most)
    found = bracket[_lowest(bracket)]
    return found.loss, found.grad, found.t, looked + 1


def _bracket(
    look: Callable[[Any], Point], start: Point, new: Point, most: int
) -> tuple[list[Point], bool, int]:
    """Two points around a good one, or a good one."""
    before, looked = start, 0
    while looked < most:
        if _too_high(new, start) or (looked > 1 and new.loss >= before.loss):
            return [before, new], False, looked
        if abs(new.slope) <= -_FLAT * start.slope:
            return [new], True, looked
        if new.slope >= 0:
            return [before, new], False, looked
        bounds = new.t + 0.01 * (new.t - before.t), new.t * 10
        before, new = new, look(_cubic(before, new, bounds))
        looked += 1
    return [start, new], False, looked


def _zoom(
    look: Callable[[Any], Point],
    start: Point,
    bracket: list[Point],
    longest: Any,
    looked: int,
    most: int,
) -> tuple[list[Point], int]:
    """The two points brought together, until one is good or they are as good as one."""
    bracket, low, slow = list(bracket), _lowest(bracket), False
    while looked < most:
        one, two = bracket
        if abs(two.t - one.t) * longest < _LEAST:
            break
        t, slow = _inside(_cubic(one, two, None), one.t, two.t, slow)
        new = look(t)
        looked += 1
        if _too_high(new, start) or new.loss >= bracket[low].loss:
            bracket[1 - low] = new
            low = _lowest(bracket)
            continue
        good = abs(new.slope) <= -_FLAT * start.slope
        if not good and new.slope * (bracket[1 - low].t - bracket[low].t) >= 0:
            bracket[1 - low] = bracket[low]
        bracket[low] = new
        if good:
            return [new], looked
    return [bracket[low]], looked


def _too_high(new: Point, start: Point) -> bool:
    return new.loss > start.loss + _ENOUGH * new.t * start.slope


def _lowest(bracket: list[Point]) -> int:
    return 0 if bracket[0].loss <= bracket[-1].loss else 1


def _inside(t: Any, one: Any, two: Any, slow: bool) -> tuple[Any, bool]:
    """t, or a place a tenth away from the edge that it keeps close to; whether it is slow now."""
    least, most = min(one, two), max(one, two)
    margin = 0.1 * (most - least)
    if min(most - t, t - least) >= margin:
        return t, False
    if not (slow or t >= most or t <= least):
        return t, True
    return (most - margin if abs(t - most) < abs(t - least) else least + margin), False


def _cubic(one: Point, two: Point, bounds: tuple[Any, Any] | None) -> Any:
    """Where the cubic through two points with their slopes is lowest, within bounds."""
    least, most = bounds or (min(one.t, two.t), max(one.t, two.t))
    mean = one.slope + two.slope - 3 * (one.loss - two.loss) / (one.t - two.t)
    square = mean**2 - one.slope * two.slope
    if not square >= 0:
        return (least + most) / 2.0
    root = np.sqrt(square)
    left, right = (one, two) if one.t <= two.t else (two, one)
    share = (right.slope + root - mean) / (right.slope - left.slope + 2 * root)
    return min(max(right.t - (right.t - left.t) * share, least), most)
