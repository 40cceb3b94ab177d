"""TensorBoard's event files: records with checks, around messages of Protocol Buffers.

A record is the length of its data, a check of the length, the data, a check of the data
(https://www.tensorflow.org/tutorials/load_data/tfrecord). Messages and the numbers of their fields
are those of TensorFlow's event.proto and summary.proto.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def _table() -> list[int]:
    found: list[int] = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ 0x82F63B78 if n & 1 else n >> 1
        found.append(n)
    return found


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """Castagnoli's check.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """A record of a file: `data`, its length, and checks of both."""

    def check(part: bytes) -> bytes:
        crc = crc32c(part)
        return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    length = struct.pack("<Q", len(data))
    return length + check(length) + data + check(data)


def _varint(n: int) -> bytes:
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def whole(field: int, n: int) -> bytes:
    """A field that is a whole number."""
    return _varint(field << 3) + _varint(n)


def double(field: int, x: float) -> bytes:
    """A field that is a number of 64 bits."""
    return _varint(field << 3 | 1) + struct.pack("<d", x)


def single(field: int, x: float) -> bytes:
    """A field that is a number of 32 bits."""
    return _varint(field << 3 | 5) + np.float32(x).tobytes()


def block(field: int, data: bytes | str) -> bytes:
    """A field that is a text, bytes or a message."""
    data = data.encode() if isinstance(data, str) else data
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def doubles(field: int, numbers: Iterable[float]) -> bytes:
    """A field of several numbers of 64 bits."""
    return block(field, b"".join(struct.pack("<d", x) for x in numbers))


def event(time: float, step: int | None, what: bytes) -> bytes:
    """An event: when, at which step, and what."""
    return double(1, time) + (b"" if step is None else whole(2, step)) + what


VERSION = block(3, "brain.Event:2")
"""The first event of a file."""


def summary(tag: str, value: bytes, metadata: bytes = b"") -> bytes:
    """What an event tells: one value under a name."""
    return block(5, block(1, block(1, tag) + metadata + value))


def scalar(x: float) -> bytes:
    """A number."""
    return single(2, x)


def histogram(values: Array, edges: Array) -> bytes:
    """How many values lie between two edges each, and their sums."""
    counts, edges = np.histogram(values, edges)
    full = np.nonzero(counts)[0]
    first, last = (full[0], full[-1] + 1) if full.size else (0, 1)
    counts, limits = counts[first:last], edges[first + 1 : last + 1]
    if first:  # where the first bucket begins
        counts, limits = np.concatenate([[0], counts]), np.concatenate([[edges[first]], limits])
    ends = double(1, values.min()) + double(2, values.max())
    sums = double(3, values.size) + double(4, values.sum()) + double(5, (values**2).sum())
    return block(5, ends + sums + doubles(6, limits) + doubles(7, counts))


def default_edges() -> Array:
    """The buckets TensorFlow uses: each 10 % wider than the one before, on both sides of 0."""
    positive = 1e-12 * 1.1 ** np.arange(774)
    return np.concatenate([-positive[::-1], [0.0], positive])


def image(pixels: Array) -> bytes:
    """An image of bytes, height x width x channels, as PNG."""
    height, width, channels = pixels.shape
    colours = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    lines = b"".join(b"\0" + pixels[y].tobytes() for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines))
    png += chunk(b"IEND", b"")
    return block(4, whole(1, height) + whole(2, width) + whole(3, channels) + block(4, png))


def text(words: str) -> tuple[bytes, bytes]:
    """A text, and what says that it is one."""
    tensor = whole(1, 7) + block(2, block(2, whole(1, 1))) + block(8, words)
    return block(8, tensor), block(9, block(1, block(1, "text")))
