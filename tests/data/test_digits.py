"""The digits: whole, unchanged, split evenly, the same for the same seed."""

import gzip
import hashlib
from importlib import resources

import numpy as np
import pytest

from zincir.data import Digits, load_digits
from zincir.errors import ArgumentError


def original() -> np.ndarray:
    packed = resources.files("zincir.data").joinpath("digits.csv.gz").read_bytes()
    return np.loadtxt(gzip.decompress(packed).decode().splitlines(), delimiter=",")


def rows(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.concatenate([images.reshape(len(images), 64) * 16, labels[:, None]], axis=1)


def test_shapes_types_and_range() -> None:
    digits = load_digits()
    assert digits.train_images.shape == (1438, 1, 8, 8)
    assert digits.test_images.shape == (359, 1, 8, 8)
    assert digits.train_labels.shape == (1438,)
    assert digits.test_labels.shape == (359,)
    for images, labels in (digits[:2], digits[2:]):
        assert images.dtype == np.float32
        assert labels.dtype == np.int64
        assert images.flags.c_contiguous
        assert images.flags.writeable
        assert images.min() == 0
        assert images.max() == 1
        assert set(labels.tolist()) == set(range(10))


@pytest.mark.parametrize("seed", [0, 1, 12345])
@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5])
def test_the_two_parts_together_are_the_original(seed: int, fraction: float) -> None:
    x, y, x_test, y_test = load_digits(seed=seed, test_fraction=fraction)
    both = np.concatenate([rows(x, y), rows(x_test, y_test)])
    source = original()
    assert sorted(map(tuple, both.tolist())) == sorted(map(tuple, source.tolist()))


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.33, 0.5])
def test_every_class_gives_the_same_share(fraction: float) -> None:
    digits = load_digits(seed=3, test_fraction=fraction)
    kept, held = np.bincount(digits.train_labels), np.bincount(digits.test_labels)
    np.testing.assert_array_equal(held, np.round(fraction * (kept + held)))


@pytest.mark.parametrize("fraction", [1e-6, 1 - 1e-6])
def test_every_class_keeps_one_on_either_side(fraction: float) -> None:
    digits = load_digits(test_fraction=fraction)
    assert min(np.bincount(digits.train_labels)) >= 1
    assert min(np.bincount(digits.test_labels)) >= 1


def test_same_seed_same_split_and_another_seed_another() -> None:
    first, again, other = load_digits(seed=7), load_digits(seed=7), load_digits(seed=8)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.test_images, other.test_images)


def test_the_split_of_seed_0_never_changes() -> None:
    """Published accuracies refer to this split: a new NumPy or Python must not move it."""
    digest = hashlib.sha256()
    for part in load_digits():
        digest.update(part.tobytes())
    assert digest.hexdigest()[:16] == "df33b8aa6bd836da"


def test_labels_come_mixed() -> None:
    labels = load_digits().train_labels
    assert np.count_nonzero(np.diff(labels)) > 0.8 * len(labels)


def test_calls_share_no_memory() -> None:
    load_digits().train_images[:] = -1
    assert load_digits().train_images.min() == 0


def test_fields_are_named() -> None:
    assert Digits._fields == ("train_images", "train_labels", "test_images", "test_labels")


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ({"seed": -1}, "seed is not a whole number from 0"),
        ({"seed": 1.5}, "got       1.5 (float)"),
        ({"seed": None}, "got       None (NoneType)"),
        ({"seed": True}, "got       True (bool)"),
        ({"test_fraction": 0}, "0 < test_fraction < 1"),
        ({"test_fraction": 1.0}, "test_fraction is not between 0 and 1"),
        ({"test_fraction": -0.2}, "got       -0.2 (float)"),
        ({"test_fraction": 20}, "test_fraction=0.2"),
        ({"test_fraction": float("nan")}, "got       nan (float)"),
        ({"test_fraction": "0.2"}, "got       '0.2' (str)"),
    ],
)
def test_bad_arguments_say_what_is_wrong(argument: dict[str, object], says: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        load_digits(**argument)  # type: ignore[arg-type]
    assert says in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_the_attribution_ships_with_the_data() -> None:
    text = resources.files("zincir.data").joinpath("digits.md").read_text()
    assert "Alpaydin" in text
    assert "Creative Commons Attribution 4.0" in text
