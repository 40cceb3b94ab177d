"""Elements of lines: those that an index names along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.graph.node import Node
from zincir.operations.arithmetic import cast
from zincir.operations.indexing import take
from zincir.operations.movement import reshape
from zincir.operations.source import iota
from zincir.types import contiguous_strides, int64, size


def along(x: Node, axis: int, index: Node) -> Node:
    """y[i][j] = x[i][index[i][j]], for axis 1; the other axes of both are the same.

    The index was computed here, and is in range.
    """
    strides = contiguous_strides(x.shape)
    at: Any = cast(index, int64)
    at = at * strides[axis] if strides[axis] != 1 else at
    for i, stride in enumerate(strides):
        if i != axis and index.shape[i] != 1:
            at = at + iota(index.shape, i, int64) * stride
    return take(reshape(x, (size(x.shape),)), at)


def lines(x: Any, axis: int) -> Any:
    """An array as a matrix whose rows are the lines along `axis`."""
    moved = np.moveaxis(x, axis, -1)
    return moved.reshape(size(moved.shape[:-1]), moved.shape[-1])


def from_lines(rows: Any, x: Any, axis: int) -> Any:
    """What was computed for each line, back in its place."""
    rest = tuple(n for i, n in enumerate(x.shape) if i != axis)
    return np.moveaxis(rows.reshape(*rest, rows.shape[-1]), -1, axis)
