"""Columns of a table: numbers or categories, what is missing, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zincir.errors import DataError, explain
from zincir.graph.node import user_line

NUMBER, CATEGORY = "number", "category"
MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "?")
"""What files write where a value is missing."""
SHOWN = 8


@dataclass(frozen=True)
class Column:
    """One column: float64 with NaN for what is missing, or texts with None for it."""

    name: str
    kind: str
    values: npt.NDArray[Any]

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """(N,) True where the value is missing."""
        if self.kind == NUMBER:
            return np.isnan(self.values)
        return np.array([v is None for v in self.values], np.bool_)

    def rows(self, index: Any) -> Column:
        """The same column with some of its rows."""
        return Column(self.name, self.kind, self.values[index])


def column_of_texts(
    name: str, texts: Sequence[str], kind: str | None, missing: Sequence[str], rows: Sequence[int]
) -> Column:
    """A column from what a file says: numbers, if all that is not missing can be read as such.

    Args:
        name: of the column.
        texts: its values.
        kind: "number" or "category"; None: whichever fits.
        missing: what stands for a missing value.
        rows: what the rows are called, for messages.

    Raises:
        DataError: a value is not the number that it should be, or infinite.
    """
    gone = set(missing)
    stripped = [text.strip() for text in texts]
    if kind != CATEGORY:
        numbers = np.full(len(stripped), np.nan)
        for i, text in enumerate(stripped):
            if text in gone:
                continue
            value = _number(text)
            if value is None:
                if kind is None:
                    break
                raise _wrong(name, rows[i], "is not a number", repr(text))
            if not np.isfinite(value):
                raise _wrong(name, rows[i], "is not finite", repr(text))
            numbers[i] = value
        else:
            return Column(name, NUMBER, numbers)
    values = [None if text in gone else text for text in stripped]
    return Column(name, CATEGORY, _objects(values))


def column_of_values(
    name: str, values: Any, kind: str | None, rows: Sequence[int] | None = None
) -> Column:
    """A column from values in memory: an array, or a column of a data frame.

    None, NaN and pandas' NA are missing. Booleans and everything that is no number are categories.

    Raises:
        DataError: a value is not the number that it should be, or infinite.
    """
    array = np.asarray(values)
    if array.dtype.kind in "iuf" and kind != CATEGORY:
        numbers = array.astype(np.float64)
        infinite = np.flatnonzero(np.isinf(numbers))
        if len(infinite):
            i = int(infinite[0])
            raise _wrong(name, i if rows is None else rows[i], "is not finite", str(numbers[i]))
        return Column(name, NUMBER, numbers)
    known = [None if _is_missing(v) else v for v in array.tolist()]
    if kind != CATEGORY:
        found = [np.nan if v is None else _number(v) for v in known]
        bad = [i for i, v in enumerate(found) if v is None]
        if not bad and (kind == NUMBER or any(v is not None for v in known)):
            return column_of_values(name, np.array(found, np.float64), kind, rows)
        if kind == NUMBER and bad:
            i = bad[0]
            raise _wrong(name, i if rows is None else rows[i], "is not a number", repr(known[i]))
    return Column(name, CATEGORY, _objects([None if v is None else _text(v) for v in known]))


def missing_report(columns: Sequence[Column], rows: Sequence[int], row_word: str) -> str:
    """Which rows and columns have no value: the first ones by name, all of them by number.

    >>> table = [Column("age", NUMBER, np.array([1.0, np.nan]))]
    >>> missing_report(table, [2, 3], "line")
    "line 3, column 'age'"
    """
    places = [(int(i), column.name) for column in columns for i in np.flatnonzero(column.missing)]
    places.sort(key=lambda place: place[0])
    shown = [f"{row_word} {rows[i]}, column {name!r}" for i, name in places[:SHOWN]]
    more = len(places) - len(shown)
    return "\n".join(shown + ([f"and {more} more"] if more > 0 else []))


def _number(value: Any) -> float | None:
    """`value` as a number; None if it is none. Texts such as 1_000 and truth values are none."""
    if isinstance(value, bool | np.bool_) or (isinstance(value, str) and "_" in value):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value  # NaN


def _text(value: Any) -> str:
    """A category's name; 3.0, which a column of whole numbers with gaps has, is "3"."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _objects(values: Sequence[Any]) -> npt.NDArray[Any]:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _wrong(column: str, row: int, what: str, got: str) -> DataError:
    return DataError(
        explain(
            f"row {row}, column {column!r}: the value {what}",
            where=user_line(),
            got=got,
            try_=f'kinds={{{column!r}: "category"}}, if these are names; or mend the row',
        )
    )
