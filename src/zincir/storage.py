"""Memory that is shared: by tensors that look at each other, and with NumPy.

A tensor owns its value until it is viewed, detached or shown to NumPy; from then on it has a
`Storage`, and so has everything that looks at the same memory. There are three kinds of tensors in
a storage:

- whole: the tensor that was there first, and what `detach()` makes of it. Each has gradients of its
  own; the value is that of the last write through any of them.
- a view: what a `Step` reads of a whole, with its gradients. It is loose while it has none, since
  it was made without: then it says that it requires a gradient if its root does, as in PyTorch,
  and nobody collects that. A write connects it.
- a leaf view: what a `Step` reads of a whole, and a leaf of gradients.

What a tensor in a storage is worth at this moment: `shared_value`.
"""

from __future__ import annotations

import functools
import sys
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from zincir.graph.node import Node, Origin
from zincir.ops.source import leaf
from zincir.recording import CURRENT, note_done
from zincir.runtime.buffer import Buffer
from zincir.types import Shape, contiguous_strides, from_numpy_dtype
from zincir.views import Step

if TYPE_CHECKING:
    from zincir.tensor import Tensor


class Storage:
    """What tensors that share memory have in common."""

    __slots__ = (
        "__weakref__",
        "array",
        "given",
        "heirs",
        "lies",
        "node",
        "order",
        "several",
        "stamp",
        "version",
        "viewed",
        "wholes",
        "writes",
        "written_at",
    )

    def __init__(self, writes: int) -> None:
        self.version = 0
        """Which value it is: raised by everything that makes tensors take theirs anew."""
        self.writes = writes
        """How often it was changed in place: what gradients must not overlook."""
        self.written_at: Origin | None = None
        """Where that was done last."""
        self.several = False
        """Whether there is more than one whole."""
        self.viewed = False
        """Whether it was ever looked at by another tensor than the one it was made for."""
        self.node: Node | None = None
        """The value of the whole since the last write, if there are several."""
        self.wholes: list[weakref.ref[Tensor]] = []
        """All tensors that are the whole."""
        self.stamp = 0
        self.heirs: list[tuple[int, int, Tensor, int]] = []
        """What took the place of tensors (by id) for views that were made before (a stamp), and how
        often the memory had been written to then."""
        self.array: np.ndarray[Any, Any] | None = None
        """The memory of the whole, while somebody else may write to it."""
        self.order: Shape | None = None
        """The axes as they lie in that memory, if that is another order."""
        self.given: weakref.ref[np.ndarray[Any, Any]] | None = None
        """The array that was handed out; None if `array` came from outside."""
        self.lies: tuple[int, ...] | None = None
        """Strides of the whole, if it stands for something that does not lie row by row."""

    def add(self, whole: Tensor) -> None:
        """Note another whole."""
        if len(self.wholes) > 8:
            self.wholes = [reference for reference in self.wholes if reference() is not None]
        self.wholes.append(weakref.ref(whole))

    def alive(self) -> list[Tensor]:
        """The tensors that are the whole: those that are gone, or got other memory, are not."""
        found = [reference() for reference in self.wholes]
        return [t for t in found if t is not None and t._storage is self]

    def open(self) -> bool:
        """Whether somebody else may write to the memory."""
        if self.array is None:
            return False
        return _held_elsewhere(self) if self.given is None else self.given() is not None

    def exposed(self) -> bool:
        """Whether somebody else may write to the memory; if nobody can any more, it is private."""
        if self.array is None or CURRENT.recording is not None:
            return self.array is not None
        if self.open():
            return True
        buffer = Buffer(self.array, order=self.order)
        if buffer.layout is not None or not self.array.flags.writeable:
            buffer = Buffer(self.array.copy())
        node = leaf(self.array.shape, from_numpy_dtype(self.array.dtype))
        node.value = buffer
        self.close(node)
        self.version += 1
        return False

    def close(self, node: Node) -> None:
        """The memory is private from now on; its value is that of `node`."""
        self.array = self.given = None
        self.node = node
        self.several = True


def _holders(storage: Storage) -> int:
    return sys.getrefcount(storage.array)


def _base_holders(storage: Storage) -> int:
    array = storage.array
    assert array is not None
    return sys.getrefcount(array.base)


