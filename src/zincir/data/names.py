"""First names of eight languages that ship with the package; `names.md` beside this says whose."""

from __future__ import annotations

import gzip
from importlib import resources
from typing import NamedTuple

from zincir.errors import ArgumentError, explain


class Names(NamedTuple):
    """First names, and for each the number of its language in `languages`."""

    train: list[tuple[str, int]]
    test: list[tuple[str, int]]
    languages: tuple[str, ...]


def load_names(test_every: int = 5) -> Names:
    """Load the names; no name is of two languages, or in both parts.

    Args:
        test_every: The first of so many names is held back, in every language.

    Example:
        >>> names = load_names()
        >>> names.languages[names.train[0][1]], names.train[0][0]
        ('Finnish', 'Aapo')
        >>> len(names.train), len(names.test), len(names.languages)
        (3168, 793, 8)
    """
    if test_every < 2:
        raise ArgumentError(
            explain(
                "load_names: test_every leaves nothing to train on",
                expected="2 or more",
                got=repr(test_every),
            )
        )
    packed = resources.files("zincir.data").joinpath("names.csv.gz").read_bytes()
    rows = [line.split(",") for line in gzip.decompress(packed).decode("utf-8").splitlines()]
    languages = tuple(sorted({language for _, language in rows}))
    parts: tuple[list[tuple[str, int]], list[tuple[str, int]]] = ([], [])
    met = [0] * len(languages)
    for name, language in rows:
        number = languages.index(language)
        parts[met[number] % test_every == 0].append((name, number))
        met[number] += 1
    return Names(*parts, languages)
