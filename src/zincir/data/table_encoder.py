"""Tables as tensors: numbers standardised, categories numbered, as the training part says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zincir.creation import from_numpy
from zincir.data.columns import CATEGORY, NUMBER, Column, missing_report
from zincir.data.tables import Table
from zincir.data.texts import in_order
from zincir.errors import ArgumentError, DataError, StateError, UnknownName, explain
from zincir.graph.node import user_line
from zincir.utils.data import TensorDataset

FORMS = ("one_hot", "codes")
UNKNOWN = ("refuse", "ignore")
_VERSION = 1


class TableEncoder:
    """How the columns of a table become numbers that nets take; learnt from the training part.

    Numbers are standardised: less the training part's mean, by its standard deviation. Categories
    are sorted (numbers by value, other names by their letters), and become columns of zeros and
    one 1, or numbers for an `Embedding`. Where values are missing and `Table(missing="fill")` lets
    them be, numbers become the mean, and categories have one of their own, the last.

    Args:
        table: the training part; nothing is learnt from others.
        categories: "one_hot", or "codes".
        unknown: what happens to categories that the training part does not have: "refuse" raises
            an error that names the row, "ignore" makes all their zeros and ones 0, and their code
            the number behind all others.

    Attributes:
        classes: what the labels 0, 1, ... mean, if the target is a category; else None.
        feature_names: of the columns of what `encode` returns.
        cardinalities: for codes, how many an `Embedding` needs, by column.

    Raises:
        DataError: a column has no values at all, or the target has one class only.

    Example:
        >>> table = Table({"age": [10.0, 30.0], "pet": ["dog", "cat"], "y": [1.0, 2.0]}, "y")
        >>> encoder = TableEncoder(table)
        >>> encoder.feature_names
        ['age', 'pet=cat', 'pet=dog']
        >>> encoder.encode({"age": [20.0], "pet": ["cat"]})[0].tolist()
        [[0.0, 1.0, 0.0]]
    """

    def __init__(
        self, table: Table, *, categories: str = "one_hot", unknown: str = "refuse"
    ) -> None:
        for name, value, known in (
            ("categories", categories, FORMS),
            ("unknown", unknown, UNKNOWN),
        ):
            if value not in known:
                raise ArgumentError(
                    explain(
                        f"TableEncoder: {name} is not known",
                        where=user_line(),
                        expected=" or ".join(map(repr, known)),
                        got=repr(value),
                    )
                )
        self.form, self.unknown = categories, unknown
        self.target = table.target
        self.fill = table.missing == "fill"
        self.numbers: dict[str, tuple[float, float]] = {}
        self.categories: dict[str, list[str]] = {}
        self.columns = table.features
        self.classes: list[str] | None = None
        for name in self.columns:
            self._learn(table.columns[name])
        if self.target is not None and table.columns[self.target].kind == CATEGORY:
            self.classes = in_order([str(v) for v in table.columns[self.target].values])
            if len(self.classes) < 2:
                raise DataError(
                    explain(
                        f"TableEncoder: the target {self.target!r} has one class only",
                        where=user_line(),
                        got=f"{len(table)} rows of {self.classes[0]!r}",
                    )
                )

    def _learn(self, column: Column) -> None:
        known = column.values[~column.missing]
        if not len(known):
            raise DataError(
                explain(
                    f"TableEncoder: column {column.name!r} has no values at all",
                    where=user_line(),
                    try_=f"table.without({column.name!r})",
                )
            )
        if column.kind == NUMBER:
            spread = float(known.std())
            self.numbers[column.name] = (float(known.mean()), spread if spread > 0 else 1.0)
        else:
            self.categories[column.name] = in_order(known.tolist())

    @property
    def feature_names(self) -> list[str]:
        """Names of the columns of the features."""
        names: list[str] = []
        for name in self.columns:
            if name in self.numbers:
                names.append(name)
            elif self.form == "one_hot":
                names += [f"{name}={value}" for value in self._values(name)]
        return names

    @property
    def cardinalities(self) -> dict[str, int]:
        """How many numbers each column of categories may have, as codes."""
        more = self.unknown == "ignore"
        return {name: len(self._values(name)) + more for name in self.categories}

    def _values(self, name: str) -> list[str]:
        return self.categories[name] + (["(missing)"] if self.fill else [])

    def encode(
        self, table: Table | Mapping[str, Any]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Features (N, F) and codes (N, K) of a table, or of columns by name.

        F counts numbers, and the categories' zeros and ones unless these become codes; K counts the
        columns of categories if they do, and is 0 otherwise.

        Raises:
            UnknownName: a column is missing.
            DataError: a category is unknown or a value missing; says in which row.
        """
        table = table if isinstance(table, Table) else self._table(table)
        features: list[npt.NDArray[Any]] = []
        codes: list[npt.NDArray[Any]] = []
        for name in self.columns:
            column = self._column(table, name)
            if name in self.numbers:
                mean, spread = self.numbers[name]
                values = (np.where(column.missing, mean, column.values) - mean) / spread
                features.append(_finite(values, column, table))
                continue
            found = self._codes(column, table)
            if self.form == "codes":
                codes.append(found)
            else:
                features.extend(found == i for i in range(len(self._values(name))))
        count = len(table)
        return (
            np.array(features, np.float32).reshape(-1, count).T.copy(),
            np.array(codes, np.int64).reshape(-1, count).T.copy(),
        )

    def encode_target(self, table: Table) -> npt.NDArray[Any]:
        """Labels (N,), int64, for classes; numbers (N, 1), float32, as nets predict them.

        Raises:
            DataError: a class is not one of the training part's; says in which row.
        """
        if self.target is None or self.target not in table.columns:
            raise UnknownName(
                explain(
                    "TableEncoder: the table has no target",
                    where=user_line(),
                    expected=f"a column {self.target!r}" if self.target else "Table(target=...)",
                )
            )
        column = table.columns[self.target]
        if self.classes is None:
            if column.kind != NUMBER:
                raise self._other_kind(column, NUMBER)
            return _finite(column.values, column, table)[:, None]
        return self._numbered(column, self.classes, table)

    def state_dict(self) -> dict[str, Any]:
        """All that was learnt, in texts, numbers, lists and dictionaries: what JSON can hold."""
        return {
            "version": _VERSION,
            "columns": list(self.columns),
            "numbers": {name: list(pair) for name, pair in self.numbers.items()},
            "categories": {name: list(values) for name, values in self.categories.items()},
            "target": self.target,
            "classes": None if self.classes is None else list(self.classes),
            "form": self.form,
            "unknown": self.unknown,
            "fill": self.fill,
        }

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> TableEncoder:
        """An encoder from what `state_dict` returned.

        Raises:
            StateError: it is something else.

        Example:
            >>> import json
            >>> encoder = TableEncoder(Table({"x": [1.0, 3.0], "y": [0.0, 1.0]}, "y"))
            >>> again = TableEncoder.from_state_dict(json.loads(json.dumps(encoder.state_dict())))
            >>> again.encode({"x": [2.0, 4.0]})[0].tolist()
            [[0.0], [2.0]]
        """
        new = cls.__new__(cls)
        try:
            if state["version"] != _VERSION:
                raise KeyError("version")
            new.columns = list(state["columns"])
            new.numbers = {name: (float(m), float(s)) for name, (m, s) in state["numbers"].items()}
            new.categories = {name: list(v) for name, v in state["categories"].items()}
            new.target, new.fill = state["target"], bool(state["fill"])
            new.classes = None if state["classes"] is None else list(state["classes"])
            new.form, new.unknown = state["form"], state["unknown"]
            known = [*new.numbers, *new.categories]
            if sorted(known) != sorted(new.columns) or new.form not in FORMS:
                raise KeyError("columns")
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(
                explain("TableEncoder: not the state of an encoder", where=user_line(),
                        got=f"{type(error).__name__}: {error}")
            ) from error  # fmt: skip
        return new

    def _table(self, columns: Mapping[str, Any]) -> Table:
        """Columns by name, of the kinds that were learnt."""
        kinds = {name: NUMBER if name in self.numbers else CATEGORY for name in self.columns}
        given = {name: columns[name] for name in self.columns if name in columns}
        return Table(given, kinds={name: kinds[name] for name in given}, missing="fill")

    def _column(self, table: Table, name: str) -> Column:
        """A column of the kind that was learnt, which has values everywhere unless they are filled.

        Raises:
            UnknownName: there is none.
            DataError: it is of another kind, or values are missing.
        """
        if name not in table.columns:
            raise UnknownName(
                explain(
                    f"TableEncoder: the table has no column {name!r}",
                    where=user_line(),
                    expected=", ".join(self.columns),
                    got=", ".join(table.columns),
                )
            )
        column, kind = table.columns[name], NUMBER if name in self.numbers else CATEGORY
        if column.kind != kind:
            raise self._other_kind(column, kind)
        if not self.fill and column.missing.any():
            raise DataError(
                explain(
                    f"TableEncoder: values of {name!r} are missing",
                    where=user_line(),
                    got=missing_report([column], table.rows.tolist(), table.row_word),
                    try_='Table(..., missing="fill") for the part that is learnt from',
                )
            )
        return column

    def _codes(self, column: Column, table: Table) -> npt.NDArray[np.int64]:
        values = self.categories[column.name]
        return self._numbered(column, [*values, None] if self.fill else values, table)

    def _numbered(
        self, column: Column, values: Sequence[str | None], table: Table
    ) -> npt.NDArray[np.int64]:
        number = {value: i for i, value in enumerate(values)}
        out = np.array([number.get(v, len(values)) for v in column.values], np.int64)
        strange = np.flatnonzero(out == len(values))
        if len(strange) and (self.unknown == "refuse" or column.name == self.target):
            i = int(strange[0])
            raise DataError(
                explain(
                    f"{table.row_word} {table.rows[i]}, column {column.name!r}: "
                    "a category that the training part does not have",
                    where=user_line(),
                    expected=", ".join(map(str, values[:20])),
                    got=f"{column.values[i]!r}; {len(strange)} such rows",
                    try_="" if column.name == self.target else 'TableEncoder(unknown="ignore")',
                )
            )
        return out

    def _other_kind(self, column: Column, kind: str) -> DataError:
        return DataError(
            explain(
                f"TableEncoder: column {column.name!r} is of another kind than in training",
                where=user_line(),
                expected=kind,
                got=f"{column.kind}, such as {column.values[0]!r}",
                try_=f"Table(..., kinds={{{column.name!r}: {kind!r}}})",
            )
        )


