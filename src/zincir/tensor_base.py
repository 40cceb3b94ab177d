"""What a tensor holds: its value, its gradient, and the memory that it may share.

The machinery behind tensors (`storage`, `shared_value`, `inplace`, `tensor_backward`) works on
these two; what users call is in `tensor.Tensor`, the one class that is built on them.

A tensor owns its value until it is viewed, detached or shown to NumPy; from then on it has a
`Storage`, and so has everything that looks at the same memory. There are three kinds of tensors in
a storage:

- whole: the tensor that was there first, and what `detach()` makes of it. Each has gradients of its
  own; the value is that of the last write through any of them.
- a view: what a `ViewOp` reads of a whole, with its gradients. It is loose while it has none, since
  it was made without: then it says that it requires a gradient if its root does, as in PyTorch,
  and nobody collects that. A write connects it.
- a leaf view: what a `ViewOp` reads of a whole, and a leaf of gradients.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any, Self

import numpy as np

from zincir.graph.node import Node, Origin, apply
from zincir.graph.primitive import Kind
from zincir.hook_handle import Hooks
from zincir.operations.source import leaf, leaf_p, variable_p, with_gradient_of
from zincir.recording import CURRENT, note_flag_read
from zincir.runtime.buffer import Buffer
from zincir.types import DType, Shape, from_numpy_dtype, size
from zincir.views import ViewOp


class TensorBase:
    """The fields of a tensor, and what follows from them alone."""

    _held: Node
    """The value when it was last asked for: `shared_value.current` has that of this moment."""
    _grad: Any = None
    """A tensor of the same shape, or None."""
    _touched: Any = None
    """For a table looked up with sparse=True: its gradient counts how often each row was."""
    _coo: Any = None
    """For a sparse tensor: its coordinates and values."""
    _storage: Storage | None = None
    """What it has in common with whatever shares its memory."""
    _seen: int = 0
    """The version of the storage that `_held` belongs to."""
    _base: TensorBase | None = None
    """For a view: the tensor that it shows a part of, through"""
    _step: ViewOp | None = None
    """this step, and"""
    _step_grad: bool = True
    """with gradients or without them."""
    _viewed: bool = False
    """Whether a view was ever made of it."""
    _shared_with: weakref.ref[TensorBase] | None = None
    """What a parameter was made of, and shares memory with."""
    _stamp: int = 0
    """When it was made, among those that look at the same memory."""
    _leaf_view: bool = False
    """Whether it collects gradients itself, though it is a view."""
    _root: TensorBase | None = None
    """For a view: the tensor that was viewed, through other views perhaps."""
    _read_from: weakref.ref[Node] | None = None
    """For a view with gradients: the value of its base that it was read from."""
    _loose: bool = False
    """Whether a view has no part in the gradients of its root,"""
    _since: int = 0
    """and how often that had been changed when it was made."""
    _hooks: Hooks | None = None
    _after: Hooks | None = None
    _retains: bool = False
    _writes: int = 0
    _shown: bool = False
    """For a gradient: whether anybody but a backward pass has asked for it."""
    _order: Shape | None = None
    """The axes as values are to lie in memory, the slowest first, if that is another order."""
    _unnoticed: bool = False
    """Whether it is what `.data` gave: gradients do not notice that it is written to."""
    _is_array: bool = False
    """Whether it stands for an array that was given to a compiled function."""

    @classmethod
    def _of(cls, node: Node) -> Self:
        """A tensor that holds `node`."""
        raise NotImplementedError

    @classmethod
    def _blank(cls) -> Self:
        """A tensor that holds nothing yet."""
        raise NotImplementedError

    @classmethod
    def _from(cls, array: np.ndarray[Any, Any]) -> Self:
        """A tensor over the memory of `array`."""
        raise NotImplementedError

    @property
    def shape(self) -> Shape:
        return self._held.shape

    @property
    def ndim(self) -> int:
        return len(self._held.shape)

    def numel(self) -> int:
        """The number of elements."""
        return size(self._held.shape)

    @property
    def dtype(self) -> DType:
        return self._held.dtype

    @property
    def requires_grad(self) -> bool:
        note_flag_read(self)
        if self._base is None or self._leaf_view:
            return self._held.needs_grad
        if self._loose:
            return self._root is not None and self._root.requires_grad
        if self._storage is not None and self._seen == self._storage.version:
            return self._held.needs_grad
        base = base_of(self)
        return base is not None and base.requires_grad and self._step_grad

    def _holds_node(self) -> None:
        """Note that `_held` is held by this tensor, and by no other."""
        self._held.owner = weakref.ref(self)

    def _is_gradient_leaf(self) -> bool:
        held = self._held
        return held.needs_grad and (held.op is leaf_p or held.op is variable_p)

    def _order_for(self, ndim: int) -> Shape | None:
        """The order in memory of values with so many axes: users may give others to a tensor."""
        order = self._order
        return order if order is not None and len(order) == ndim else None


FIELDS = frozenset(TensorBase.__annotations__)


def base_of(tensor: TensorBase) -> TensorBase | None:
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


BEFORE = -1
"""For `_since`: fewer changes than any memory has had."""


class Storage:
    """What tensors that share memory have in common."""

    __slots__ = (
        "__weakref__",
        "array",
        "given",
        "heirs",
        "lies",
        "node",
        "noticed",
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
        self.noticed = writes
        """The number of the last of these changes that was not made through `.data`, of which
        gradients know nothing."""
        self.written_at: Origin | None = None
        """Where that was done last."""
        self.several = False
        """Whether there is more than one whole."""
        self.viewed = False
        """Whether it was ever looked at by another tensor than the one it was made for."""
        self.node: Node | None = None
        """The value of the whole since the last write, if there are several."""
        self.wholes: list[weakref.ref[TensorBase]] = []
        """All tensors that are the whole."""
        self.stamp = 0
        self.heirs: list[tuple[int, int, TensorBase, int]] = []
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

    def add(self, whole: TensorBase) -> None:
        """Note another whole."""
        if len(self.wholes) > 8:
            self.wholes = [reference for reference in self.wholes if reference() is not None]
        self.wholes.append(weakref.ref(whole))

    def alive(self) -> list[Any]:
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

    def read_again(self, node: Node) -> Node | None:
        """What a node of this memory is by now, with the gradients it has; None if unknown."""
        chain = [node]
        while chain[-1].op.kind in (Kind.VIEW, Kind.ALIAS) and chain[-1].inputs:
            chain.append(chain[-1].inputs[0])
        here = [k for k, n in enumerate(chain) if n.home is not None and n.home[0] is self]
        whole = self.node
        if whole is None or not here:
            return None
        root = chain[here[-1]]
        if (root.shape, root.dtype) != (whole.shape, whole.dtype):
            return None
        for step in reversed(chain[: here[-1]]):
            whole = apply(step.op, whole, *step.inputs[1:], attrs=step.attrs)
        return with_gradient_of(whole, node, always=True)

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
