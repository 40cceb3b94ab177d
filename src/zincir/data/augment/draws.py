"""Random numbers of samples: each a pure function of seed, epoch, sample, purpose and place."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from zincir.random_bits import fold_key, philox2x32

Floats = npt.NDArray[np.float64]
_BITS_53 = 2.0**-53


class Draws:
    """The random numbers of a batch of samples, asked for by name.

    A number depends on the seed, the epoch, the sample's number in the data set and the name it is
    asked for by, and on nothing else: not on the order of asking, the other samples of the batch,
    threads, or what was drawn before. They are Philox's (see `zincir.random_bits`).

    Args:
        seed: a whole number; another seed, other numbers.
        epoch: how often the data was gone through, from 0.
        index: (N,) the samples' numbers in the data set, from 0.

    Example:
        >>> both = Draws(0, epoch=3, index=[17, 4]).uniform("angle")
        >>> alone = Draws(0, epoch=3, index=[4]).uniform("angle")
        >>> bool(both[1] == alone[0]), bool(both[0] == both[1])
        (True, False)
    """

    def __init__(self, seed: int, epoch: int, index: Any) -> None:
        key = fold_key(seed & 0xFFFFFFFFFFFFFFFF)
        start = _mixed(np.array([epoch], np.uint64), key)
        self._states = _mixed(start + np.asarray(index, np.uint64), key ^ 0x5DEECE66)
        self._purpose = ""

    def of(self, purpose: str) -> Draws:
        """The same samples, with other numbers: every name asked for belongs to `purpose`."""
        new = Draws.__new__(Draws)
        new._states, new._purpose = self._states, f"{self._purpose}{purpose}/"
        return new

    def __len__(self) -> int:
        return len(self._states)

    def uniform(self, name: str, low: Any = 0.0, high: Any = 1.0, size: int = 0) -> Floats:
        """Uniform numbers from low to high (without it): (N,), or (N, size) if size is given."""
        high_bits, low_bits = self._words(name, size)
        whole = (high_bits >> 5).astype(np.float64) * 2.0**26 + (low_bits >> 6)
        return low + np.subtract(high, low) * (whole * _BITS_53)

    def normal(self, name: str, size: int = 0) -> Floats:
        """Standard normal numbers: (N,), or (N, size) if size is given."""
        return _normal(*self._words(name, size))

    def some_normal(self, name: str, wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        """Those of `normal(name, size)` that are wanted, (N, size); 0 elsewhere."""
        sample, number = np.nonzero(wanted)
        counters = self._states[sample] + number.astype(np.uint64)
        out = np.zeros(wanted.shape, np.float32)
        out[sample, number] = _normal(*self._bits(name, counters))
        return out

    def integers(self, name: str, count: Any, size: int = 0) -> npt.NDArray[np.int64]:
        """Whole numbers from 0 to count - 1; `count` may be one number for each sample."""
        return np.floor(self.uniform(name, 0.0, count, size)).astype(np.int64)

    def chance(self, name: str, p: float) -> npt.NDArray[np.bool_]:
        """(N,): True with probability p."""
        return self.uniform(name) < p

    def _words(self, name: str, size: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        counters = self._states
        if size:
            counters = counters[:, None] + np.arange(size, dtype=np.uint64)
        return self._bits(name, counters)

    def _bits(
        self, name: str, counters: npt.NDArray[np.uint64]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        return philox2x32(counters, zlib.crc32((self._purpose + name).encode()))


def _normal(u: npt.NDArray[Any], v: npt.NDArray[Any]) -> Floats:
    """Box and Muller, "A note on the generation of random normal deviates" (1958)."""
    radius = np.sqrt(-2.0 * np.log((u + 0.5) * 2.0**-32))
    return radius * np.cos((2 * np.pi * 2.0**-32) * v)


def _mixed(counter: npt.NDArray[np.uint64], key: int) -> npt.NDArray[np.uint64]:
    """64 random bits for each counter, never the same for two counters under one key."""
    high, low = philox2x32(counter, key)
    return (high.astype(np.uint64) << np.uint64(32)) | low


def gamma(draws: Draws, name: str, shape: float) -> Floats:
    """(N,) the logarithms of Gamma numbers of the given shape.

    Marsaglia and Tsang, "A simple method for generating gamma variables" (2000). Each of 16 tries
    is taken with a probability above 0.95; the logarithm is what small shapes need.
    """
    tries = 16
    d = (shape if shape >= 1 else shape + 1) - 1 / 3
    x = draws.normal(name + " normal", tries)
    v = np.maximum(1 + x / np.sqrt(9 * d), 0.0) ** 3
    u = 1 - draws.uniform(name + " accept", size=tries)
    with np.errstate(divide="ignore"):
        log_v = np.log(v)
    good = np.log(u) < 0.5 * x * x + d - d * v + d * log_v
    first = good.argmax(axis=1)[:, None]
    found = np.take_along_axis(np.where(good, log_v, 0.0), first, axis=1)[:, 0] + np.log(d)
    if shape < 1:
        found = found + np.log(1 - draws.uniform(name + " power")) / shape
    return found


def beta(draws: Draws, name: str, alpha: float) -> Floats:
    """(N,) numbers of Beta(alpha, alpha): one Gamma number's share of two.

    >>> shares = beta(Draws(0, 0, range(2000)), "share", 1.0)
    >>> bool(abs(shares.mean() - 0.5) < 0.03)
    True
    """
    apart = gamma(draws, name + " a", alpha) - gamma(draws, name + " b", alpha)
    return 1.0 / (1.0 + np.exp(np.minimum(-apart, 700.0)))
