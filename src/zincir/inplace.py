"""Changes in place, made functional: a tensor gets a new node, and so do all views of it.

Nodes never change. A write computes the new value as a graph and binds the tensor to it; views
know their parent and the `Step` that made them, so a write goes up to the tensors they look at,
and from there down to every other view.
"""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING

import numpy as np

from zincir import recording
from zincir.errors import GradientError, explain
from zincir.evaluate import evaluate
from zincir.graph.node import MODE, Node, Origin, describe, here
from zincir.ops.arithmetic import cast
from zincir.ops.movement import expand
from zincir.ops.source import detach, graft, leaf, leaf_p, variable, variable_p
from zincir.runtime.buffer import Buffer
from zincir.views import Step

if TYPE_CHECKING:
    from zincir.tensor import Tensor


def is_leaf(tensor: Tensor) -> bool:
    node = tensor._node
    return not node.needs_grad or node.op is leaf_p or node.op is variable_p


def write(tensor: Tensor, value: Node, what: str) -> None:
    """Give `tensor` the value of a node that broadcasts to its shape."""
    _refuse_leaf(tensor, what)
    value = expand(cast(value, tensor._node.dtype), tensor._node.shape)
    rebind(tensor, value)


def rebind(tensor: Tensor, value: Node) -> None:
    """Bind `tensor`, and whatever shares its memory, to a new value of the same shape."""
    where = MODE.origin or here()
    quiet = not MODE.grad
    if tensor._parent is None and tensor._children is None and tensor._exported is None:
        _bind(tensor, value, quiet, where)
        return
    path = [tensor]
    values = [value]
    quiets = [quiet]
    while (parent := path[-1].parent()) is not None:
        step = path[-1]._step
        assert step is not None
        values.append(step.write(parent._node, values[-1]))
        quiet = quiet or step.cuts_gradient
        quiets.append(quiet)
        path.append(parent)
    for member, new, silent in zip(path, values, quiets, strict=True):
        _bind(member, new, silent, where)
    done = {id(member) for member in path}
    for member in reversed(path):
        _refresh_children(member, done, where)
    _write_exported(path[-1])


def _bind(tensor: Tensor, value: Node, quiet: bool, where: Origin) -> None:
    old = tensor._node
    recording.note_change(tensor, old)
    if old.needs_grad and quiet:
        value = detach(value)
        if is_leaf(tensor):
            value = variable(value)
            value.owner = weakref.ref(tensor)
        else:
            value = graft(value, old)
    elif quiet:
        value = detach(value)
    old.superseded = where
    tensor._node = value
    tensor._version += 1
    if value.value is None:
        tensor._await()


def _refresh_children(tensor: Tensor, done: set[int], where: Origin) -> None:
    alive = []
    for reference in tensor._children or ():
        child = reference()
        if child is None:
            continue
        alive.append(reference)
        if id(child) not in done:
            done.add(id(child))
            step = child._step
            assert step is not None
            before = MODE.grad
            MODE.grad = child._step_grad
            try:
                new = step.read(tensor._node)
                _bind(child, new, step.cuts_gradient and child._node.needs_grad, where)
            finally:
                MODE.grad = before
            _refresh_children(child, done, where)
    if tensor._children is not None:
        tensor._children = alive


def _refuse_leaf(tensor: Tensor, what: str) -> None:
    if not MODE.grad:
        return
    if tensor._node.needs_grad and is_leaf(tensor):
        raise GradientError(
            explain(
                f"{what}: a leaf Variable that requires grad is being used in an in-place operation",
                where=describe(here()),
                try_="do it inside `with zincir.no_grad():`, or on x.data or x.clone()",
            )
        )
    member = tensor
    while (parent := member.parent()) is not None and not member._step.cuts_gradient:  # type: ignore[union-attr]
        member = parent
        if member._node.needs_grad and is_leaf(member):
            raise GradientError(
                explain(
                    f"{what}: a view of a leaf Variable that requires grad is being used in an "
                    "in-place operation",
                    where=describe(here()),
                    try_="do it inside `with zincir.no_grad():`, or on x.data or x.clone()",
                )
            )


def as_view(child: Tensor, parent: Tensor, step: Step) -> Tensor:
    """Note that `child` shows the memory of `parent` through `step`."""
    child._step = step
    child._step_grad = MODE.grad
    if step.cuts_gradient and parent._node.needs_grad:
        child._parent = weakref.ref(parent)
    else:
        child._parent = lambda: parent
    children = parent._children
    if children is None:
        parent._children = [weakref.ref(child)]
    else:
        if len(children) > 64:
            children[:] = [r for r in children if r() is not None]
        children.append(weakref.ref(child))
    return child


def _write_exported(root: Tensor) -> None:
    exported = root._exported
    array = exported() if exported is not None else None
    if array is None:
        root._exported = None
        return
    node = root._node
    evaluate([node])
    give_back(array)
    np.copyto(array, node.value.array)
    node.value = Buffer(array)


def give_back(array: object) -> None:
    """Placeholder."""


def leaf_like(node: Node, needs_grad: bool) -> Node:
    """A leaf with the value of `node`, which takes part in gradients or not."""
    if node.value is None:
        return variable(detach(node)) if needs_grad else detach(node)
    new = leaf(node.shape, node.dtype, needs_grad)
    new.value = node.value
    return new


_ = sys
