"""Changes in place, made functional: a tensor gets a new node, and what shares its memory sees it.

Nodes never change. A write computes the new value of the whole as a graph and binds the tensor that
is the whole to it; what else looks at the memory takes its value anew when it is asked for it
(`storage`). Memory that NumPy can see is written for real.
"""

from __future__ import annotations

import weakref
from typing import Any, TypeVar

import numpy as np

from zincir.errors import ArgumentError, DTypeError, GradientError, explain
from zincir.evaluate import evaluate
from zincir.graph.node import MODE, Node, Origin, describe, grad_mode, here, user_line
from zincir.half import array_in
from zincir.operations.arithmetic import cast
from zincir.operations.layout import fitted
from zincir.operations.movement import attached, sum_to
from zincir.operations.numbers import fit
from zincir.operations.source import (
    alias,
    const_p,
    custom,
    detach,
    leaf,
    leaf_p,
    unconnected_p,
    variable,
    variable_like,
    variable_p,
    with_gradient_of,
)
from zincir.pending import wait_for
from zincir.recording import (
    CURRENT,
    changed_setting,
    note_change,
    note_read,
    note_state,
    refuse_replay,
)
from zincir.runtime.buffer import Buffer, arranged
from zincir.shared_value import current, detached, glance
from zincir.storage import path, replace, seen, storage_of, whole_of
from zincir.tensor_base import Storage, TensorBase, base_of
from zincir.views import ViewOp, is_one_number, repeated

T = TypeVar("T", bound=TensorBase)


def is_leaf(tensor: TensorBase) -> bool:
    """Whether gradients are collected here, or nowhere."""
    node = current(tensor)
    return not node.needs_grad or node.op in (leaf_p, variable_p, unconnected_p)


def grad_fn(tensor: TensorBase) -> str | None:
    """The name of the operation a gradient passes through next; None for leaves."""
    return None if is_leaf(tensor) else f"<{current(tensor).op.name}>"


def write(tensor: T, value: Node, what: str, *, convert: bool = False) -> T:
    """Give `tensor` the value of a node that broadcasts to its shape; returns it.

    Args:
        what: the operation, for messages.
        convert: whether any type is taken (`copy_`), or only one that fits (arithmetic).

    Raises:
        DTypeError: the result is, say, floating and the tensor is not.
        ShapeError: the result has more elements.
        GradientError: the tensor is a leaf that requires grad.
    """
    refuse_leaf(tensor, what)
    old = tensor._held
    if value.dtype is not old.dtype:
        if value.dtype.category > old.dtype.category and not convert:
            raise DTypeError(
                explain(
                    f"{what}: result type {value.dtype.name} can't be cast to {old.dtype.name}",
                    where=user_line(),
                    try_="an operation that makes a new tensor, such as x = x + y",
                )
            )
        value = cast(value, old.dtype)
    if value.shape != old.shape:
        value = fitted(value, old.shape, f"{what}: the result does not fit into the tensor")
    rebind(tensor, value)
    return tensor


def rebind(tensor: TensorBase, value: Node, *, by_view: bool = False) -> None:
    """Bind `tensor`, and whatever shares its memory, to a new value of the same shape.

    Args:
        by_view: whether a view of it was written to.
    """
    dense(tensor, "a change in place")
    storage = tensor._storage
    origin = MODE.origin or here()
    if storage is None:
        note_change(tensor)
        _bind(tensor, value, origin)
        tensor._writes += 1
        return
    base = base_of(tensor)
    if base is None:
        _refuse_repeated(storage, value)
        _note_written(tensor, storage)
        _bind(tensor, value, origin, by_view)
        _written(tensor, storage, origin)
        return
    assert tensor._step is not None
    learns = tensor._leaf_view and (not is_leaf(tensor) or (value.needs_grad and MODE.grad))
    if learns:  # gradients of its own, which what it shares memory with has no part in
        _bind(tensor, value, origin)
    if tensor._leaf_view:
        value = detach(value)
    rebind(base, tensor._step.write(current(base), value), by_view=True)
    if learns:
        tensor._seen, tensor._held.home = storage.version, (storage, storage.writes)
    if tensor._loose and value.needs_grad:
        current(tensor)  # keeps its gradients, should the base lose them


