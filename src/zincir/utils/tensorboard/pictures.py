"""Images as users have them, as bytes: height x width x channels."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line

Array = np.ndarray[Any, Any]


def pixels(image: Array, axes: str) -> Array:
    """An image, or several in a grid, as bytes.

    Args:
        image: bytes, or numbers from 0 to 1.
        axes: what its axes are, such as "CHW", "HW" or "NCHW".

    >>> pixels(np.ones((5, 1, 2, 3)), "NCHW").shape
    (2, 15, 3)

    Raises:
        ArgumentError: the image has other axes.
    """
    axes = axes.upper()
    if len(axes) != image.ndim or not {"H", "W"} <= set(axes) <= set("NCHW"):
        raise ArgumentError(
            explain(
                "the image does not have the axes that dataformats names",
                where=user_line(),
                expected=axes,
                got=f"shape {image.shape}",
            )
        )
    for missing in "NC":
        if missing not in axes:
            image, axes = image[None], missing + axes
    grid = _grid(image.transpose([axes.index(a) for a in "NHWC"]))
    if grid.shape[2] == 1:
        grid = np.repeat(grid, 3, 2)
    if grid.dtype != np.uint8:
        grid = np.clip(grid.astype(np.float64) * 255.0, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(grid)


def _grid(images: Array, most: int = 8) -> Array:
    """Images side by side, at most 8 in a row."""
    n, h, w, c = images.shape
    columns = min(n, most)
    rows = -(-n // columns)
    grid = np.zeros((rows, h, columns, w, c), images.dtype)
    for i in range(n):
        grid[i // columns, :, i % columns] = images[i]
    return grid.reshape(rows * h, columns * w, c)


def drawn(figure: Any, close: bool) -> Array:
    """A figure of Matplotlib's as an image."""
    agg = importlib.import_module("matplotlib.backends.backend_agg")
    canvas = agg.FigureCanvasAgg(figure)
    canvas.draw()
    image = np.array(canvas.buffer_rgba(), np.uint8)[:, :, :3]
    if close:
        importlib.import_module("matplotlib.pyplot").close(figure)
    return image
