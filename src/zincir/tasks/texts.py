"""Texts: which class a text belongs to, from the words in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from zincir import nn
from zincir.data import TextDataset, load_spam, stratified_split
from zincir.errors import DataError, explain
from zincir.generator import Generator
from zincir.tasks.options import Options
from zincir.tasks.task import Asked, Models, Split, Task, check_parts
from zincir.tensor import Tensor

MOST, FEWEST, WIDTH, DROPPED = 512, 2, 64, 0.5
"""So many words of a text count, and a word counts that so many texts have."""
KINDS = ("wanted", "spam")
"""What mails are."""
_WORD = re.compile(r"[^\W\d_]+|\d+|[!?$%€£]")


def words(text: str) -> list[str]:
    """The different words of a text, numbers and some signs, in the order in which they come.

    >>> words("No, no: 3 times no!")
    ['no', '3', 'times', '!']
    """
    return list(dict.fromkeys(_WORD.findall(text.lower())))[:MOST]


class Texts(Task):
    """A folder of text files for each class, or a CSV file with columns of texts and classes; or
    the mails that are called spam, of which the test part is left to `load`.
    """

    name = "text"
    usual: ClassVar[Mapping[str, Any]] = {**Task.usual, "lr": 5e-3}

    def __init__(self, names: Sequence[str], vocabulary: Sequence[str], columns: Any) -> None:
        self._classes, self.vocabulary, self.columns = list(names), list(vocabulary), columns
        self._numbers = {word: i + 1 for i, word in enumerate(vocabulary)}

    @classmethod
    def begin(cls, data: str, options: Options) -> tuple[Task, Split]:
        columns = options.text, options.label
        texts = _read(data, columns, "train")
        if len(texts.classes) < 2:
            raise DataError(
                explain("text: there is one class only", got=", ".join(texts.classes) or "none")
            )
        generator = Generator().manual_seed(options.seed)
        shares = [1 - options.validation, options.validation]
        parts = [part.indices for part in stratified_split(texts, shares, generator)]
        check_parts("text", [len(part) for part in parts])
        counts = Counter(word for i in parts[0] for word in words(texts.texts[int(i)]))
        vocabulary = sorted(word for word, count in counts.items() if count >= FEWEST)
        task = cls(texts.classes, vocabulary, columns)
        train, validation = (task._arrays(texts, part) for part in parts)
        return task, Split(train, validation)

    def _arrays(self, texts: TextDataset, part: Any) -> tuple[Any, Any]:
        numbers = [int(i) for i in part]
        x = self.numbers([texts.texts[i] for i in numbers])
        return x, np.array([texts.targets[i] for i in numbers], np.int64)

    def numbers(self, texts: Sequence[str]) -> Any:
        """Words as numbers (N, MOST), filled up with 0; unknown ones are left out."""
        found = np.zeros((len(texts), MOST), np.int64)
        for row, text in zip(found, texts, strict=True):
            known = [self._numbers[word] for word in words(text) if word in self._numbers]
            row[: len(known)] = known
        return found

    def load(self, data: str) -> tuple[Any, Any]:
        texts = _read(data, self.columns, "test")
        labels = self.labels_of(texts.classes)
        return self.numbers(texts.texts), labels[np.array(texts.targets, np.int64)]

    def inputs(self, items: Sequence[str]) -> Asked:
        """Items are files of texts, or texts themselves."""
        texts = [_text(item) for item in items]
        names = [item if len(item) < 60 else f"{item[:57]}..." for item in items]
        return Asked(names, self.numbers(texts))

    def state_dict(self) -> dict[str, Any]:
        return {
            "classes": self._classes,
            "vocabulary": self.vocabulary,
            "columns": list(self.columns),
        }

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Texts:
        return cls(state["classes"], state["vocabulary"], tuple(state["columns"]))

    @property
    def classes(self) -> list[str] | None:
        return self._classes

    models: ClassVar[Models] = {
        "bag": lambda task: Bag(len(task.vocabulary) + 1, len(task.classes))
    }


class Bag(nn.Module):
    """The mean of the words' vectors, and a linear layer.

    Joulin et al., "Bag of tricks for efficient text classification" (2016).

    Shape: (batch, words), numbers from 1, 0 for none -> (batch, classes).

    Example:
        >>> import zincir
        >>> Bag(10, 3)(zincir.tensor([[1, 2, 0]])).shape
        (1, 3)
    """

    def __init__(self, vocabulary: int, classes: int) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(vocabulary, WIDTH, mode="mean", padding_idx=0)
        self.dropout = nn.Dropout(DROPPED)
        self.head = nn.Linear(WIDTH, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, words) -> (batch, classes)."""
        return self.head(self.dropout(self.bag(x)))


def _read(data: str, columns: tuple[str, str], part: str) -> TextDataset:
    if data == "spam" and not Path(data).exists():
        mails: list[tuple[str, int]] = getattr(load_spam(), part)
        return TextDataset([text for text, _ in mails], [KINDS[k] for _, k in mails], classes=KINDS)
    if Path(data).is_dir():
        return TextDataset.from_folder(data)
    return TextDataset.from_csv(data, *columns)


def _text(item: str) -> str:
    try:
        path = Path(item)
        return path.read_text("utf-8") if path.is_file() else item
    except (OSError, UnicodeDecodeError):  # too long for a name; or no text
        return item
