"""Stores past the caches against plain ones, by size: `python -m benchmarks.stores`.

A result is written by one kernel and then read by another program, as the next layer would: the
first column is the writing alone, the second both. `STREAM_BYTES` of `compiler.machine` is the size
from which the ratio of the second column is below 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

import zincir
from zincir.compiler.schedule import streaming_stores

ROUNDS = 15


def program(nbytes: int, least: int) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """A function that writes `nbytes`, and one that reads them, compiled with this limit."""
    streaming_stores.STREAM_BYTES = least
    x = zincir.tensor(np.ones(nbytes // 4, np.float32))
    write = zincir.compile(lambda: x * 2.0 + x)
    read = zincir.compile(lambda y: y.sum())
    for _ in range(3):
        read(write()).item()
    return write, read


def seconds(write: Callable[[], Any], read: Callable[[Any], Any]) -> tuple[float, float]:
    start = time.perf_counter()
    y = write()
    written = time.perf_counter()
    read(y).item()
    return written - start, time.perf_counter() - start


def main() -> None:
    print(f"{'MB':>6}  {'write':>7}  {'write and read':>14}   (streamed / plain)")
    for megabytes in (1, 2, 4, 8, 16, 32, 64):
        nbytes = megabytes << 20
        # Both are as large as the other up to a few vectors.
        plain, streamed = program(nbytes, 1 << 62), program(nbytes + 4096, 1)
        times = [(seconds(*streamed), seconds(*plain)) for _ in range(ROUNDS)]
        alone, both = (median(s[i] / p[i] for s, p in times) for i in (0, 1))
        print(f"{megabytes:6}  {alone:7.2f}  {both:14.2f}")


if __name__ == "__main__":
    main()