def _alone() -> tuple[int, int]:
    """What the two counts are when nobody else holds the array, in this version of Python."""
    storage = Storage(0)
    storage.array = np.zeros(1)
    alone = _holders(storage)
    storage.array = np.zeros(2)[:1]
    return alone, _base_holders(storage)


_ALONE, _BASE_ALONE = _alone()


def _held_elsewhere(storage: Storage) -> bool:
    """Whether an array that came from outside, or what it is a part of, is held by others too."""
    if _holders(storage) > _ALONE:  # before the array has a name here, which would count
        return True
    array = storage.array
    assert array is not None
    base = array.base
    if base is None:
        return False
    known = type(base) is np.ndarray and base.base is None
    del base
    return not known or _base_holders(storage) > _BASE_ALONE


def storage_of(tensor: Tensor) -> Storage:
    """The storage of a tensor, which gets one if it has none."""
    storage = tensor._storage
    if storage is None:
        storage = tensor._storage = Storage(tensor._writes)
        storage.wholes.append(weakref.ref(tensor))
        tensor._held.home = (storage, storage.writes)
        tensor._seen = 0
    return storage


def base_of(tensor: Tensor) -> Tensor | None:
    """The tensor that a view shows a part of, or what has taken its place; None for a whole."""
    base, storage = tensor._base, tensor._storage
    if base is None or storage is None:
        return base
    found, since = base, tensor._stamp
    for key, stamp, heir, writes in storage.heirs:
        if key == id(base) and since < stamp:
            found, since = heir, stamp
            break
        root = base._root
        if heir is base and writes != storage.writes and root is not None:
            # As in PyTorch, a write connects the view with what its base has become.
            if root._storage is storage and root.requires_grad:
                found, since = root, storage.stamp
            break
    if CURRENT.recording is None:  # it may be taken back
        tensor._base, tensor._stamp = found, since
    return found


def whole_of(tensor: Tensor) -> Tensor:
    """The tensor itself, or the whole that it is a view of."""
    base = base_of(tensor)
    return tensor if base is None else whole_of(base)


def path(tensor: Tensor) -> list[Step]:
    """The steps from a view to its whole."""
    found: list[Step] = []
    base = base_of(tensor)
    while base is not None:
        assert tensor._step is not None
        found.append(tensor._step)
        tensor, base = base, base_of(base)
    return found


def replace(tensor: Tensor) -> None:
    """Let another tensor be what the views of `tensor` look at: it is about to become another."""
    storage = tensor._storage
    if storage is None or not storage.viewed:
        return
    heir = as_it_was(tensor, tensor.__dict__)
    heir._root = tensor if heir._root is None else heir._root
    storage.stamp += 1
    entry = (id(tensor), storage.stamp, heir, storage.writes)
    storage.heirs.append(entry)
    note_done(functools.partial(storage.heirs.remove, entry))
    storage.several = True
    storage.wholes.append(weakref.ref(heir))


def as_it_was(tensor: Tensor, fields: dict[str, Any]) -> Tensor:
    """Another tensor with what `tensor` is or was, apart from its gradients."""
    new = object.__new__(_plain_type(tensor))
    new.__dict__.update(fields)
    new._grad = new._hooks = new._after = None
    return new


def _plain_type(tensor: Tensor) -> type[Tensor]:
    return type(tensor).__mro__[-2]


def seen(tensor: Tensor, storage: Storage) -> np.ndarray[Any, Any]:
    """The part of the memory that `tensor` shows."""
    base = base_of(tensor)
    if base is None or tensor._step is None:
        assert storage.array is not None
        return storage.array
    return tensor._step.look(seen(base, storage))


def gaps(tensor: Tensor) -> tuple[int, ...] | None:
    """The strides of a tensor that does not lie row by row in memory; None if it does."""
    storage = tensor._storage
    if storage is None or (tensor._base is None and storage.array is None):
        return None
    found = strides(tensor)
    rows = zip(tensor._held.shape, found, contiguous_strides(tensor._held.shape), strict=True)
    return None if all(a == b for n, a, b in rows if n != 1) else found


def strides(tensor: Tensor) -> tuple[int, ...]:
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
