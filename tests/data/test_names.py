"""The names of eight languages: what is in which part."""

from collections import Counter

import pytest

from zincir.data import load_names
from zincir.errors import ArgumentError


def test_no_name_is_in_two_parts_or_of_two_languages() -> None:
    names = load_names()
    known = [name for name, _ in (*names.train, *names.test)]
    assert len(known) == len(set(known)) == 3961
    assert all(name.isalpha() and len(name) <= 13 for name in known)


def test_every_language_gives_its_share() -> None:
    for every in (2, 5):
        names = load_names(every)
        train, test = (Counter(k for _, k in part) for part in (names.train, names.test))
        assert sorted(train) == sorted(test) == list(range(8))
        for k in train:
            assert test[k] == -(-(train[k] + test[k]) // every)


def test_something_must_be_left_to_train_on() -> None:
    with pytest.raises(ArgumentError, match="nothing to train on"):
        load_names(1)