def _refuse_repeated(storage: Storage, value: Node) -> None:
    """Raise if memory is to be written where several elements are one, unless all get one number.

    Memory that cannot be written is given up instead.
    """
    array = storage.array
    if array is None or not array.flags.writeable or is_one_number(value):
        return
    if _repeats(array):
        raise repeated(f"an array of {array.shape} with strides {array.strides}")


def _repeats(array: np.ndarray[Any, Any]) -> bool:
    """Whether several elements of an array are one in memory."""
    return any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True))


def _note_written(whole: TensorBase, storage: Storage) -> None:
    """In a recording, memory is written to through one tensor that was there before."""
    recording = CURRENT.recording
    if recording is None or storage in recording.written:
        return
    wholes = [t for t in (whole, *storage.alive()) if id(t) not in recording.reassigned]
    whole = next(filter(recording.was_there, wholes), whole)
    note_change(whole)


def _bind(tensor: TensorBase, value: Node, origin: Origin, by_view: bool = False) -> None:
    old = current(tensor)
    if not MODE.grad:
        value = detach(value)
        if old.needs_grad:
            value = (
                variable(value) if is_leaf(tensor) else with_gradient_of(value, old, always=True)
            )
    elif old.needs_grad and not _comes_from(value, old):
        # Overwritten whole: still part of the graph, with a gradient of zero.
        value = attached(value, old, by_view)
    if value is old or value.owner is not None or value.op is const_p:
        value = alias(value)  # of a constant too: what a tensor holds may be written over
    old.superseded = origin
    value.owner = weakref.ref(tensor)
    tensor._held = value
    if value.value is None:
        wait_for(tensor)


def _comes_from(value: Node, old: Node) -> bool:
    """Whether gradients of `value` pass through `old`."""
    if not value.needs_grad:  # computed of it, perhaps, and then detached, compared, or counted
        return False
    stack, seen = [value], {value}
    while stack:
        node = stack.pop()
        if node is old:
            return True
        for x in node.inputs:
            if x.needs_grad and x.serial >= old.serial and x not in seen:
                seen.add(x)
                stack.append(x)
    return False


def _written(whole: TensorBase, storage: Storage, origin: Origin) -> None:
    """Let everything that shares the memory know that `whole` has a new value."""
    node = whole._held
    storage.version += 1
    storage.writes += 1
    if not whole._unnoticed:
        storage.noticed = storage.writes
    storage.written_at = origin
    whole._seen = storage.version
    node.home = (storage, storage.writes)
    if storage.several:
        storage.node = detach(node)
    if CURRENT.recording is not None:
        if storage.array is not None and storage not in CURRENT.recording.written:
            note_read(storage.array, storage)  # other tensors may have written there, too
        CURRENT.recording.written.add(storage)
    elif storage.array is not None and storage.exposed():
        _write_memory(whole, storage)


def _write_memory(whole: TensorBase, storage: Storage) -> None:
    array = storage.array
    assert array is not None
    node = whole._held
    if not array.flags.writeable:
        storage.array = storage.given = None
        return
    evaluate([node])
    np.copyto(array, node.value.array)


def wrote_memory(whole: TensorBase) -> None:
    """Let everything that shares the memory of `whole` see what a program has written there."""
    storage = whole._storage
    if storage is None:
        whole._writes += 1
        return
    storage.version += 1
    storage.writes += 1
    storage.noticed = storage.writes
    storage.written_at = MODE.origin or here()
    whole._seen = storage.version
    whole._held.home = (storage, storage.writes)
    if storage.several:
        storage.node = whole._held


def refuse_leaf(tensor: TensorBase, what: str) -> None:
    """Raise where PyTorch does: a leaf that collects gradients cannot change unseen."""
    if not (MODE.grad and tensor.requires_grad):
        return
    kind = "a leaf Variable"
    found = is_leaf(tensor)
    base = base_of(tensor)
    if not found and base is not None and not tensor._leaf_view:
        kind = "a view of a leaf Variable"
        found = base.requires_grad and is_leaf(base)
    if found:
        raise GradientError(
            explain(
                f"{what}: {kind} that requires grad is being used in an in-place operation",
                where=user_line(),
                try_="do it inside `with zincir.no_grad():`, or on x.data or x.clone()",
            )
        )


