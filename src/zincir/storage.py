"""Who shares memory with whom: the way from a view to its whole, and what takes its place."""

from __future__ import annotations

import functools
import gc
import sys
import weakref
from typing import Any, TypeVar, cast

import numpy as np

from zincir.graph.node import Node
from zincir.naming import channels_last, channels_last_3d
from zincir.operations.dims import one_axis
from zincir.operations.source import leaf
from zincir.recording import note_done
from zincir.tensor_base import Storage, TensorBase, base_of
from zincir.tensor_types import check_storage
from zincir.types import contiguous_strides, float32, size
from zincir.views import ViewOp

T = TypeVar("T", bound=TensorBase)


def storage_of(tensor: TensorBase) -> Storage:
    """The storage of a tensor, which gets one if it has none."""
    storage = tensor._storage
    if storage is None:
        storage = tensor._storage = Storage(tensor._writes)
        storage.wholes.append(weakref.ref(tensor))
        tensor._held.home = (storage, storage.writes)
        tensor._seen = 0
    return storage


def whole_of(tensor: T) -> T:
    """The tensor itself, or the whole that it is a view of."""
    base: Any = base_of(tensor)
    return tensor if base is None else whole_of(base)


def is_shared(tensor: TensorBase) -> bool:
    """Whether another tensor that is still there, or an array, looks at the same memory."""
    storage = tensor._storage
    if tensor._root is not None or storage is None:
        return tensor._root is not None
    if storage.array is not None and storage.open():
        return True
    holders = 0
    for x in gc.get_referrers(storage):  # a tensor, or its dictionary
        fields = cast("dict[str, Any]", x) if isinstance(x, dict) else {}
        holders += isinstance(x, TensorBase) or fields.get("_storage") is storage
    return holders > 1


def owned_again(tensor: TensorBase) -> bool:
    """Give up a storage that nobody else has a part in any more; whether there is none now.

    What was viewed once, or given by `state_dict()`, is then a tensor like any other: nobody has to
    be told of its changes.
    """
    storage, node = tensor._storage, tensor._held
    if storage is None:
        return True
    known = tensor._seen == storage.version and node.value is not None and not node.used
    plain = storage.array is None and storage.lies is None and not storage.heirs
    if not (known and plain) or tensor._base is not None or _holders(storage, node) > _ALONE:
        return False
    tensor._storage = None
    if _holders(storage, node) >= _ALONE:  # another thread has just come to it
        tensor._storage = storage
        return False
    tensor._writes, node.home = storage.writes, None
    return True


def _holders(storage: Storage, node: Node) -> int:
    """How many hold a storage, and what a node says of it: to be compared with `_ALONE`."""
    return sys.getrefcount(storage) + sys.getrefcount(node.home)


def _of_one() -> int:
    """What `_holders` finds for the storage of one tensor alone, in this version of Python."""
    tensor = TensorBase()
    tensor._held = node = leaf((), float32)
    storage = storage_of(tensor)
    return _holders(storage, node)


_ALONE = _of_one()


def path(tensor: TensorBase) -> list[ViewOp]:
    """The steps from a view to its whole."""
    found: list[ViewOp] = []
    base = base_of(tensor)
    while base is not None:
        assert tensor._step is not None
        found.append(tensor._step)
        tensor, base = base, base_of(base)
    return found


def offset(tensor: TensorBase) -> int:
    """Where in the memory of its whole a tensor begins, in elements."""
    steps = path(tensor)
    if not steps:
        return 0
    array = np.empty(whole_of(tensor).shape, np.int8)  # whose elements nobody looks at
    seen_ = array
    for step in reversed(steps):
        seen_ = step.look(seen_)
    return seen_.__array_interface__["data"][0] - array.__array_interface__["data"][0]


def shared_part(a: TensorBase, b: TensorBase) -> str:
    """How much of its memory a tensor shares with another: "all", "some", or "none" that counts.

    As in PyTorch, what does not fill the stretch where it lies counts as apart from others.
    """
    if a is b:
        return "all"
    if a._storage is None or a._storage is not b._storage or not (_fills(a) and _fills(b)):
        return "none"
    first, second = offset(a), offset(b)
    m, n = size(a._held.shape), size(b._held.shape)
    if first == second and m == n:
        return "all" if strides(a) == strides(b) else "some"
    return "some" if first < second + n and second < first + m else "none"


