"""Changes of tone and sharpness, on NumPy arrays: what policies choose from.

All take images (N, C, H, W), bytes or float32 from 0 to 1, and return the same.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from zincir.data.augment import arrays as ar
from zincir.data.augment.colour import blend

Images: TypeAlias = np.ndarray[Any, Any]


def posterize(x: Images, bits: Images) -> Images:
    """The first `bits` (N,) of the 8 bits of every pixel.

    >>> posterize(np.array([[[[200]]]], np.uint8), np.array([2])).tolist()
    [[[[192]]]]
    """
    levels = 2.0 ** ar.each(np.trunc(bits)).astype(np.float32)
    unit = (256.0 if ar.is_bytes(x) else 1.0) / levels
    return ar.typed(np.minimum(np.floor(ar.real(x) / unit), levels - 1) * unit, x)


def solarize(x: Images, threshold: Images) -> Images:
    """Pixels from `threshold` (N,) on turned round: bright is dark. A threshold of 1 is white.

    >>> solarize(np.array([[[[200, 100]]]], np.uint8), np.array([0.5])).tolist()
    [[[[55, 100]]]]
    """
    pixels, white = ar.real(x), ar.top(x)
    return ar.typed(np.where(pixels >= ar.each(threshold) * white, white - pixels, pixels), x)


def autocontrast(x: Images) -> Images:
    """Each channel stretched, so that its darkest pixel is black and its brightest white.

    >>> autocontrast(np.array([[[[100, 150, 200]]]], np.uint8)).tolist()
    [[[[0, 128, 255]]]]
    """
    pixels, white = ar.real(x), ar.top(x)
    least = pixels.min(axis=(2, 3), keepdims=True)
    spread = pixels.max(axis=(2, 3), keepdims=True) - least
    flat = spread == 0
    stretched = (pixels - np.where(flat, 0, least)) * (white / np.where(flat, white, spread))
    return ar.typed(stretched.clip(0, white).astype(np.float32), x)


def equalize(x: Images) -> Images:
    """Each channel with levels of brightness that are as frequent as one another.

    The table of levels is that of PIL's `ImageOps.equalize`; fractions count as their nearest byte.

    >>> pixels = np.repeat(np.array([1, 1, 2, 200], np.uint8), 255)
    >>> np.unique(equalize(pixels.reshape(1, 1, 30, 34))).tolist()
    [0, 170, 255]
    """
    planes = int(x.shape[0] * x.shape[1])
    levels: Any = ar.whole(np.rint(ar.real(x) * (255.0 / ar.top(x))).clip(0, 255))
    flat = levels.reshape(planes, -1) + 256 * np.arange(planes)[:, None]
    counts = np.bincount(flat.ravel(), minlength=256 * planes).reshape(planes, 256)
    last = 255 - (counts[:, ::-1] > 0).argmax(axis=1)
    step = (counts.sum(axis=1) - counts[np.arange(planes), last])[:, None] // 255
    below = np.cumsum(counts, axis=1) - counts
    table = ((below + step // 2) // np.maximum(step, 1)).clip(0, 255)
    table = np.where(step == 0, np.arange(256), table)
    new = table.ravel()[flat].reshape(x.shape).astype(np.float32)
    return ar.typed(new * np.float32(ar.top(x) / 255), x)


def sharpen(x: Images, factor: Images) -> Images:
    """Each image away from its blurred self (factor (N,) above 1), or towards it (below 1).

    Blurred with the weights 1 1 1, 1 5 1, 1 1 1 over 13; the rim stays as it is.
    """
    h, w = x.shape[2:]
    if min(h, w) < 3:
        return x
    pixels = ar.real(x)
    blurred = pixels.copy()
    sums = 4 * pixels[:, :, 1:-1, 1:-1]
    for i in range(3):
        for j in range(3):
            sums = sums + pixels[:, :, i : h - 2 + i, j : w - 2 + j]
    blurred[:, :, 1:-1, 1:-1] = sums / 13
    return ar.typed(blend(pixels, blurred, factor, ar.top(x)), x)
