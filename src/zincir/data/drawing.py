"""Boxes drawn into images, by Pillow; images beside one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zincir.data.decoding import no_pillow
from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line

Image = npt.NDArray[np.uint8]
PALETTE = (
    (230, 25, 75), (60, 180, 75), (0, 110, 230), (245, 130, 48), (145, 30, 180), (0, 150, 150),
    (240, 50, 230), (140, 110, 0), (128, 0, 0), (0, 80, 0),
)  # fmt: skip
"""Colours of classes, again from the beginning after the last; white texts can be read on them."""
BORDER = 255
"""The colour between images."""


def draw_boxes(
    image: npt.NDArray[Any],
    boxes: Any,
    texts: Sequence[str] | None = None,
    kinds: Sequence[int] | None = None,
    *,
    scale: int = 1,
) -> Image:
    """An image (3, H, W) with frames around boxes, and a text at each; the first lie on top.

    Args:
        image: bytes; it is not changed.
        boxes: (K, 4): left, top, right and bottom in pixels.
        texts: for each box; None: none.
        kinds: a number for each box: equal ones have equal colours, -1 is white; None: all are
            alike.
        scale: by how much the image is enlarged before.

    Returns:
        bytes (3, scale * H, scale * W).

    Raises:
        ShapeError: there is not one text and one number for each box.

    Example:
        >>> image = draw_boxes(np.zeros((3, 20, 30), np.uint8), [[5, 5, 15, 15]], kinds=[1])
        >>> image.shape, image[:, 5, 8].tolist(), image[:, 10, 10].tolist()
        ((3, 20, 30), [60, 180, 75], [0, 0, 0])
    """
    try:
        from PIL import Image as pillow, ImageDraw, ImageFont
    except ImportError as error:
        raise no_pillow("draw_boxes") from error
    places: list[list[float]] = (np.asarray(boxes, np.float64).reshape(-1, 4) * scale).tolist()
    names = [""] * len(places) if texts is None else list(texts)
    numbers = [0] * len(places) if kinds is None else [int(kind) for kind in kinds]
    if not len(places) == len(names) == len(numbers):
        got = f"{len(places)} boxes, {len(names)} texts, {len(numbers)} kinds"
        text = explain("draw_boxes: a text and a kind for each box", where=user_line(), got=got)
        raise ShapeError(text)
    pixels = np.asarray(image, np.uint8).transpose(1, 2, 0).repeat(scale, 0).repeat(scale, 1)
    picture = pillow.fromarray(np.ascontiguousarray(pixels))
    canvas = ImageDraw.Draw(picture)
    side = min(picture.size)
    width, size = max(1, round(side / 150)), min(max(11, side // 28), 40)
    font: Any = ImageFont.load_default(size)
    last_first = list(zip(places, names, numbers, strict=True))[::-1]
    for (left, top, right, bottom), text, kind in last_first:
        colour = (255, 255, 255) if kind < 0 else PALETTE[kind % len(PALETTE)]
        frame = (left, top, max(right - 1, left), max(bottom - 1, top))
        canvas.rectangle(frame, outline=colour, width=width)
        if text:
            over: Any = canvas.textbbox((0, 0), text, font=font)
            wide, high = over[2] + 4, over[3] + 3
            x = min(max(left, 0), max(picture.width - wide, 0))
            y = top - high if top >= high else top
            canvas.rectangle((x, y, x + wide, y + high), fill=colour)
            shade = (0, 0, 0) if kind < 0 else (255, 255, 255)
            canvas.text((x + 2, y + 1), text, fill=shade, font=font)
    return np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1))


def image_grid(images: Sequence[npt.NDArray[Any]], columns: int = 4, gap: int = 4) -> Image:
    """Images (C, H, W) of one size in rows, on white.

    Example:
        >>> image_grid([np.zeros((3, 8, 8), np.uint8)] * 5, columns=3, gap=2).shape
        (3, 18, 28)
    """
    channels, height, width = images[0].shape
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    shape = channels, rows * (height + gap) - gap, columns * (width + gap) - gap
    out = np.full(shape, BORDER, np.uint8)
    for k, image in enumerate(images):
        top, left = k // columns * (height + gap), k % columns * (width + gap)
        out[:, top : top + height, left : left + width] = image
    return out
