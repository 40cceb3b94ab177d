"""Texts from folders, tables and files, as data sets."""

from __future__ import annotations

import csv
import io
import operator
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from zincir.data.folders import Named, find_classes, find_files
from zincir.errors import DataError, DataNotFound, ShapeError, explain
from zincir.graph.node import user_line
from zincir.utils.data import Dataset


class TextDataset(Dataset[Any]):
    """Texts, with labels or without: sample i is `(text, label)`, or the text.

    Args:
        texts: the texts.
        labels: for each, its class: the name, or a number.
        classes: names of all classes, in the order of their numbers; those that occur, sorted, if
            left out.
        transform: changes texts: `TextDataset(..., transform=tokenizer.encode)`.

    Attributes:
        texts: all texts.
        targets: their labels, from 0; empty if there are none.
        classes: what the labels mean.
        class_to_idx: the labels of the classes.

    Raises:
        ShapeError: there is not one label for each text.
        DataError: a label is none of the classes; says whose.

    Example:
        >>> data = TextDataset(["good", "bad", "fine"], ["+", "-", "+"])
        >>> data[1], data.classes, data.targets
        (('bad', 1), ['+', '-'], [0, 1, 0])
    """

    def __init__(
        self,
        texts: Sequence[str],
        labels: Sequence[Any] | None = None,
        *,
        classes: Sequence[str] | None = None,
        transform: Callable[[str], Any] | None = None,
    ) -> None:
        self.texts = list(texts)
        self.transform = transform
        given = [] if labels is None else [str(label) for label in labels]
        if labels is not None and len(given) != len(self.texts):
            raise ShapeError(
                explain(
                    "TextDataset: there is not one label for each text",
                    where=user_line(),
                    expected=str(len(self.texts)),
                    got=str(len(given)),
                )
            )
        self.classes = [str(c) for c in classes] if classes is not None else in_order(given)
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        for i, label in enumerate(given):
            if label not in self.class_to_idx:
                raise DataError(
                    explain(
                        f"TextDataset: the label of text {i} is none of the classes",
                        where=user_line(),
                        expected=", ".join(self.classes),
                        got=repr(label),
                    )
                )
        self.targets = [self.class_to_idx[label] for label in given]

    def __getitem__(self, index: Any) -> Any:
        i = operator.index(index)
        text = self.texts[i]
        changed = text if self.transform is None else self.transform(text)
        return (changed, self.targets[i]) if self.targets else changed

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def from_folder(
        cls,
        root: Named,
        extensions: Sequence[str] | str = (".txt",),
        *,
        encoding: str = "utf-8",
        transform: Callable[[str], Any] | None = None,
    ) -> TextDataset:
        """Files in one folder for each class: `root/spam/1.txt`, `root/ham/2.txt`.

        Raises:
            DataNotFound: there are no folders, or one of them has no files.
            DataError: a file is not text in this encoding; names it.
        """
        classes, numbers = find_classes(root)
        files = find_files(root, numbers, extensions, None, False)
        texts = [read_text(path, encoding) for path, _ in files]
        labels = [classes[label] for _, label in files]
        return cls(texts, labels, classes=classes, transform=transform)

    @classmethod
    def from_csv(
        cls,
        path: Named,
        text: str = "text",
        label: str | None = "label",
        *,
        delimiter: str = ",",
        encoding: str = "utf-8",
        transform: Callable[[str], Any] | None = None,
    ) -> TextDataset:
        """Two columns of a CSV file, whose first line has their names; no labels if `label=None`.

        Raises:
            DataNotFound: there is no such file.
            DataError: a column is missing, or a line is too short; says which.
        """
        title = Path(path).name
        rows = csv_rows(read_text(path, encoding), title, delimiter)
        _, header = next(rows, (0, ()))
        wanted = [text] if label is None else [text, label]
        for name in wanted:
            if name not in header:
                raise _no_column(path, name, header)
        places = [header.index(name) for name in wanted]
        parts: list[list[str]] = [[] for _ in wanted]
        for line, row in rows:
            if len(row) <= max(places):
                raise DataError(
                    explain(
                        f"{title}, line {line}: there are fewer columns",
                        where=user_line(),
                        expected=f"{len(header)}: {', '.join(header)}",
                        got=f"{len(row)}: {', '.join(row)[:60]}",
                    )
                )
            for part, place in zip(parts, places, strict=True):
                part.append(row[place])
        return cls(parts[0], parts[1] if label is not None else None, transform=transform)

    @classmethod
    def from_lines(
        cls,
        path: Named,
        *,
        encoding: str = "utf-8",
        transform: Callable[[str], Any] | None = None,
    ) -> TextDataset:
        """The lines of a text, without those that are empty.

        Raises:
            DataNotFound: there is no such file.
            DataError: it is not text in this encoding.
        """
        lines = [line for line in read_text(path, encoding).splitlines() if line.strip()]
        return cls(lines, transform=transform)


def in_order(names: Sequence[str]) -> list[str]:
    """Each name once: numbers by value, if all of them are; otherwise by their letters.

    >>> in_order(["10", "9", "10"]), in_order(["b", "10", "a"])
    (['9', '10'], ['10', 'a', 'b'])
    """
    once = sorted(set(names))
    try:
        return sorted(once, key=float)
    except ValueError:
        return once


def csv_rows(text: str, title: str, delimiter: str = ",") -> Iterator[tuple[int, Sequence[str]]]:
    r"""Number and values of each line of a text that is not empty; quoted values may have several.

    Raises:
        DataError: it is no such text.

    >>> list(csv_rows('a,b\n\n"1,5",2', "t.csv"))
    [(1, ['a', 'b']), (3, ['1,5', '2'])]
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise DataError(
            explain(
                f"{title}, line {reader.line_num}: not comma-separated values",
                where=user_line(),
                got=str(error),
            )
        ) from error


def read_text(path: Named, encoding: str = "utf-8") -> str:
    """What a file of text says, without the mark of the order of bytes that it may begin with.

    Raises:
        DataNotFound: there is no such file.
        DataError: it is not text in this encoding.
    """
    if not Path(path).is_file():
        raise DataNotFound(explain(f"there is no file {os.fspath(path)}", where=user_line()))
    name = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
    try:
        return Path(path).read_bytes().decode(name).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise DataError(
            explain(
                f"this file is not text in {encoding}: {os.fspath(path)}",
                where=user_line(),
                got=f"byte {error.start}: {error.reason}",
                try_='save it as UTF-8, or name its encoding where that can be done ("latin-1")',
            )
        ) from error


def _no_column(path: Named, name: str, header: Sequence[str]) -> DataError:
    return DataError(
        explain(
            f"{Path(path).name} has no column {name!r}",
            where=user_line(),
            expected="one of " + ", ".join(header) if header else "a first line with names",
            got=repr(name),
        )
    )
