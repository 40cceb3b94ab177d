"""Plays by Shakespeare, letter by letter; `shakespeare.md` beside this file says which."""

from __future__ import annotations

import gzip
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zincir.errors import ArgumentError, explain


class Shakespeare(NamedTuple):
    """Text as whole numbers (N,), int64: positions in `characters`."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    characters: str
    """Every character that occurs, in rising order."""

    def decode(self, numbers: npt.ArrayLike) -> str:
        """The text that some numbers stand for."""
        return "".join([self.characters[i] for i in np.asarray(numbers).ravel()])

    def encode(self, text: str) -> npt.NDArray[np.int64]:
        """The numbers of a text.

        Raises:
            ArgumentError: it has characters that the plays do not have.
        """
        number = {c: i for i, c in enumerate(self.characters)}
        unknown = sorted(set(text) - set(number))
        if unknown:
            raise ArgumentError(
                explain(
                    "Shakespeare.encode: characters that do not occur in the plays",
                    expected=f"some of {self.characters!r}",
                    got=f"{''.join(unknown)!r}",
                )
            )
        return np.array([number[c] for c in text], dtype=np.int64)


def load_shakespeare(validation_fraction: float = 0.1) -> Shakespeare:
    """Load the plays; the end of the text, most of The Tempest, is held back for validation.

    Args:
        validation_fraction: The share that is held back, between 0 and 1.

    Example:
        >>> plays = load_shakespeare()
        >>> plays.decode(plays.train[:25])
        'HAMLET, PRINCE OF DENMARK'
        >>> len(plays.train), len(plays.validation), len(plays.characters)
        (796104, 88455, 76)
    """
    if not 0 < validation_fraction < 1:
        raise ArgumentError(
            explain(
                "load_shakespeare: validation_fraction is not between 0 and 1",
                got=repr(validation_fraction),
                try_="load_shakespeare(validation_fraction=0.1)",
            )
        )
    packed = resources.files("zincir.data").joinpath("shakespeare.txt.gz").read_bytes()
    text = np.frombuffer(gzip.decompress(packed), dtype=np.uint8)
    codes, numbers = np.unique(text, return_inverse=True)
    numbers = numbers.astype(np.int64)
    first = len(numbers) - int(len(numbers) * validation_fraction)
    return Shakespeare(numbers[:first], numbers[first:], codes.tobytes().decode("ascii"))