def repeats(tensor: TensorBase) -> bool:
    """Whether several elements of a tensor are one in memory."""
    shape = tensor._held.shape
    again = (s == 0 and n > 1 for s, n in zip(strides(tensor), shape, strict=True))
    return size(shape) > 0 and any(again)


def _fills(tensor: TensorBase) -> bool:
    """Whether the elements of a tensor lie side by side, in whatever order."""
    room = 1
    for step, n in sorted(zip(strides(tensor), tensor._held.shape, strict=True)):
        if n != 1 and step != room:
            return False
        room *= n
    return True


def replace(tensor: TensorBase) -> None:
    """Let another tensor be what the views of `tensor` look at: it is about to become another."""
    storage = tensor._storage
    if storage is None or not tensor._viewed:
        return
    heir = as_it_was(tensor, tensor.__dict__)
    heir._root = tensor if heir._root is None else heir._root
    storage.stamp += 1
    entry = (id(tensor), storage.stamp, heir, storage.writes)
    storage.heirs.append(entry)
    note_done(functools.partial(storage.heirs.remove, entry))
    storage.several = True
    storage.wholes.append(weakref.ref(heir))


def as_it_was(tensor: T, fields: dict[str, Any]) -> T:
    """Another tensor with what `tensor` is or was, apart from its gradients."""
    new = tensor._blank()
    new.__dict__.update(fields)
    new._grad = new._hooks = new._after = None
    return new


def seen(tensor: TensorBase, storage: Storage) -> np.ndarray[Any, Any]:
    """The part of the memory that `tensor` shows."""
    base = base_of(tensor)
    if base is None or tensor._step is None:
        assert storage.array is not None
        return storage.array
    return tensor._step.look(seen(base, storage))


def gaps(tensor: TensorBase) -> tuple[int, ...] | None:
    """The strides of a tensor that does not lie row by row in memory; None if it does."""
    storage = tensor._storage
    if storage is None or (tensor._base is None and storage.array is None):
        return None
    found = strides(tensor)
    rows = zip(tensor._held.shape, found, contiguous_strides(tensor._held.shape), strict=True)
    return None if all(a == b for n, a, b in rows if n != 1) else found


def stride(tensor: TensorBase, dim: int | None) -> Any:
    """Steps in memory along each dimension, or along one, in elements."""
    steps = strides(tensor)
    return steps if dim is None else steps[one_axis(dim, tensor.ndim)]


def strides(tensor: TensorBase) -> tuple[int, ...]:
    """Steps in memory along each dimension, in elements."""
    storage = tensor._storage
    if storage is not None and storage.array is not None:
        array = seen(tensor, storage)
        return tuple(s // array.itemsize for s in array.strides)
    base = base_of(tensor)
    if base is None or tensor._step is None:
        lies = None if storage is None else storage.lies
        return contiguous_strides(tensor._held.shape) if lies is None else lies
    return tensor._step.strides(base._held.shape, strides(base))


def is_contiguous(tensor: TensorBase, memory_format: Any = None) -> bool:
    """Whether the elements lie row by row in memory, or in the order that is named."""
    if memory_format in (channels_last, channels_last_3d):
        return is_channels_last(tensor)
    check_storage(memory_format=memory_format)
    if tensor._storage is None:
        return True
    shape = tensor._held.shape
    mine = zip(shape, strides(tensor), contiguous_strides(shape), strict=True)
    return 0 in shape or all(a == b for n, a, b in mine if n != 1)


def is_channels_last(tensor: TensorBase) -> bool:
    """Whether the second of four or five axes is the one whose elements lie side by side."""
    steps, shape = strides(tensor), tensor._held.shape
    if len(shape) not in (4, 5):
        return False
    order = (0, *range(2, len(shape)), 1)
    wanted = contiguous_strides(tuple(shape[i] for i in order))
    return all(shape[i] == 1 or steps[i] == s for i, s in zip(order, wanted, strict=True))
