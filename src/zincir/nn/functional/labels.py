"""Class labels, checked before they are used: at once when their values are known, else in the
program.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from zincir.errors import IndexOutOfRange
from zincir.graph.at_once import known
from zincir.graph.node import Node, user_line
from zincir.operations.arithmetic import cast, compare, where
from zincir.operations.indexing import out_of_range, take
from zincir.operations.source import iota
from zincir.types import int32, uint8

Array = np.ndarray[Any, Any]


class Labels(NamedTuple):
    """Labels that have passed the check."""

    number: Node
    """int32; 0 where a row is left out."""
    used: Node | None
    """bool, false where a row is left out; None when none is."""


def checked_labels(labels: Node, classes: int, ignore: int | None) -> Labels:
    """Integer labels from 0 to classes - 1, except for rows labelled `ignore`.

    Raises:
        IndexOutOfRange: names the row and the value: here, or while something is recorded when
            the program runs.
    """
    values = known(labels)
    if values is not None:
        if _all_below(values, classes) and not (ignore is not None and 0 <= ignore < classes):
            return Labels(cast(labels, int32), None)
        _check(values, classes, ignore)
    labels = cast(labels, int32) if labels.dtype is uint8 else labels
    # A row of numbers 0, 1, 2, ... gives each label back, and `take` refuses what is not in it.
    numbers = iota((classes,), 0, int32)
    if ignore is None:
        return Labels(take(numbers, labels, "label"), None)
    used = compare("ne", labels, ignore)
    return Labels(take(numbers, where(used, labels, 0), "label"), used)


def _all_below(values: Array, classes: int) -> bool:
    if not values.size:
        return True
    # Negative numbers are very large ones without a sign: one pass sees both ends.
    plain = values.view(_UNSIGNED[values.dtype.itemsize])
    return int(np.maximum.reduce(plain, axis=None)) < classes


_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def _check(values: Array, classes: int, ignore: int | None) -> None:
    wrong = (values < 0) | (values >= classes)
    if ignore is not None:
        wrong &= values != ignore
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        message = out_of_range("label", classes, place, int(values.flat[place]), user_line())
        raise IndexOutOfRange(message)
