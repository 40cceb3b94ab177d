"""Tensors between the brackets of x[...]."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.convert import leaf_over
from zincir.indexing.brackets import Mask, Plan
from zincir.recording import CURRENT
from zincir.scalar import number
from zincir.shared_value import array_of, current
from zincir.tensor_base import TensorBase
from zincir.types import Shape, uint8


def numbered(index: Any) -> Any:
    """An index with whole numbers in place of tensors that hold one: PyTorch makes views of it."""
    if index.__class__ is tuple:
        return tuple([numbered(item) for item in index])
    if index.__class__ is np.ndarray and not index.ndim and index.dtype.kind == "i":
        return int(index)
    if not isinstance(index, TensorBase) or index._held.shape or index._held.dtype.category != 1:
        return index
    recording, node = CURRENT.recording, index._held
    if node.dtype is uint8 or (recording is not None and not recording.is_constant(node)):
        return index
    return int(node.value.array if recording is not None else number(index))


def mask(item: Any) -> Mask:
    """A boolean tensor or array as a part of an index."""
    if isinstance(item, TensorBase):
        return Mask(current(item), lambda: array_of(item, "indexing by a boolean mask"))
    return Mask(leaf_over(item), lambda: item)


def in_front(item: TensorBase, shape: Shape) -> Shape:
    """The shape under which a mask of the first dimensions broadcasts to all of them.

    Raises:
        IndexOutOfRange: the mask has other sizes.
    """
    if item.shape != shape[: len(item.shape)]:
        Plan(shape, (mask(item),))
    return (*item.shape, *(1,) * (len(shape) - len(item.shape)))