def dense(tensor: T, what: str) -> T:
    """The same tensor; a sparse one is refused, of which indices and values would not know."""
    if tensor._coo is not None:
        raise ArgumentError(
            explain(
                f"{what}: a sparse tensor stays as it was made",
                where=user_line(),
                try_="x.to_dense(), or a new sparse tensor of x._indices() and other values",
            )
        )
    return tensor


def unnoticed(tensor: T) -> T:
    """The tensor itself, whose changes gradients do not notice: what `.data` gives."""
    seen: TensorBase | None = tensor
    while seen is not None:
        seen._unnoticed = True
        seen = seen._base
    return tensor


def set_data(tensor: TensorBase, value: TensorBase) -> None:
    """Let `tensor` have the memory of `value`, with the gradients it has."""
    if CURRENT.recording is not None and _set_in_recording(tensor, value):
        return
    dense(tensor, "x.data = value")
    changed_setting()
    note_state(tensor)
    if CURRENT.recording is not None:
        storage_of(tensor)  # by which it is known afterwards
        CURRENT.recording.reassigned.setdefault(id(tensor), (tensor, dict(tensor.__dict__)))
    kept = current(tensor)
    trained = kept.needs_grad and is_leaf(tensor)
    source = detached(value._blank(), value)
    node = current(source)
    if kept.needs_grad and node.dtype.category < 2:
        raise GradientError(
            explain(
                "x.data = value: x requires grad, and value is not floating",
                where=user_line(),
                got=node.dtype.name,
                try_="value.float()",
            )
        )
    if kept.needs_grad and not trained:
        same = kept.shape == node.shape and kept.dtype is node.dtype
        node = (
            with_gradient_of(node, kept, always=True)
            if same
            else custom(node, (kept,), _OtherForm())
        )
    else:
        node = variable(node) if trained else alias(node)
    if tensor._base is None:
        replace(tensor)
    storage = storage_of(source)
    tensor._storage, tensor._base, tensor._step = storage, source._base, source._step
    tensor._stamp, tensor._step_grad = storage.stamp, True
    tensor._root, tensor._loose = None, False
    tensor._leaf_view = source._base is not None and kept.needs_grad
    storage.several = True
    if source._base is None:
        storage.add(tensor)
    node.owner = weakref.ref(tensor)
    node.home = (storage, storage.writes)
    tensor._held, tensor._seen = node, storage.version
    wait_for(tensor)


def take_over(tensor: TensorBase, value: TensorBase) -> None:
    """Let `tensor` become `value`, which nobody else holds: another shape, in new memory."""
    set_data(tensor, value)
    assert tensor._storage is not None
    tensor._storage.viewed = False  # by nobody who is still there


class _OtherForm:
    """The gradient of a tensor that got values of another shape or type (`x.data = ...`)."""

    def backward(self, g: Node, y: Node, inputs: tuple[Node, ...]) -> tuple[Node]:
        """What it was computed from gets what broadcasts to the new shape, summed.

        Raises:
            GradientError: there is no such thing.
        """
        shape, dtype = inputs[0].shape, inputs[0].dtype
        pairs = zip(reversed(shape), reversed(g.shape), strict=False)
        if len(shape) > len(g.shape) or any(n not in (1, m) for n, m in pairs):
            raise GradientError(
                explain(
                    "backward: a gradient does not fit what was computed before `x.data = ...`",
                    where=describe(y.origin),
                    expected=f"a shape that {shape} broadcasts to",
                    got=str(g.shape),
                    try_="x = value",
                )
            )
        return (sum_to(cast(g, dtype), shape),)


def _set_in_recording(tensor: TensorBase, value: TensorBase) -> bool:
    """What is assigned belongs to nobody else as a rule: then it is a change in place."""
    recording = CURRENT.recording
    assert recording is not None
    same = value.shape == tensor.shape and value.dtype is tensor.dtype
    new = value._held.serial > recording.began and value._storage is None
    if not (same and new) or tensor._storage is not None or id(tensor) in recording.given:
        recording.refuse("`.data` is assigned a tensor of another form, or one that is shared")
        return False
    with grad_mode(False):
        rebind(tensor, current(value))
    recording.assigned.append((id(tensor), weakref.ref(value)))
    return True


