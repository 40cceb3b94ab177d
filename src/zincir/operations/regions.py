"""Regions of images: where in each part of a region the largest value is."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.types import int64

Array = np.ndarray[Any, Any]
EMPTY, NOTHING_ABOVE = -1, -2
"""In place of an index: a part without pixels, or without a number above the lowest."""


def _spec(x: Spec, rois: Spec, scale: float, height: int, width: int) -> Spec:
    return (rois[0][0], x[0][1], height, width), int64


def _rounded(x: Array) -> Array:
    """To whole numbers, halves away from 0."""
    whole = np.floor(np.abs(x))
    return (np.sign(x) * (whole + (np.abs(x) - whole >= 0.5))).astype(np.int64)


def _edges(first: Array, last: Array, parts: int, extent: int, dtype: Any) -> tuple[Array, Array]:
    """Where the parts of regions begin and end along one axis, (K, parts)."""
    size = np.maximum(last - first + 1, 1).astype(dtype) / dtype.type(parts)
    numbers = np.arange(parts + 1).astype(dtype)
    begin = np.floor(numbers[:-1] * size[:, None]).astype(np.int64)
    end = np.ceil(numbers[1:] * size[:, None]).astype(np.int64)
    return tuple((e + first[:, None]).clip(0, extent) for e in (begin, end))  # type: ignore[return-value]


def _numpy(x: Array, rois: Array, scale: float, height: int, width: int) -> Array:
    """The first of the largest, row by row, as a number of a pixel; NaN is never the largest."""
    corners = _rounded(rois[:, 1:] * rois.dtype.type(scale))
    tops, bottoms = _edges(corners[:, 1], corners[:, 3], height, x.shape[2], x.dtype)
    lefts, rights = _edges(corners[:, 0], corners[:, 2], width, x.shape[3], x.dtype)
    out = np.full((len(rois), x.shape[1], height, width), EMPTY, np.int64)
    lowest = np.finfo(np.float32).min
    for k, image in enumerate(rois[:, 0].astype(np.int64)):
        for i in range(height):
            for j in range(width):
                top, left = tops[k, i], lefts[k, j]
                part = x[image, :, top : bottoms[k, i], left : rights[k, j]]
                if part.size:
                    flat = part.reshape(len(part), -1)
                    flat = np.where(flat > lowest, flat, -np.inf)
                    place = flat.argmax(1)
                    row, column = np.divmod(place, part.shape[2])
                    index = (top + row) * x.shape[3] + left + column
                    found = flat[np.arange(len(flat)), place] > lowest
                    out[k, :, i, j] = np.where(found, index, NOTHING_ABOVE)
    return out


largest_in_regions_p = register(
    Primitive(
        "largest_in_regions",
        Kind.HOST,
        doc="The pixel (a number row * W + column) of the largest value in each part of regions.",
        infer=_spec,
        numpy=_numpy,
        attrs=("scale", "height", "width"),
    )
)


def largest_in_regions(x: Node, rois: Node, scale: float, height: int, width: int) -> Node:
    """(K, C, height, width), for x (N, C, H, W) and rois (K, 5): image, x1, y1, x2, y2."""
    return apply(largest_in_regions_p, x, rois, attrs=(scale, height, width))
