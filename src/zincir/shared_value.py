"""The value, at this moment, of a tensor that shares its memory.

Nobody is told of a write: it only raises the version of the storage, and a tensor that has seen an
older one takes its value anew when it is next asked for it (`current`). Memory that NumPy can see
(`Storage.array`) may change at any moment. Graphs never look at it: what they read is a copy of the
moment at which they were made.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from zincir.errors import DTypeError, GradientError, explain
from zincir.evaluate import evaluate
from zincir.graph.node import MODE, Node, grad_mode, here, user_line
from zincir.operations.source import (
    alias,
    detach,
    detach_p,
    given_up_p,
    leaf,
    leaf_p,
    unconnected,
    unconnected_p,
    variable,
    with_gradient_of,
    with_gradient_of_p,
)
from zincir.pending import evaluate_with, wait_for
from zincir.recording import CURRENT, Recording, note_done, note_read, paused, refuse_to_look
from zincir.runtime.buffer import Buffer, arranged, looking
from zincir.storage import path, seen, storage_of, whole_of
from zincir.tensor_base import Storage, TensorBase, base_of
from zincir.types import bfloat16, from_numpy_dtype
from zincir.views import ViewOp, after

T = TypeVar("T", bound=TensorBase)


def look_at(child: T, parent: TensorBase, step: ViewOp) -> T:
    """Make `child` show the memory of `parent` through `step`."""
    storage = storage_of(parent)
    storage.viewed = True
    # What has gradients of its own, or may come to have some, is what they arrive at.
    base = None if parent._leaf_view or parent._root is None else base_of(parent)
    child._storage, child._stamp, child._seen = storage, storage.stamp, -1
    child._base = shown = parent if base is None else base
    shown._viewed = True
    child._step = step if base is None else after(parent._step, step)
    child._step_grad = MODE.grad and parent._step_grad
    child._root = parent if parent._leaf_view or parent._root is None else parent._root
    if not (MODE.grad and parent.requires_grad):
        child._loose, child._since = True, storage.writes
    if not parent.requires_grad and CURRENT.recording is None:
        # Its value is taken when somebody asks for it.
        held = parent._held
        spec = (step.size(held.shape), step.kind(held.dtype))
        child._held = Node(leaf_p, (), spec, spec, False, held.origin)
        child._held.owner = weakref.ref(child)
        return child
    # What passes through a view of a view passes through both, as long as nothing is written.
    node = current(parent)
    new = step.read(node)
    if node.needs_grad and child._loose:
        new = unconnected(detach(new))
    elif node.needs_grad:
        child._read_from = weakref.ref(node) if base is None else parent._read_from
    _hold(child, _own(new, node), storage)
    return child


def detached(child: T, tensor: TensorBase) -> T:
    """Make `child` show the memory of `tensor`, without gradients."""
    new = _another_whole(child, whole_of(tensor))
    wait_for(new)
    with grad_mode(True):  # what is written to it may have gradients
        for step in reversed(path(tensor)):
            new = look_at(object.__new__(type(child)), new, step)
    new._root, new._loose = None, False
    return new


def _another_whole(child: T, tensor: TensorBase) -> T:
    """Make `child` another whole with the memory of `tensor`, which is one, and no gradients."""
    node = current(tensor)  # first: it may be the moment when the memory becomes private
    storage = storage_of(tensor)
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


def share(tensor: TensorBase, source: TensorBase) -> None:
    """Let `tensor`, which has the value of `source`, have its memory too, as long as that lives."""
    if source._base is not None:
        source = detached(source._blank(), source)
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


def current(tensor: TensorBase) -> Node:
    """The node of a tensor: its value at this moment."""
    storage = tensor._storage
    if storage is None:
        return tensor._held
    recording = CURRENT.recording
    if storage.array is not None and storage.exposed():
        return _copied(tensor, storage)
    node = tensor._held
    if tensor._loose and _turned(tensor, storage):
        return _taken(tensor, storage)
    if tensor._seen == storage.version and not (recording and _is_plain_view(tensor, recording)):
        return node  # but in a recording, what a view showed before is read from its base
    return _taken(tensor, storage)


def is_overtaken(view: TensorBase, storage: Storage) -> bool:
    """Whether memory was written to since a view was made, as far as its root notices that."""
    unnoticed = whole_of(view)._unnoticed
    return view._since < (storage.writes if unnoticed else storage.noticed)


def _is_plain_view(tensor: TensorBase, recording: Recording) -> bool:
    """Whether it is a view whose value is older than the recording, and without gradients.

    A view with gradients keeps its node: hooks are there, and gradients are asked for by it.
    """
    held = tensor._held
    plain = tensor._base is not None and not tensor._leaf_view and not held.needs_grad
    return plain and (held.value is not None or recording.was_there(tensor))


def _turned(tensor: TensorBase, storage: Storage) -> bool:
    """Whether a loose view has to take its value anew, since its root got or lost gradients."""
    root = tensor._root
    assert root is not None
    wanted = root.requires_grad
    if wanted and tensor._step_grad and is_overtaken(tensor, storage):
        base = base_of(tensor)
        if base is root or root._storage is storage:
            _note_held(tensor)
            if base is not None and base._root is root:  # what had taken the place of the root
                tensor._base, tensor._stamp = root, storage.stamp
            tensor._loose = False
            return True
    return wanted is not tensor._held.needs_grad


def _hold(tensor: TensorBase, node: Node, storage: Storage) -> Node:
    recording = CURRENT.recording
    if recording is not None and "_held" in tensor.__dict__ and recording.was_there(tensor):
        recording.there.add(id(tensor))
        recording.keep.append(tensor)
        _note_held(tensor)
    node.owner = weakref.ref(tensor)
    node.home = (storage, storage.writes)
    tensor._held = node
    tensor._seen = storage.version
    return node


def _note_held(tensor: TensorBase) -> None:
    """Note what a view holds before that changes, in case that the recording is taken back.

    What wholes had is noted where they are written to.
    """
    if tensor._base is None:
        return
    names = ("_held", "_seen", "_read_from", "_base", "_stamp", "_loose")
    note_done(functools.partial(tensor.__dict__.update, {n: getattr(tensor, n) for n in names}))


def _own(node: Node, other: Node) -> Node:
    """`node` as one of its own, if it is `other` or somebody holds it."""
    return alias(node) if node is other or node.owner is not None else node


def _taken(tensor: TensorBase, storage: Storage) -> Node:
    """The value of a tensor whose memory was written to."""
    if CURRENT.recording is not None:
        _note_held(tensor)
    base, step = base_of(tensor), tensor._step
    if base is None or step is None:
        return _taken_whole(tensor, storage)
    above = current(base)
    if tensor._leaf_view:
        node = _hold(tensor, _replaced(tensor, step.read(detach(above))), storage)
        if node.value is None:
            wait_for(tensor)
        return node
    if tensor._loose:
        above = detach(above)
        if tensor.requires_grad:
            node = unconnected(step.read(above))
            wait_for(tensor)
            return node if _of_earlier(tensor, storage) else _hold(tensor, node, storage)
    if CURRENT.recording is None and above.value is not None and not above.needs_grad:
        node = _fresh(tensor)
        node.value = looking(above.value, step.look(above.value.array))
        return _hold(tensor, node, storage)
    same = tensor._read_from is not None and tensor._read_from() is above
    known = tensor._held.value is not None and CURRENT.recording is not None
    if same and tensor._held.needs_grad and not known:
        return _hold(tensor, tensor._held, storage)  # nothing was written, but to the memory
    if _is_cut_off(tensor, storage):
        with grad_mode(True):
            return _hold(tensor, alias(unconnected(step.read(detach(above)))), storage)
    with grad_mode(tensor._step_grad):
        node = _own(step.read(above), above)
    tensor._read_from = weakref.ref(above) if node.needs_grad else None
    return node if _of_earlier(tensor, storage) else _hold(tensor, node, storage)


def _is_cut_off(view: TensorBase, storage: Storage) -> bool:
    """Whether a view has gradients, its root has none any more, and was written to since then."""
    root, held = view._root, view._held
    if view._loose or root is None or root._storage is not storage:
        return False
    if root.requires_grad or not held.needs_grad:
        return False
    return held.home is not None and held.home[1] != storage.writes


def _of_earlier(tensor: TensorBase, storage: Storage) -> bool:
    """Whether what a tensor holds belongs to the time before the recording."""
    return CURRENT.recording is not None and tensor._seen == storage.version


def _taken_whole(tensor: TensorBase, storage: Storage) -> Node:
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
            wait_for(tensor)
        return node
    # What was written before the recording is an input of the program.
    if recording.was_there(tensor):
        recording.there.add(id(tensor))
        recording.keep.append(tensor)
    with paused():
        node = _hold(tensor, _replaced(tensor, detach(node)), storage)
        evaluate([node])
    return node


def _fresh(tensor: TensorBase) -> Node:
    """A leaf without a value and gradients, for `tensor`: the one it holds, if that is one."""
    held = tensor._held
    if held.op is leaf_p and held.value is None and not held.needs_grad:
        return held
    return _valueless(held)


def _valueless(node: Node) -> Node:
    """A leaf like `node` that says what a tensor looks like, and has no value."""
    spec = (node.shape, node.dtype)
    return Node(leaf_p, (), spec, spec, False, node.origin)


def _replaced(tensor: TensorBase, value: Node) -> Node:
    """`value` with what `tensor` has of gradients."""
    held = tensor._held
    if tensor._is_gradient_leaf():
        return variable(value)
    if held.needs_grad:
        return with_gradient_of(value, held, always=True)
    return alias(value)


# Memory that NumPy can see -----------------------------------------------------------------------


def _copied(tensor: TensorBase, storage: Storage) -> Node:
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
    value = _value_of(held)
    if value is None or turned or not _same_bits(value.array, array):
        if tensor._seen == storage.version:
            storage.version += 1  # written to from outside: views of a whole have to look again
        order = tensor._order_for(array.ndim)
        copied = array.copy("C" if order is None else "K")
        held = _with_gradient(tensor, arranged(Buffer(copied, order=order), order))
    return _hold(tensor, held, storage)


def _value_of(node: Node) -> Buffer | None:
    """The value that a node shows, if it is known."""
    while node.value is None and node.op in (with_gradient_of_p, unconnected_p):
        node = node.inputs[0]
    return node.value


def _read_by_program(tensor: TensorBase, storage: Storage) -> Node:
    """In a recording: a leaf over the memory itself, which the program reads at each replay.

    It is written to when the replay is done: what was changed in the recording is found with the
    tensor.
    """
    recording = CURRENT.recording
    assert recording is not None
    if storage in recording.written:
        turned = tensor._loose and _turned(tensor, storage)
        held = tensor._seen == storage.version and not turned
        return tensor._held if held else _taken(tensor, storage)
    assert storage.array is not None
    note_read(storage.array, storage)
    node = recording.windows.get(id(tensor))
    if node is None:
        array = seen(tensor, storage)
        node = _with_gradient(tensor, Buffer(array, order=tensor._order_for(array.ndim)))
        recording.windows[id(tensor)] = node
        recording.keep.append(tensor)
    return node


def _with_gradient(tensor: TensorBase, buffer: Buffer) -> Node:
    array = buffer.array
    held = tensor._held
    leaf_of_gradients = tensor._is_gradient_leaf()
    node = leaf(array.shape, from_numpy_dtype(array.dtype), leaf_of_gradients)
    node.value = buffer
    if tensor._loose:
        node = unconnected(node) if tensor.requires_grad else node
    elif held.needs_grad and not leaf_of_gradients:
        node = with_gradient_of(node, held, always=True)
    node.owner = weakref.ref(tensor)
    return node


def _same_bits(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    bits = _BITS[a.itemsize]
    return bool(np.array_equal(a.view(bits), b.view(bits)))


_BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64, 16: np.dtype("V16")}


def glance(tensor: TensorBase) -> np.ndarray[Any, Any] | None:
    """The values of a tensor in a storage, if they can be seen without making a node."""
    storage = tensor._storage
    assert storage is not None
    if storage.array is not None and storage.exposed():
        return seen(tensor, storage)
    base, step = base_of(tensor), tensor._step
    if base is None or step is None or tensor._seen == storage.version:
        return None
    above = current(base)
    return None if above.value is None else step.look(above.value.array)


def array_of(tensor: TensorBase, what: str) -> np.ndarray[Any, Any]:
    """The values of a tensor.

    Args:
        what: who looks at them, for the message if a function that is recorded may not.
    """
    refuse_to_look(what, tensor._held)
    if tensor._storage is not None:
        array = glance(tensor)
        if array is not None:
            return array
    node = current(tensor)
    if node.value is None:
        evaluate_with((node,))
    assert node.value is not None
    return node.value.array


@contextmanager
def read_at_once(tensor: TensorBase) -> Generator[tuple[Node, list[Node]]]:
    """The node of a tensor to pick a few elements of, and a list for the results.

    Of memory that others may write to, the results are computed before anybody can: all of it
    would have to be copied else.
    """
    storage = tensor._storage
    results: list[Node] = []
    open_ = storage is not None and CURRENT.recording is None and storage.exposed()
    if storage is None or not open_ or tensor.requires_grad:
        yield current(tensor), results
        return
    node = leaf(tensor.shape, tensor.dtype)
    node.value = Buffer(seen(tensor, storage))
    yield node, results
    evaluate(results)


def adopt(tensor: TensorBase, array: np.ndarray[Any, Any]) -> None:
    """Let `tensor` have the memory of an array that came from outside."""
    storage = storage_of(tensor)
    storage.array = array
    storage.version += 1
    tensor._held = _valueless(tensor._held)


def shown(tensor: TensorBase) -> np.ndarray[Any, Any]:
    """What `numpy()` gives: an array that shares the tensor's memory, both ways.

    Raises:
        GradientError: it requires a gradient, which would be lost.
        DTypeError: NumPy has no such type.
    """
    refuse_to_look("numpy()", tensor._held)
    if tensor.dtype is bfloat16:
        raise DTypeError(
            explain(
                "numpy(): got unsupported ScalarType BFloat16, a type that NumPy has not",
                where=user_line(),
                try_="x.float().numpy()",
            )
        )
    # A result of a compiled function, whose gradients have been taken, hides none.
    if tensor.requires_grad and tensor._held.op is not given_up_p:
        raise GradientError(
            explain(
                "Can't call numpy() on Tensor that requires grad",
                where=user_line(),
                try_="tensor.detach().numpy()",
            )
        )
    return export(tensor)


def as_array(tensor: TensorBase, dtype: Any, copy: bool | None) -> np.ndarray[Any, Any]:
    """What `numpy.asarray()` and `numpy.array()` take."""
    array = shown(tensor)
    if dtype is not None and array.dtype != dtype:
        return array.astype(dtype)
    return array.copy("K") if copy else array


def export(tensor: TensorBase) -> np.ndarray[Any, Any]:
    """The values as an array that shares memory with `tensor`, both ways."""
    base = base_of(tensor)
    if base is not None:
        assert tensor._step is not None
        return tensor._step.look(export(base))
    storage = storage_of(tensor)
    storage.viewed = True
    if storage.array is not None and storage.exposed():
        return storage.array if storage.given is None else _again(storage)
    node = current(tensor)
    if node.value is None:
        evaluate_with((node,))
        node = current(tensor)
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
