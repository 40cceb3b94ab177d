"""Tables: columns by name, read from files, arrays and data frames."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zincir.data.columns import (
    CATEGORY,
    MISSING,
    NUMBER,
    Column,
    column_of_texts,
    column_of_values,
    missing_report,
)
from zincir.data.splits import part_lengths, stratified_parts
from zincir.data.texts import csv_rows, read_text
from zincir.errors import ArgumentError, DataError, ShapeError, UnknownName, explain
from zincir.generator import Generator
from zincir.graph.node import user_line

POLICIES = ("refuse", "drop", "fill")
Kinds = Mapping[str, str]


class Table:
    """Columns of the same length, each of numbers or of categories, one of which may be the target.

    Args:
        columns: by name, the values: arrays, lists, or columns of a data frame.
        target: the column that is to be predicted; None: there is none.
        kinds: "number" or "category" for columns that would be taken for the other: numbers that
            are names (a postcode) are categories. Whole numbers as a target are numbers too, unless
            this says otherwise.
        missing: what happens where values are missing (None, NaN, an empty field): "refuse" raises
            an error that names rows and columns, "drop" leaves these rows out with a warning,
            "fill" leaves it to `TableEncoder`. Without a target's value, a row is refused or
            dropped, never filled.

    Attributes:
        columns: by name, a `Column`: `name`, `kind`, `values`.
        target: the name of the target, or None.
        rows: what the rows are called in messages: lines of the file, or numbers from 0.

    Raises:
        ShapeError: the columns' lengths differ.
        DataError: values are missing, infinite, or not what `kinds` says; the table is empty.

    Example:
        >>> table = Table({"height": [1.0, 2.5], "colour": ["red", "blue"]}, target="colour")
        >>> len(table), table.columns["colour"].kind, table.features
        (2, 'category', ['height'])
    """

    columns: dict[str, Column]
    target: str | None
    missing: str

    def __init__(
        self,
        columns: Mapping[str, Any],
        target: str | None = None,
        *,
        kinds: Kinds | None = None,
        missing: str = "refuse",
    ) -> None:
        given = {str(name): values for name, values in columns.items()}
        _check_names(list(given), target, kinds, missing)
        lengths = {name: len(values) for name, values in given.items()}
        if len(set(lengths.values())) > 1:
            raise ShapeError(
                explain(
                    "Table: columns differ in length",
                    where=user_line(),
                    got=", ".join(f"{name} {n}" for name, n in lengths.items()),
                )
            )
        made = [column_of_values(name, v, (kinds or {}).get(name)) for name, v in given.items()]
        count = next(iter(lengths.values()), 0)
        self._set(made, target, missing, np.arange(count), "row")

    def _set(
        self,
        columns: Sequence[Column],
        target: str | None,
        missing: str,
        rows: npt.NDArray[np.int64],
        word: str,
    ) -> None:
        self.columns = {column.name: column for column in columns}
        self.target, self.missing, self.rows, self.row_word = target, missing, rows, word
        if missing != "fill" or target is not None:
            self._treat_missing()
        if not len(self):
            raise DataError(explain("Table: there are no rows", where=user_line()))

    def _treat_missing(self) -> None:
        """Refuse or drop rows without a value (with "fill", those without a target)."""
        judged = list(self.columns.values())
        if self.missing == "fill":
            judged = [c for c in judged if c.name == self.target]
        gone = np.zeros(len(self.rows), np.bool_)
        for column in judged:
            gone |= column.missing
        if not gone.any():
            return
        report = missing_report(judged, self.rows.tolist(), self.row_word)
        if self.missing != "drop":
            raise DataError(
                explain(
                    f"Table: values are missing in {int(gone.sum())} of {len(gone)} rows",
                    where=user_line(),
                    got=report,
                    try_='missing="drop" leaves such rows out'
                    + ('; missing="fill" fills features' if self.missing == "refuse" else ""),
                )
            )
        warnings.warn(
            f"Table: {int(gone.sum())} of {len(gone)} rows have values missing and are left out:\n"
            + report,
            stacklevel=5,
        )
        self.columns = {name: c.rows(~gone) for name, c in self.columns.items()}
        self.rows = self.rows[~gone]

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        kinds = ", ".join(f"{c.name}: {c.kind}" for c in self.columns.values())
        return f"Table({len(self)} rows; {kinds}; target={self.target!r})"

    @property
    def features(self) -> list[str]:
        """The names of all columns but the target, in order."""
        return [name for name in self.columns if name != self.target]

    def take(self, index: Any) -> Table:
        """The rows with these numbers, as a table."""
        new = Table.__new__(Table)
        rows = [column.rows(index) for column in self.columns.values()]
        new._set(rows, self.target, self.missing, self.rows[index], self.row_word)
        return new

    def without(self, *names: str) -> Table:
        """The table without some of its columns."""
        for name in names:
            if name not in self.columns or name == self.target:
                raise _no_column("Table.without", name, self.features)
        new = Table.__new__(Table)
        kept = [c for c in self.columns.values() if c.name not in names]
        new._set(kept, self.target, self.missing, self.rows, self.row_word)
        return new

    def split(self, lengths: Sequence[int | float], seed: int = 0) -> list[Table]:
        """Parts with no row in common, drawn at random; if the target is a category, each part has
        the same share of each class.

        Args:
            lengths: numbers of rows, or fractions that add up to 1.
            seed: another seed, other parts.

        Example:
            >>> table = Table({"x": range(10), "y": ["a"] * 8 + ["b"] * 2}, target="y")
            >>> train, test = table.split([0.5, 0.5])
            >>> sorted(test.columns["y"].values)
            ['a', 'a', 'a', 'a', 'b']
        """
        target = None if self.target is None else self.columns[self.target]
        classes = np.zeros(len(self), np.int64)
        if target is not None and target.kind == CATEGORY:
            classes = np.unique(target.values.astype(str), return_inverse=True)[1]
        counts = part_lengths("Table.split", lengths, len(self))
        parts = stratified_parts(classes, counts, Generator().manual_seed(seed))
        return [self.take(part) for part in parts]

    @classmethod
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        target: str | None = None,
        *,
        kinds: Kinds | None = None,
        missing: str = "refuse",
        names: Sequence[str] | None = None,
        delimiter: str = ",",
        missing_values: Sequence[str] = MISSING,
    ) -> Table:
        """A file of comma-separated values (UTF-8), whose first line has the columns' names.

        A column is one of numbers if all its values can be read as such.

        Args:
            path: the file.
            target, kinds, missing: see `Table`.
            names: of the columns, if the file has no line with them.
            delimiter: between values.
            missing_values: what stands for a missing value.

        Raises:
            DataNotFound: there is no such file.
            DataError: as `Table`; or a line has more or fewer values than there are names.
        """
        title = Path(path).name
        return cls._read(read_text(path), title, target, kinds, missing, names, delimiter,
                         missing_values)  # fmt: skip

    @classmethod
    def _read(
        cls,
        text: str,
        title: str,
        target: str | None,
        kinds: Kinds | None,
        missing: str,
        names: Sequence[str] | None = None,
        delimiter: str = ",",
        missing_values: Sequence[str] = MISSING,
    ) -> Table:
        lines = csv_rows(text, title, delimiter)
        first: Sequence[str] = names if names is not None else next(lines, (0, ()))[1]
        header = [name.strip() for name in first]
        _check_names(header, target, kinds, missing)
        numbers: list[int] = []
        rows: list[Sequence[str]] = []
        for number, row in lines:
            if len(row) != len(header):
                raise _uneven(title, number, row, header)
            numbers.append(number)
            rows.append(row)
        texts = list(zip(*rows, strict=True)) if rows else [()] * len(header)
        new = cls.__new__(cls)
        columns = [
            column_of_texts(name, values, (kinds or {}).get(name), missing_values, numbers)
            for name, values in zip(header, texts, strict=True)
        ]
        new._set(columns, target, missing, np.array(numbers, np.int64), f"{title}, line")
        return new

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        target: str | None = None,
        *,
        kinds: Kinds | None = None,
        missing: str = "refuse",
    ) -> Table:
        """A data frame of pandas or polars, or whatever has `columns` and gives them by name."""
        names = [str(name) for name in frame.columns]
        if len(set(names)) < len(names):
            _check_names(names, target, kinds, missing)
        columns = {str(name): _values(frame[name]) for name in frame.columns}
        return cls(columns, target, kinds=kinds, missing=missing)

    @classmethod
    def from_arrays(
        cls, x: Any, y: Any = None, names: Sequence[str] | None = None, *, missing: str = "refuse"
    ) -> Table:
        """An array of features (N, F), and the targets (N,), whose column is called "target".

        Whole numbers, texts and truth values in `y` are classes, fractions are numbers.

        Raises:
            ShapeError: shapes do not fit one another.
        """
        features, targets = np.asarray(x), None if y is None else np.asarray(y)
        labels = [f"x{i}" for i in range(features.shape[-1])] if names is None else list(names)
        wrong = features.ndim != 2 or len(labels) != features.shape[1]
        if wrong or (targets is not None and targets.shape != (len(features),)):
            raise ShapeError(
                explain(
                    "Table.from_arrays: shapes do not fit one another",
                    where=user_line(),
                    expected="x (N, F), y (N,), and F names",
                    got=f"x {features.shape}, y {None if targets is None else targets.shape}, "
                    f"{len(labels)} names",
                )
            )
        columns: dict[str, Any] = {name: features[:, i] for i, name in enumerate(labels)}
        kinds: dict[str, str] = {}
        if targets is not None:
            columns["target"] = targets
            kinds["target"] = NUMBER if targets.dtype.kind == "f" else CATEGORY
        return cls(columns, "target" if kinds else None, kinds=kinds, missing=missing)


def _values(column: Any) -> Any:
    """A data frame's column as an array, without what only the frame's library knows."""
    try:
        return column.to_numpy()
    except AttributeError:
        return np.asarray(column)


def _uneven(title: str, number: int, row: Sequence[str], header: Sequence[str]) -> DataError:
    return DataError(
        explain(
            f"{title}, line {number}: there are {len(row)} values for {len(header)} columns",
            where=user_line(),
            expected=", ".join(header)[:80],
            got=", ".join(row)[:80],
            try_='delimiter=";", if values are separated so',
        )
    )


def _check_names(
    names: Sequence[str], target: str | None, kinds: Kinds | None, missing: str
) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        raise DataError(
            explain(
                f"Table: two columns are called {twice[0]!r}" if twice else "Table: no columns",
                where=user_line(),
                try_="names=[...], if the file has no line with names" if twice else "",
            )
        )
    for name in ([] if target is None else [target]) + list(kinds or {}):
        if name not in names:
            raise _no_column("Table", name, names)
    for name, kind in (kinds or {}).items():
        if kind not in (NUMBER, CATEGORY):
            raise ArgumentError(
                explain(
                    f"Table: the kind of {name!r} is not known",
                    where=user_line(),
                    expected='"number" or "category"',
                    got=repr(kind),
                )
            )
    if missing not in POLICIES:
        raise ArgumentError(
            explain(
                "Table: missing is not known",
                where=user_line(),
                expected=", ".join(map(repr, POLICIES)),
                got=repr(missing),
            )
        )


def _no_column(what: str, name: str, names: Sequence[str]) -> UnknownName:
    return UnknownName(
        explain(
            f"{what}: there is no column {name!r}",
            where=user_line(),
            expected="one of " + ", ".join(names),
        )
    )
