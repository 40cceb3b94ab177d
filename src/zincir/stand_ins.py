"""What stands for an argument in a recording, and what is done to the argument after it."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.array_argument import ArrayArgument
from zincir.inplace import is_leaf, rebind
from zincir.ops.source import alias, detach
from zincir.storage import gaps, path, storage_of
from zincir.tensor import Tensor, from_array


def give_value(x: Any, stand_in: Tensor) -> None:
    """Give an argument the value that its stand-in has got."""
    if isinstance(x, Tensor):
        # Of gradients that it has as a leaf the argument hears besides.
        node = stand_in._node
        rebind(x, alias(detach(node) if is_leaf(stand_in) else node))
    else:
        x[...] = stand_in._value("zincir.compile")


def taken_over(t: Tensor, like: Tensor, memory: dict[int, Tensor]) -> bool:
    """Give `t` the memory of an argument where `like` has that of its stand-in."""
    found = memory.get(id(like._storage))
    if found is None:
        return False
    found = found.detach()
    t.data = found._view(*reversed(path(like))) if like._base is not None else found
    return True


def stand_in(x: Any) -> Tensor:
    """A tensor of the shape and type of an argument, with its values, as if it lay as that does."""
    if isinstance(x, Tensor):
        array = np.ascontiguousarray(x._value("zincir.compile")).reshape(x.shape)
        t, lies = from_array(array, x.requires_grad), gaps(x)
    else:
        t = from_array(np.ascontiguousarray(x).reshape(x.shape))
        lies = tuple([s // x.itemsize for s in x.strides]) if not x.flags.c_contiguous else None
    if lies is not None:
        storage_of(t).lies = lies
    if isinstance(x, Tensor):
        return t
    new = ArrayArgument.__new__(ArrayArgument)
    new.__dict__.update(t.__dict__)
    new._holds_node()
    new._array = x
    return new
