"""Views that take complex numbers for pairs of real ones, and pairs for complex numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zincir.graph.node import Node
from zincir.operations import layout, movement
from zincir.operations.parts import WHOLE, imag, join, real
from zincir.operations.source import PARTS
from zincir.types import DType, Shape
from zincir.views import Strides


@dataclass(slots=True)
class Part:
    """The real parts, or the imaginary ones."""

    second: bool

    def read(self, parent: Node) -> Node:
        return imag(parent) if self.second else real(parent)

    def write(self, parent: Node, value: Node) -> Node:
        return join(real(parent), value) if self.second else join(value, imag(parent))

    def size(self, shape: Shape) -> Shape:
        return shape

    def kind(self, dtype: DType) -> DType:
        return PARTS[dtype]

    def strides(self, shape: Shape, strides: Strides) -> Strides:
        return tuple([2 * s for s in strides])

    def look(self, array: Any) -> Any:
        return array.imag if self.second else array.real


@dataclass(slots=True)
class Pairs:
    """Both parts along a new last axis."""

    def read(self, parent: Node) -> Node:
        return layout.stack([real(parent), imag(parent)], parent.ndim)

    def write(self, parent: Node, value: Node) -> Node:
        return _joined(value)

    def size(self, shape: Shape) -> Shape:
        return (*shape, 2)

    def kind(self, dtype: DType) -> DType:
        return PARTS[dtype]

    def strides(self, shape: Shape, strides: Strides) -> Strides:
        return (*[2 * s for s in strides], 1)

    def look(self, array: Any) -> Any:
        parts = array.real
        strides = (*array.strides, parts.itemsize)
        return np.lib.stride_tricks.as_strided(parts, self.size(array.shape), strides)


@dataclass(slots=True)
class Joined:
    """Pairs along the last axis, which goes, as complex numbers."""

    def read(self, parent: Node) -> Node:
        return _joined(parent)

    def write(self, parent: Node, value: Node) -> Node:
        return layout.stack([real(value), imag(value)], value.ndim)

    def size(self, shape: Shape) -> Shape:
        return shape[:-1]

    def kind(self, dtype: DType) -> DType:
        return WHOLE[dtype]

    def strides(self, shape: Shape, strides: Strides) -> Strides:
        return tuple([s // 2 for s in strides[:-1]])

    def look(self, array: Any) -> Any:
        return array.view(np.result_type(array.dtype, np.complex64))[..., 0]


def _joined(pairs: Node) -> Node:
    shape = pairs.shape[:-1]
    zeros, ones = (0,) * len(shape), (1,) * pairs.ndim
    parts = [movement.slice_(pairs, (*zeros, i), ones, (*shape, 1)) for i in (0, 1)]
    return join(*[movement.reshape(part, shape) for part in parts])
