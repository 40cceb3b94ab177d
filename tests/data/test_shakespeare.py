"""The plays: whole, unchanged, split once."""

import hashlib

import numpy as np
import pytest

from zincir.data import load_shakespeare
from zincir.errors import ArgumentError


def test_the_text_is_whole() -> None:
    plays = load_shakespeare()
    text = plays.decode(np.concatenate([plays.train, plays.validation]))
    assert len(text) == 884_559
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()
    assert digest == "edafe902c139b4dea08083acb7257d5da836b85aa3075cd1b0116e21ca124152"
    assert plays.characters == "".join(sorted(set(text)))
    assert "To be, or not to be" in plays.decode(plays.train)


def test_there_and_back() -> None:
    plays = load_shakespeare(0.5)
    assert abs(len(plays.train) - len(plays.validation)) <= 1
    assert plays.train.dtype == np.int64
    assert plays.decode(plays.encode("O Romeo, Romeo!")) == "O Romeo, Romeo!"


def test_bad_input() -> None:
    with pytest.raises(ArgumentError, match="do not occur"):
        load_shakespeare().encode("ğ#a")
    with pytest.raises(ArgumentError, match="validation_fraction"):
        load_shakespeare(1.0)
