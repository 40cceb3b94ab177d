"""Memory that is shared: by tensors that look at each other, and with NumPy.

A tensor owns its value until it is viewed, detached or shown to NumPy; from then on it has a
`Storage`, and so has everything that looks at the same memory. Nobody is told of a write: it only
raises the version, and a tensor that has seen an older one takes its value anew when it is next
asked for it (`current`). There are three kinds of tensors in a storage:

- whole: the tensor that was there first, and what `detach()` makes of it. Each has gradients of its
  own; the value is that of the last write through any of them.
- a view: what a `Step` reads of a whole, with its gradients. It is loose while it has none, since
  it was made without: then it says that it requires a gradient if its root does, as in PyTorch,
  and nobody collects that. A write connects it.
- a leaf view: what a `Step` reads of a whole, and a leaf of gradients.

Memory that NumPy can see (`Storage.array`) may change at any moment. Graphs never look at it: what
they read is a copy of the moment at which they were made.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from zincir.evaluate import evaluate
from zincir.graph.node import MODE, Node, Origin, here
from zincir.ops.source import (
    alias,
    detach,
    detach_p,
    leaf,
    leaf_p,
    regraft,
    unconnected,
    variable,
)
from zincir.recording import CURRENT, paused
from zincir.runtime.buffer import Buffer, arranged, looking
from zincir.types import Shape, contiguous_strides, from_numpy_dtype
from zincir.views import Step, after

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
        self.heirs: list[tuple[int, int, Tensor]] = []
        """What took the place of tensors (by id) for views that were made before (a stamp)."""
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
    if base is not None and storage is not None:
        for key, stamp, heir in storage.heirs:
            if key == id(base) and tensor._stamp < stamp:
                tensor._base, tensor._stamp = base, _ = heir, stamp
                break
    return base


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
    storage.stamp += 1
    storage.heirs.append((id(tensor), storage.stamp, heir))
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


def look_at(child: Tensor, parent: Tensor, step: Step) -> Tensor:
    """Make `child` show the memory of `parent` through `step`."""
    storage = storage_of(parent)
    storage.viewed = True
    base = None if parent._leaf_view else base_of(parent)
    child._storage, child._stamp, child._seen = storage, storage.stamp, -1
    child._base = parent if base is None else base
    child._step = step if base is None else after(parent._step, step)
    child._step_grad = MODE.grad and parent._step_grad
    child._root = parent if base is None or parent._root is None else parent._root
    if not (MODE.grad and parent.requires_grad):
        child._loose, child._since = True, storage.writes
    if not parent.requires_grad and CURRENT.recording is None:
        # Its value is taken when somebody asks for it.
        held = parent._held
        spec = (step.size(held.shape), held.dtype)
        child._held = Node(leaf_p, (), spec, spec, False, held.origin)
        child._held.owner = weakref.ref(child)
        return child
    # What passes through a view of a view passes through both, as long as nothing is written.
    node = parent._node
    new = step.read(node)
    if node.needs_grad and child._loose:
        new = unconnected(detach(new))
    _hold(child, _own(new, node), storage)
    return child


def detached(child: Tensor, tensor: Tensor) -> Tensor:
    """Make `child` another whole with the memory of `tensor`, which is one, and no gradients."""
    storage = storage_of(tensor)
    node = tensor._node
    child._storage = storage
    storage.viewed = storage.several = True
    storage.add(child)
    if tensor._order is not None:
        child._order = tensor._order
    if node.value is None or CURRENT.recording is not None:
        new = Node(detach_p, (node,), (), (node.shape, node.dtype), False, MODE.origin or here())
        node.used = True
    else:
        new = leaf(node.shape, node.dtype)
        new.value = node.value
        new.value.shared = True
    _hold(child, new, storage)
    return child


def share(tensor: Tensor, source: Tensor) -> None:
    """Let `tensor`, which has the value of `source`, have its memory too, as long as that lives."""
    if source._base is not None:
        source = source.detach()
        storage = storage_of(source)
        tensor._base, tensor._step, tensor._leaf_view = source._base, source._step, True
        tensor._storage, tensor._stamp = storage, storage.stamp
        _hold(tensor, tensor._held, storage)
        return
    storage = tensor._storage = storage_of(source)
    storage.several = True
    storage.add(tensor)
    _hold(tensor, tensor._held, storage)
    mine = weakref.ref(tensor)

    def alone(_: Any) -> None:
        t = mine()
        if t is not None and t._storage is storage and not storage.viewed and storage.array is None:
            node = current(t)
            t._storage = None
            t._writes = storage.writes
            node.home = None

    tensor._shared_with = weakref.ref(source, alone)


def current(tensor: Tensor) -> Node:
    """The node of a tensor in a storage: its value at this moment."""
    storage = tensor._storage
    assert storage is not None
    recording = CURRENT.recording
    if storage.array is not None and storage.exposed():
        return _copied(tensor, storage)
    node = tensor._held
    if tensor._loose and _turned(tensor, storage):
        return _taken(tensor, storage)
    if tensor._seen == storage.version and (
        recording is None or tensor._base is None or tensor._leaf_view or node.op is not leaf_p
    ):
        return node
    return _taken(tensor, storage)


def _turned(tensor: Tensor, storage: Storage) -> bool:
    """Whether a loose view has to take its value anew, since its root got or lost gradients."""
    root = tensor._root
    assert root is not None
    wanted = root.requires_grad
    if wanted and tensor._step_grad and tensor._since != storage.writes:
        base = base_of(tensor)
        if base is root or (root._base is None and root._storage is storage):
            tensor._base, tensor._stamp, tensor._loose = root, storage.stamp, False
            return True
    return wanted is not tensor._held.needs_grad


def _hold(tensor: Tensor, node: Node, storage: Storage) -> Node:
    recording = CURRENT.recording
    if recording is not None and "_held" in tensor.__dict__ and recording.was_there(tensor):
        recording.there.add(id(tensor))
        recording.keep.append(tensor)
    node.owner = weakref.ref(tensor)
    node.home = (storage, storage.writes)
    tensor._held = node
    tensor._seen = storage.version
    return node


def _own(node: Node, other: Node) -> Node:
    """`node` as one of its own, if it is `other` or somebody holds it."""
    return alias(node) if node is other or node.owner is not None else node


def _taken(tensor: Tensor, storage: Storage) -> Node:
    """The value of a tensor whose memory was written to."""
    base, step = base_of(tensor), tensor._step
    if base is None or step is None:
        return _taken_whole(tensor, storage)
    above = base._node
    if tensor._leaf_view:
        node = _hold(tensor, _replaced(tensor, step.read(detach(above))), storage)
        if node.value is None:
            tensor._await()
        return node
    if tensor._loose:
        above = detach(above)
        if tensor.requires_grad:
            node = unconnected(step.read(above))
            tensor._await()
            return node if _of_earlier(tensor, storage) else _hold(tensor, node, storage)
    if CURRENT.recording is None and above.value is not None and not above.needs_grad:
        node = _fresh(tensor)
        node.value = looking(above.value, step.look(above.value.array))
        return _hold(tensor, node, storage)
    before = MODE.grad
    MODE.grad = tensor._step_grad
    try:
        node = _own(step.read(above), above)
    finally:
        MODE.grad = before
    return node if _of_earlier(tensor, storage) else _hold(tensor, node, storage)


def _of_earlier(tensor: Tensor, storage: Storage) -> bool:
    """Whether what a tensor holds belongs to the time before the recording."""
    return CURRENT.recording is not None and tensor._seen == storage.version


def _taken_whole(tensor: Tensor, storage: Storage) -> Node:
    node = storage.node
    assert node is not None
    recording = CURRENT.recording
    if recording is None and not storage.viewed and len(storage.wholes) == 1:
        # Memory that came from outside, and nobody else's any more: a tensor like any other.
        tensor._storage, tensor._writes = None, storage.writes
        tensor._held = node = _replaced(tensor, node)
        node.owner = weakref.ref(tensor)
        if node.value is None:
            evaluate([node])
        return node
    if recording is None or storage in recording.written:
        node = _hold(tensor, _replaced(tensor, detach(node)), storage)
        if node.value is None:
            tensor._await()
        return node
    # What was written before the recording is an input of the program.
    if recording.was_there(tensor):
        recording.there.add(id(tensor))
        recording.keep.append(tensor)
    with paused():
        node = _hold(tensor, _replaced(tensor, detach(node)), storage)
        evaluate([node])
    return node


def _fresh(tensor: Tensor) -> Node:
    """A leaf without a value and gradients, for `tensor`: the one it holds, if that is one."""
    held = tensor._held
    if held.op is leaf_p and held.value is None and not held.needs_grad:
        return held
    return _valueless(held)


def _valueless(node: Node) -> Node:
    """A leaf like `node` that says what a tensor looks like, and has no value."""
    spec = (node.shape, node.dtype)
    return Node(leaf_p, (), spec, spec, False, node.origin)


def _replaced(tensor: Tensor, value: Node) -> Node:
    """`value` with what `tensor` has of gradients."""
    held = tensor._held
    if tensor._is_gradient_leaf():
        return variable(value)
    if held.needs_grad:
        return regraft(value, held)
    return alias(value)


# Memory that NumPy can see -----------------------------------------------------------------------


def _copied(tensor: Tensor, storage: Storage) -> Node:
    """The value that memory shows at this moment; the one of last time if it is still the same."""
    recording = CURRENT.recording
    if recording is not None:
        return _read_by_program(tensor, storage)
    turned = tensor._loose and _turned(tensor, storage)
    base = base_of(tensor)
    own = tensor._leaf_view or tensor._loose
    if base is not None and base.requires_grad and not own:
        current(base)
        held = tensor._seen == storage.version and not turned
        return tensor._held if held else _taken(tensor, storage)
    array = seen(tensor, storage)
    held = tensor._held
    if held.value is None or turned or not _same_bits(held.value.array, array):
        if tensor._seen == storage.version:
            storage.version += 1  # written to from outside: views of a whole have to look again
        order = tensor._order_for(array.ndim)
        copied = array.copy("C" if order is None else "K")
        held = _with_gradient(tensor, arranged(Buffer(copied, order=order), order))
    return _hold(tensor, held, storage)


def _read_by_program(tensor: Tensor, storage: Storage) -> Node:
    """In a recording: a leaf over the memory itself, which the program reads at each replay.

    It is written to when the replay is done: what was changed in the recording is found with the
    tensor.
    """
    recording = CURRENT.recording
    assert recording is not None
    if storage in recording.written:
        return tensor._held if tensor._seen == storage.version else _taken(tensor, storage)
    node = recording.windows.get(id(tensor))
    if node is None:
        array = seen(tensor, storage)
        node = _with_gradient(tensor, Buffer(array, order=tensor._order_for(array.ndim)))
        recording.windows[id(tensor)] = node
        recording.keep.append(tensor)
    return node


def _with_gradient(tensor: Tensor, buffer: Buffer) -> Node:
    array = buffer.array
    held = tensor._held
    leaf_of_gradients = tensor._is_gradient_leaf()
    node = leaf(array.shape, from_numpy_dtype(array.dtype), leaf_of_gradients)
    node.value = buffer
    if tensor._loose:
        node = unconnected(node) if tensor.requires_grad else node
    elif held.needs_grad and not leaf_of_gradients:
        node = regraft(node, held)
    node.owner = weakref.ref(tensor)
    return node


def seen(tensor: Tensor, storage: Storage) -> np.ndarray[Any, Any]:
    """The part of the memory that `tensor` shows."""
    base = base_of(tensor)
    if base is None or tensor._step is None:
        assert storage.array is not None
        return storage.array
    return tensor._step.look(seen(base, storage))


def _same_bits(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    bits = _BITS[a.itemsize]
    return bool(np.array_equal(a.view(bits), b.view(bits)))


_BITS = {1: np.uint8, 4: np.uint32, 8: np.uint64}


def glance(tensor: Tensor) -> np.ndarray[Any, Any] | None:
    """The values of a tensor in a storage, if they can be seen without making a node."""
    storage = tensor._storage
    assert storage is not None
    if storage.array is not None and storage.exposed():
        return seen(tensor, storage)
    base, step = base_of(tensor), tensor._step
    if base is None or step is None or tensor._seen == storage.version:
        return None
    above = base._node
    return None if above.value is None else step.look(above.value.array)


@contextmanager
def read_at_once(tensor: Tensor) -> Generator[tuple[Node, list[Node]]]:
    """The node of a tensor to pick a few elements of, and a list for the results.

    Of memory that others may write to, the results are computed before anybody can: all of it
    would have to be copied else.
    """
    storage = tensor._storage
    results: list[Node] = []
    open_ = storage is not None and CURRENT.recording is None and storage.exposed()
    if storage is None or not open_ or tensor.requires_grad:
        yield tensor._node, results
        return
    node = leaf(tensor.shape, tensor.dtype)
    node.value = Buffer(seen(tensor, storage))
    yield node, results
    evaluate(results)


def adopt(tensor: Tensor, array: np.ndarray[Any, Any]) -> None:
    """Let `tensor` have the memory of an array that came from outside."""
    storage = storage_of(tensor)
    storage.array = array
    storage.version += 1
    tensor._held = _valueless(tensor._held)


def export(tensor: Tensor) -> np.ndarray[Any, Any]:
    """The values as an array that shares memory with `tensor`, both ways."""
    base = base_of(tensor)
    if base is not None:
        assert tensor._step is not None
        return tensor._step.look(export(base))
    storage = storage_of(tensor)
    storage.viewed = True
    if storage.array is not None and storage.exposed():
        return storage.array if storage.given is None else _again(storage)
    node = tensor._node
    if node.value is None:
        tensor._value("numpy()")
        node = tensor._node
    buffer: Buffer = node.value
    array = buffer.array
    mine = buffer.private and not (node.used or node.needs_grad)
    if not mine or not array.flags.writeable or buffer.layout is not None:
        array = array.copy("K" if buffer.layout is None else "C")
    else:
        # The memory is not the node's own any more.
        tensor._held = _valueless(node)
    # All of NumPy's views of the array that is handed out keep it alive: its base is no array.
    given = np.asarray(memoryview(array))  # pyright: ignore[reportArgumentType]
    storage.array = array
    storage.order = buffer.order
    storage.given = weakref.ref(given)
    storage.version += 1
    return given


def _again(storage: Storage) -> np.ndarray[Any, Any]:
    assert storage.given is not None
    given = storage.given()
    assert given is not None
    return given


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
