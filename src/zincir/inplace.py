"""Changes in place, made functional: a tensor gets a new node, and so do all views of it.

Nodes never change. A write computes the new value as a graph and binds the tensor to it; views
know their parent and the `Step` that made them, so a write goes up to the tensors they look at,
and from there down to every other view. Memory that NumPy can see is written for real.
"""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from zincir.errors import DTypeError, GradientError, ShapeError, explain
from zincir.evaluate import evaluate
from zincir.graph.node import MODE, Node, Origin, describe, here
from zincir.ops.arithmetic import cast, where
from zincir.ops.movement import expand
from zincir.ops.source import const, detach, graft, leaf, leaf_p, variable, variable_p
from zincir.recording import CURRENT, note_change
from zincir.runtime.buffer import Buffer
from zincir.types import Shape, bool_
from zincir.views import Step

if TYPE_CHECKING:
    from zincir.tensor import Tensor


def is_leaf(tensor: Tensor) -> bool:
    """Whether gradients are collected here, or nowhere."""
    node = tensor._node
    return not node.needs_grad or node.op is leaf_p or node.op is variable_p


def write(tensor: Tensor, value: Node, what: str, *, convert: bool = False) -> None:
    """Give `tensor` the value of a node that broadcasts to its shape.

    Args:
        what: the operation, for messages.
        convert: whether any type is taken (`copy_`), or only one that fits (arithmetic).

    Raises:
        DTypeError: the result is, say, floating and the tensor is not.
        ShapeError: the result has more elements.
        GradientError: the tensor is a leaf that requires grad.
    """
    refuse_leaf(tensor, what)
    old = tensor._node
    if value.dtype is not old.dtype:
        if value.dtype.category > old.dtype.category and not convert:
            raise DTypeError(
                explain(
                    f"{what}: result type {value.dtype.name} can't be cast to {old.dtype.name}",
                    where=describe(MODE.origin or here()),
                    try_="an operation that makes a new tensor, such as x = x + y",
                )
            )
        value = cast(value, old.dtype)
    if value.shape != old.shape:
        value = _spread(value, old, what)
    rebind(tensor, value)


def _spread(value: Node, old: Node, what: str) -> Node:
    try:
        return expand(value, old.shape)
    except ShapeError:
        raise ShapeError(
            explain(
                f"{what}: the result does not fit into the tensor",
                where=describe(MODE.origin or here()),
                expected=f"a shape that broadcasts to {old.shape}",
                got=str(value.shape),
            )
        ) from None


def rebind(tensor: Tensor, value: Node) -> None:
    """Bind `tensor`, and whatever shares its memory, to a new value of the same shape."""
    origin = MODE.origin or here()
    quiet = not MODE.grad
    if tensor._parent is None and tensor._children is None and tensor._memory is None:
        _bind(tensor, value, quiet, origin)
        return
    path = [tensor]
    plan = [(value, quiet)]
    while (parent := path[-1].parent()) is not None:
        step = path[-1]._step
        assert step is not None
        quiet = quiet or step.cuts_gradient
        value = step.write(parent._node, value)
        plan.append((value, quiet))
        path.append(parent)
    root = path[-1]
    before = [] if root._memory is None else [member._node for member in _members(root)]
    for member, (new, silent) in zip(path, plan, strict=True):
        _bind(member, new, silent, origin)
    done = {id(member) for member in path}
    for member in reversed(path):
        _refresh_children(member, done, origin)
    if before and CURRENT.recording is None:
        _write_memory(root, before)


def _bind(tensor: Tensor, value: Node, quiet: bool, origin: Origin) -> None:
    old = tensor._node
    note_change(tensor, old)
    if quiet:
        value = detach(value)
        if old.needs_grad:
            if is_leaf(tensor):
                value = variable(value)
                value.owner = weakref.ref(tensor)
            else:
                value = graft(value, old)
    elif old.needs_grad and not value.needs_grad:
        # Overwritten whole: still part of the graph, with a gradient of zero.
        value = where(const(True, bool_), value, old)
    old.superseded = origin
    tensor._node = value
    tensor._version += 1
    if value.value is None:
        tensor._await()


def refresh_views(tensor: Tensor) -> None:
    """Let the views of a tensor see that its memory has changed."""
    _refresh_children(tensor, {id(tensor)}, here())


def _refresh_children(tensor: Tensor, done: set[int], origin: Origin) -> None:
    if tensor._children is None:
        return
    alive: list[weakref.ref[Tensor]] = []
    for reference in tensor._children:
        child = reference()
        if child is None:
            continue
        alive.append(reference)
        if id(child) in done:
            continue
        done.add(id(child))
        step = child._step
        assert step is not None
        before = MODE.grad
        MODE.grad = child._step_grad
        try:
            new = step.read(tensor._node)
        finally:
            MODE.grad = before
        _bind(child, new, step.cuts_gradient and child._node.needs_grad, origin)
        _refresh_children(child, done, origin)
    tensor._children = alive or None


