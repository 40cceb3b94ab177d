"""What stands for an argument while a function is recorded, and who keeps it afterwards."""

from __future__ import annotations

import gc
import types
import weakref
from collections import deque
from typing import Any

import numpy as np

from zincir.array_argument import ArrayArgument
from zincir.creation import from_numpy
from zincir.graph.node import grad_mode
from zincir.storage import gaps, path, storage_of
from zincir.tensor import Tensor, from_array


def stand_in_for(x: Any) -> Tensor:
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


def give_back(stand_ins: list[weakref.ref[Tensor]], arguments: list[Any]) -> bool:
    """Give an argument to whoever keeps what has stood for it, or looks at its memory.

    Who holds it otherwise than in a list, a dictionary, an attribute or a variable gets a tensor
    over the memory of the argument.

    Returns:
        whether anybody did.
    """
    if all([reference() is None for reference in stand_ins]):
        return False
    gc.collect()
    found = False
    for reference, x in zip(stand_ins, arguments, strict=True):
        t = reference()
        if t is None:
            continue
        found = True
        holders = gc.get_referrers(t)
        for holder in holders:
            if holder is not holders:
                _put(holder, t, x)
        if isinstance(x, Tensor):
            t.__dict__.clear()
            t.__dict__.update(x.detach().__dict__)
            t._holds_node()
    return found


def _put(holder: Any, t: Tensor, x: Any) -> None:
    """Put `x` in the place of `t`, or let a view of `t` be one of `x`."""
    view = _view_of(holder, t)
    if view is not None:
        whole = x if isinstance(x, Tensor) else from_numpy(x)
        with grad_mode(view._step_grad):
            new = whole._view(*reversed(path(view)))
        view.__dict__.clear()
        view.__dict__.update(new.__dict__)
        view._holds_node()
    elif isinstance(holder, types.CellType):
        holder.cell_contents = x
    elif isinstance(holder, _SEQUENCES):
        for i, value in enumerate(holder):
            if value is t:
                holder[i] = x
    else:
        fields: Any = holder if isinstance(holder, _MAPPING) else getattr(holder, "__dict__", None)
        if isinstance(fields, _MAPPING):
            fields.update([(k, x) for k, v in list(fields.items()) if v is t])


# What holds a stand-in is of any type: these names check without narrowing it.
_SEQUENCES: tuple[type[Any], ...] = (list, deque)
_MAPPING: type[Any] = dict


def _view_of(holder: Any, t: Tensor) -> Tensor | None:
    """The view of `t` that a holder of it is, or whose attributes it is."""
    fields: Any = holder
    if fields.__class__ is dict and "_held" in fields:
        owner = fields["_held"].owner
        holder = None if owner is None else owner()
    if isinstance(holder, Tensor) and holder._base is t and holder._storage is t._storage:
        return holder
    return None
