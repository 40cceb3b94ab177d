"""Counter-based random bits in NumPy: the twin of what compiled kernels draw."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_MULTIPLIER = np.uint64(0xD256D193)
_WEYL = 0x9E3779B9
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def fold_key(key: int) -> int:
    """The 32-bit Philox key of a 64-bit one: its low half xor its high half."""
    return (key ^ (key >> 32)) & 0xFFFFFFFF


def philox2x32(
    counter: npt.NDArray[np.uint64], key: int
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Both words of Philox2x32-10 of 64-bit counters, under a 32-bit key.

    Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
    """
    counter = np.asarray(counter, np.uint64)
    x, y = counter & _LOW, counter >> _HALF
    for i in range(10):
        product = x * _MULTIPLIER
        x, y = (product >> _HALF) ^ np.uint64((key + i * _WEYL) & 0xFFFFFFFF) ^ y, product & _LOW
    return x.astype(np.uint32), y.astype(np.uint32)


def philox_numpy(counter: npt.NDArray[np.uint64], key: int) -> npt.NDArray[np.uint32]:
    """32 random bits for each counter: the first word of `philox2x32` under the folded key."""
    return philox2x32(counter, fold_key(key))[0]