def refuse_leaf(tensor: Tensor, what: str) -> None:
    """Raise where PyTorch does: a leaf that collects gradients cannot change unseen."""
    if not MODE.grad:
        return
    member: Tensor | None = tensor
    kind = "a leaf Variable"
    while member is not None:
        if member._node.needs_grad and is_leaf(member):
            raise GradientError(
                explain(
                    f"{what}: {kind} that requires grad is being used in an in-place operation",
                    where=describe(MODE.origin or here()),
                    try_="do it inside `with zincir.no_grad():`, or on x.data or x.clone()",
                )
            )
        if member._step is not None and member._step.cuts_gradient:
            return
        kind = "a view of a leaf Variable"
        member = member.parent()


def as_view(child: Tensor, parent: Tensor, step: Step) -> Tensor:
    """Note that `child` shows the memory of `parent` through `step`."""
    child._step = step
    child._step_grad = MODE.grad
    if step.cuts_gradient and parent._node.needs_grad:
        child._parent = weakref.ref(parent)  # or it would keep the graph alive
    else:
        child._parent = lambda: parent
    children = parent._children
    if children is None:
        parent._children = [weakref.ref(child)]
    else:
        if len(children) > 64:
            children[:] = [r for r in children if r() is not None]
        children.append(weakref.ref(child))
    if parent._memory is not None:
        share(child, step.look(parent._memory))
    return child


def leaf_like(node: Node, needs_grad: bool) -> Node:
    """A leaf with the value of `node`, which takes part in gradients or not."""
    if node.value is None:
        return variable(detach(node)) if needs_grad else detach(node)
    new = leaf(node.shape, node.dtype, needs_grad)
    new.value = node.value
    return new


# Memory that NumPy can see -----------------------------------------------------------------------


def export(tensor: Tensor) -> np.ndarray[Any, Any]:
    """The values as an array that shares memory with `tensor`, both ways.

    Views of a tensor export views of the one array of the tensor they look at.
    """
    parent = tensor.parent()
    if parent is not None and tensor._step is not None:
        return tensor._step.look(export(parent))
    node = tensor._node
    known = tensor._exported() if tensor._exported is not None else None
    if known is not None:
        if _address(known) != _address(node.value.array):  # a replayed program moved the value
            np.copyto(known, node.value.array)
            share(tensor, tensor._memory)
        return known
    if sys.getrefcount(node.value) > 2:  # the node and the argument; others hold it too
        node.value = Buffer(node.value.array.copy("K"), order=node.value.order)
    share(tensor, node.value.array, node.value.order)
    array = np.asarray(memoryview(node.value.array))
    # All of NumPy's views of `array` keep `array` itself alive, since its own base is no array.
    tensor._exported = weakref.ref(array)
    return array


def share(tensor: Tensor, memory: Any, order: Shape | None = None) -> None:
    """Let `tensor` and all its views read `memory`, whoever writes to it.

    Args:
        order: the axes as they lie in memory, if that is known to be another order.
    """
    tensor._memory = memory
    tensor._node.value = Buffer(memory, order=order)
    for reference in tensor._children or ():
        child = reference()
        if child is not None and child._step is not None:
            share(child, child._step.look(memory), order)


def _unshare(tensor: Tensor) -> None:
    tensor._memory = tensor._exported = None
    for reference in tensor._children or ():
        child = reference()
        if child is not None:
            _unshare(child)


def _address(array: np.ndarray[Any, Any]) -> int:
    return array.__array_interface__["data"][0]


def _members(tensor: Tensor) -> list[Tensor]:
    """A tensor and all views of it."""
    found = [tensor]
    for reference in tensor._children or ():
        child = reference()
        if child is not None:
            found += _members(child)
    return found


def _write_memory(root: Tensor, before: list[Node]) -> None:
    """After a change in place: write the new value where NumPy sees it."""
    array = root._exported() if root._exported is not None else None
    memory = root._memory
    if array is None or memory is None or not array.flags.writeable:
        _unshare(root)
        return
    node = root._node
    evaluate([node])
    new = node.value.array
    for old in before:
        # Graphs that are still to be computed read the old value: it gets memory of its own.
        buffer = old.value
        if buffer is not None and np.may_share_memory(buffer.array, memory):
            old.value = Buffer(buffer.array.copy())
    np.copyto(memory, new)
    share(root, memory, node.value.order)