def turned(tensor: TensorBase, requires_grad: bool) -> None:
    """Make `tensor` a leaf that collects gradients, or one that does not."""
    dense(tensor, "requires_grad_")
    node = current(tensor)
    changed_setting()
    note_state(tensor)
    replace(tensor)
    if tensor._base is not None:
        tensor._leaf_view, tensor._loose = True, False
    if requires_grad and node.value is None:
        new = variable(detach(node))
    elif node.value is None:
        new = alias(detach(node))
    else:
        new = leaf(node.shape, node.dtype, requires_grad)
        new.value = node.value
        new.value.shared = True
    new.owner = weakref.ref(tensor)
    new.home, new.superseded = node.home, node.superseded
    if CURRENT.recording is not None:
        CURRENT.recording.note_flag(tensor, node)
        CURRENT.recording.read_as(tensor, new)
    tensor._held = new
    if new.value is None:
        wait_for(tensor)


def cut(tensor: T) -> T:
    """Make `tensor` a leaf without gradients; returns it."""
    if tensor._root is not None:
        raise GradientError(
            explain(
                "detach_: views cannot be detached in place",
                where=user_line(),
                try_="x.detach()",
            )
        )
    node = current(tensor)
    if not tensor.requires_grad:
        return tensor
    refuse_replay("it detaches a tensor in place")
    changed_setting()
    note_state(tensor)
    replace(tensor)
    new = variable_like(node, False)
    new.owner = weakref.ref(tensor)
    new.home, new.superseded = node.home, node.superseded
    if CURRENT.recording is not None:
        CURRENT.recording.read_as(tensor, new)
    tensor._held = new
    wait_for(tensor)
    return tensor


def write_now(tensor: TensorBase, step: ViewOp, value: Any) -> bool:
    """Write a known value into a known part of a tensor at once, if that is what PyTorch does.

    Loops that fill a tensor piece by piece would make a graph of as many updates otherwise, and
    another program for each place.
    """
    if CURRENT.recording is not None or tensor.requires_grad:
        return False
    found = _known_value(value, tensor)
    if found is None or not _fits(np.shape(found), step.size(tensor._held.shape)):
        return False
    array = memory_of(tensor)
    if array is None:
        return False
    target = step.look(array)
    if _repeats(target):
        return False
    target[...] = found
    wrote_memory(whole_of(tensor))
    return True


def _known_value(value: Any, tensor: TensorBase) -> Any:
    """What is assigned, in the type of `tensor`; None if it is not known, or takes a conversion."""
    dtype = tensor._held.dtype
    if type(value) is float or type(value) is int or type(value) is bool:
        known = fit(dtype, value, "x[...] = value")
        return array_in(known, dtype) if dtype.half else known
    if not hasattr(value, "_held"):
        return None
    if value._held.dtype is not dtype or (MODE.grad and value.requires_grad):
        return None
    if value._storage is not None:
        if value._storage is tensor._storage:
            return None
        array = glance(value)
        if array is not None:
            return array
    node = current(value)
    return None if node.value is None else node.value.array


def _fits(shape: tuple[int, ...], into: tuple[int, ...]) -> bool:
    if len(shape) > len(into):
        return False
    return all(n in (1, m) for n, m in zip(reversed(shape), reversed(into), strict=False))


def memory_of(tensor: TensorBase) -> np.ndarray[Any, Any] | None:
    """The memory of a tensor whose value is known, which nobody else reads, if there is such."""
    storage = tensor._storage
    if storage is not None and storage.array is not None and storage.exposed():
        array = seen(tensor, storage)
        return array if array.flags.writeable else None
    whole = whole_of(tensor)
    node = current(whole)
    if node.value is None or node.needs_grad:
        return None
    buffer: Buffer = node.value
    if node.used or not buffer.private or not buffer.array.flags.writeable:
        new = leaf(node.shape, node.dtype, origin=node.origin)
        new.value = arranged(Buffer(buffer.array.copy("K")), buffer.order)
        new.owner, new.home = node.owner, node.home
        node.superseded = MODE.origin or here()
        whole._held = node = new
    array = node.value.array
    for above in reversed(path(tensor)):
        array = above.look(array)
    return array


def write_through(storage: Storage) -> None:
    """Write to memory that NumPy sees what was bound to it in a recording that is to stand."""
    if storage.array is None:
        return
    last = [t for t in storage.alive() if t._seen == storage.version]
    node = last[0]._held if last else storage.node
    assert node is not None
    if storage.open() and storage.array.flags.writeable:
        evaluate([node])
        np.copyto(storage.array, node.value.array)
    else:
        storage.close(detach(node))
