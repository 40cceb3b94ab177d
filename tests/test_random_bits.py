import numpy as np
import pytest

from zincir.random_bits import fold_key, philox2x32, philox_numpy


# Known answers of Random123, kat_vectors: counter words (low, high), key, output words.
@pytest.mark.parametrize(
    ("low", "high", "key", "first", "second"),
    [
        (0, 0, 0, 0xFF1DAE59, 0x6CD10DF2),
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0x2C3F628B, 0xAB4FD7AD),
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0xDD7CE038, 0xF62A4C12),
    ],
)
def test_known_answers(low: int, high: int, key: int, first: int, second: int) -> None:
    counter = np.array([low | high << 32], np.uint64)
    x, y = philox2x32(counter, key)
    assert (int(x[0]), int(y[0])) == (first, second)
    assert int(philox_numpy(counter, key)[0]) == first


def test_keys_fold_their_halves() -> None:
    assert fold_key(0x0000_0001_0000_0002) == 3
    counters = np.arange(8, dtype=np.uint64)
    assert np.array_equal(philox_numpy(counters, 5 << 32), philox_numpy(counters, 5))
    assert not np.array_equal(philox_numpy(counters, 5), philox_numpy(counters, 6))


def test_bits_are_balanced() -> None:
    drawn = philox_numpy(np.arange(1 << 18, dtype=np.uint64), 2024)
    ones = np.unpackbits(drawn.view(np.uint8)).reshape(-1, 32).mean(axis=0)
    assert np.abs(ones - 0.5).max() < 6 * 0.5 / np.sqrt(drawn.size)
    assert np.unique(drawn).size > drawn.size * 0.9999