def _finite(values: npt.NDArray[Any], column: Column, table: Table) -> npt.NDArray[np.float32]:
    """Numbers as float32.

    Raises:
        DataError: one is too large for that; says in which row.
    """
    with np.errstate(over="ignore"):
        out = values.astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(out))
    if len(wrong):
        i = int(wrong[0])
        raise DataError(
            explain(
                f"{table.row_word} {table.rows[i]}, column {column.name!r}: too large a number",
                where=user_line(),
                expected="what float32 can hold, up to 3e38",
                got=f"{column.values[i]!r}; {len(wrong)} such rows",
            )
        )
    return out


class TableDataset(TensorDataset):
    """The rows of a table as tensors: sample i is `(features, target)`.

    With an encoder that makes codes, samples are `(numbers, codes, target)`; without a target, it
    is left out. Labels are int64; numbers to predict are float32 of shape (1,).

    Args:
        table: the rows.
        encoder: what was learnt from the training part; None: learnt from this table.

    Attributes:
        encoder: what the table was encoded with: give it to the test part's data set.
        classes: what labels mean; None if the target is a number.

    Example:
        >>> table = Table({"x": [1.0, 2.0, 3.0, 4.0], "y": ["a", "b", "b", "a"]}, target="y")
        >>> train = TableDataset(table.take([0, 1, 2]))
        >>> test = TableDataset(table.take([3]), train.encoder)
        >>> test[0], train.classes
        ((tensor([2.4495]), tensor(0)), ['a', 'b'])
    """

    def __init__(self, table: Table, encoder: TableEncoder | None = None) -> None:
        self.encoder = TableEncoder(table) if encoder is None else encoder
        features, codes = self.encoder.encode(table)
        arrays: list[npt.NDArray[Any]] = [features]
        if self.encoder.form == "codes":
            arrays.append(codes)
        if self.encoder.target is not None and table.target is not None:
            arrays.append(self.encoder.encode_target(table))
        super().__init__(*(from_numpy(array) for array in arrays))

    @property
    def classes(self) -> list[str] | None:
        """What labels mean, in order."""
        return self.encoder.classes
