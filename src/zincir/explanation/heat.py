"""Heat maps as images in a page: colour for the sign, strength for the size.

What is 0 is transparent, so that the same image stands on a light page and on a dark one.
"""

from __future__ import annotations

import base64
import struct
import zlib
from functools import cache

import numpy as np

from zincir.explanation.reading import Array

LEVELS = 15
"""Strengths on each side of 0."""
VALUES = ((43, 108, 196), (217, 119, 6))
"""Below 0 blue, above 0 orange; gradients:"""
GRADIENTS = ((142, 68, 173), (30, 140, 80))
"""below 0 purple, above 0 green."""
_NAN = (255, 0, 255)


def image(numbers: Array, colours: tuple[tuple[int, ...], tuple[int, ...]]) -> str:
    """A PNG as a `data:` address, one pixel for each number; NaN and infinity are magenta."""
    finite = np.where(np.isfinite(numbers), numbers, 0.0)
    largest = float(np.abs(finite).max(initial=0.0)) or 1.0
    shade = np.sign(finite) * np.ceil(np.abs(finite) / largest * LEVELS)
    index = (shade + LEVELS).astype(np.uint8)
    index[~np.isfinite(numbers)] = 2 * LEVELS + 1
    rows = b"".join(b"\0" + row.tobytes() for row in index)
    height, width = index.shape
    parts = [
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        _palette(colours),
        _chunk(b"IDAT", zlib.compress(rows, 9)),
        _chunk(b"IEND", b""),
    ]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(parts)
    return "data:image/png;base64," + base64.b64encode(png).decode()


@cache
def _palette(colours: tuple[tuple[int, ...], tuple[int, ...]]) -> bytes:
    """Colours, and how strong each of them is."""
    below, above = colours
    palette = [*[below] * LEVELS, above, *[above] * LEVELS, _NAN]
    alpha = [round(255 * abs(i - LEVELS) / LEVELS) for i in range(2 * LEVELS + 1)] + [255]
    return _chunk(b"PLTE", bytes(v for c in palette for v in c)) + _chunk(b"tRNS", bytes(alpha))


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
