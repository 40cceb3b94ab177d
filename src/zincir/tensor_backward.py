"""What a backward pass does with the gradients it finds: hooks, and `.grad` that accumulates."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from zincir import anomaly, autodiff
from zincir.errors import DTypeError, GradientError, ShapeError, explain
from zincir.graph.node import MODE, Node, describe, grad_mode, user_line
from zincir.graph.walk import toposort
from zincir.hook_handle import Hooks, RemovableHandle
from zincir.inplace import cut, is_leaf, rebind, turned
from zincir.operations.arithmetic import cast
from zincir.operations.dims import is_several
from zincir.operations.movement import expand
from zincir.operations.source import const, leaf_p, variable_p, with_gradient_of_p
from zincir.recording import (
    CURRENT,
    changed_setting,
    note_done,
    note_grad,
    note_grad_read,
    note_passed,
)
from zincir.shared_value import current
from zincir.tensor_base import TensorBase

T = TypeVar("T", bound=TensorBase)

Watcher: TypeAlias = Callable[[Sequence[Node]], None]
WATCHERS: list[Watcher] = []
"""Called with the outputs of each backward pass before it begins, but for those that ask for the
gradients of some tensors alone. What they compute and write in
place belongs to the step, also where it is recorded; recordings do not see that one was added, so
that whoever adds it sets something that they watch."""


class _Pass(threading.local):
    chosen: bool = False
    """Whether the backward pass that runs finds the gradients of some tensors alone."""


PASS = _Pass()
Wrap: TypeAlias = Callable[[Node], TensorBase]


def backward(
    outputs: Sequence[TensorBase],
    gradients: Sequence[TensorBase | None],
    retain_graph: bool | None,
    create_graph: bool,
    inputs: Any,
    wrap: Wrap,
) -> None:
    """Add gradients of the outputs to the `.grad` of all leaves, or of `inputs`."""
    retain = create_graph if retain_graph is None else retain_graph
    chosen = None if inputs is None else _tensors(inputs)
    for x in chosen or ():
        if x.requires_grad and not is_leaf(x):
            x._retains = True
    retained: list[tuple[TensorBase, Node]] = []
    found = _found(outputs, gradients, chosen, retain, create_graph, wrap, retained)
    found = [(t, g) for t, g in found if not _keeps(t)]
    with grad_mode(create_graph):
        for tensor, g in found:
            _accumulate(tensor, g, wrap)
        for tensor, g in retained:
            _accumulate(tensor, g, wrap, in_place=False)
    found += retained
    anomaly.after_backward([g for _, g in found])


def gradients_of(
    outputs: Sequence[TensorBase],
    inputs: Sequence[TensorBase],
    gradients: Sequence[TensorBase | None],
    retain_graph: bool | None,
    create_graph: bool,
    wrap: Callable[[Node], T],
) -> list[T | None]:
    """The gradients with respect to `inputs`; None for those that the outputs do not depend on."""
    retain = create_graph if retain_graph is None else retain_graph
    retained: list[tuple[TensorBase, Node]] = []
    found = _found(outputs, gradients, inputs, retain, create_graph, wrap, retained)
    with grad_mode(create_graph):
        for tensor, g in retained:
            _accumulate(tensor, g, wrap, in_place=False)
    by_tensor = {id(tensor): g for tensor, g in found}
    anomaly.after_backward(list(by_tensor.values()))
    return [wrap(by_tensor[id(x)]) if id(x) in by_tensor else None for x in inputs]


def _tensors(inputs: Any) -> list[TensorBase]:
    found: list[Any] = list(inputs) if is_several(inputs) else [inputs]
    if not found:
        raise GradientError(explain("backward: inputs is empty", where=user_line()))
    return found


def _found(
    outputs: Sequence[TensorBase],
    gradients: Sequence[TensorBase | None],
    inputs: Sequence[TensorBase] | None,
    retain: bool,
    create_graph: bool,
    wrap: Wrap,
    retained: list[tuple[TensorBase, Node]],
) -> list[tuple[TensorBase, Node]]:
    """Tensors and their gradients: leaves, or those asked for.

    Args:
        retained: where those go that keep their gradients though they are no leaves.
    """
    for x in inputs or ():
        if not x.requires_grad:
            raise GradientError(
                explain(
                    "one of the inputs does not require grad",
                    where=user_line(),
                    got=f"{x.dtype.name}{list(x.shape)}, made at {describe(x._held.origin)}",
                    try_="x.requires_grad_() before it is used",
                )
            )
    asked = None if inputs is None else {id(x) for x in inputs}
    branches = {_branch(x): x for x in inputs or () if not is_leaf(x)}

    def hook(node: Node, g: Node) -> Node:
        if node.hooks is None and node.owner is None:
            return g
        return _hooked(node, g, wrap, retained)

    with grad_mode(create_graph):
        seeds = _seeds(outputs, gradients)
        for watcher in list(WATCHERS) if inputs is None else ():
            watcher(list(seeds))
        anomaly.before_backward(seeds)
        if CURRENT.recording is not None:
            note_passed(toposort(seeds))
        # Leaves are matched by their owners: a tensor changed in place has more than one node.
        wrt = None if asked is None else [*_leaves_of(seeds, asked), *branches]
        freed = None if CURRENT.recording is None else _note_freed
        before, PASS.chosen = PASS.chosen, asked is not None
        try:
            found = autodiff.grad(seeds, wrt, retain=retain, hook=hook, freed=freed)
        finally:
            PASS.chosen = before
    totals: dict[int, tuple[TensorBase, Node]] = {}
    with grad_mode(create_graph):
        for node, g in found.items():
            owner = branches.get(node)
            if owner is None and node.owner is not None:
                owner = node.owner()
            if owner is not None and (owner.requires_grad or node in branches):
                before = totals.get(id(owner))
                totals[id(owner)] = owner, g if before is None else before[1] + g
        return [(t, _hooked_leaf(t, g, wrap)) for t, g in totals.values()]


def _hooked_leaf(tensor: TensorBase, g: Node, wrap: Wrap) -> Node:
    """What the hooks of a leaf make of its gradient: all of it, that of every node it held."""
    return _called(tensor._hooks, current(tensor), g, wrap) if is_leaf(tensor) else g


def _note_freed(node: Node) -> None:
    note_done(functools.partial(setattr, node, "freed", False))


def _branch(tensor: TensorBase) -> Node:
    """Where gradients of a tensor that is no leaf arrive.

    A change without gradients leaves it where it is in the graph: all that was computed from it
    before and after that counts.
    """
    node = current(tensor)
    while node.op is with_gradient_of_p:
        stem = node.inputs[1]
        if stem.owner is None or stem.owner() is not tensor:
            break
        node = stem
    return node


def _leaves_of(seeds: dict[Node, Node], asked: set[int]) -> list[Node]:
    """The leaves above `seeds` that belong to one of the tensors asked for."""
    leaves = [n for n in toposort(seeds, lambda n: n.needs_grad) if _collects(n)]
    return [n for n in leaves if n.owner is not None and id(n.owner()) in asked]


def _collects(node: Node) -> bool:
    return node.op is leaf_p or node.op is variable_p


def _hooked(node: Node, g: Node, wrap: Wrap, retained: list[tuple[TensorBase, Node]]) -> Node:
    tensor = None if node.owner is None else node.owner()
    g = _called(node.hooks, node, g, wrap)
    if tensor is not None and _keeps(tensor) and _branch(tensor) is node:
        retained.append((tensor, g))
    return g


def _called(functions: Hooks | None, node: Node, g: Node, wrap: Wrap) -> Node:
    """What hooks make of the gradient of a node."""
    for function in list(functions.values()) if functions else ():
        new = function(wrap(g))
        if new is not None:
            if new.shape != node.shape:
                raise ShapeError(
                    explain(
                        "a hook returned a gradient of another shape",
                        where=describe(node.origin),
                        expected=str(node.shape),
                        got=str(new.shape),
                    )
                )
            g = cast(current(new), node.dtype)
    return g


def _accumulate(tensor: TensorBase, g: Node, wrap: Wrap, *, in_place: bool = True) -> None:
    before = tensor._grad
    note_grad(tensor, before, added=True)
    if before is None:
        tensor._grad = wrap(g)
    elif MODE.grad or not in_place:
        tensor._grad = wrap(current(before) + g)
    else:
        rebind(before, cast(current(before) + g, before.dtype))
    for hook in list(tensor._after.values()) if tensor._after else ():
        hook(tensor)


def _seeds(
    outputs: Sequence[TensorBase], gradients: Sequence[TensorBase | None]
) -> dict[Node, Node]:
    """The weight of each output."""
    seeds: dict[Node, Node] = {}
    for out, gradient in zip(outputs, gradients, strict=True):
        node = current(out)
        if not node.needs_grad:
            _refuse_no_gradient(node)
        g = _weight(node, gradient)
        seeds[node] = seeds[node] + g if node in seeds else g
    return seeds


def _weight(node: Node, gradient: TensorBase | None) -> Node:
    if gradient is not None:
        if gradient.shape != node.shape:
            raise ShapeError(
                explain(
                    "backward: the gradient has another shape than the tensor",
                    where=user_line(),
                    expected=str(node.shape),
                    got=str(gradient.shape),
                )
            )
        return cast(current(gradient), node.dtype)
    if any(n != 1 for n in node.shape):
        raise GradientError(
            explain(
                "grad can be implicitly created only for scalar outputs",
                where=user_line(),
                expected="a tensor with one element",
                got=f"{node.shape}, made at {describe(node.origin)}",
                try_="y.sum().backward(), or y.backward(gradient=...)",
            )
        )
    if node.dtype.is_complex:
        raise GradientError(
            explain(
                "grad can be implicitly created only for real scalar outputs",
                where=user_line(),
                got=f"{node.dtype.name}, made at {describe(node.origin)}",
                try_="y.abs().backward(), or y.backward(gradient=...)",
            )
        )
    return expand(const(1.0, node.dtype), node.shape)


def _refuse_no_gradient(node: Node) -> None:
    if node.dtype.category < 2:
        why = f"it is {node.dtype.name}, and only floating tensors have gradients"
    elif not MODE.grad and not node.inputs:
        why = "it was computed inside no_grad, or from tensors that do not require grad"
    elif any(n.needs_grad for n in node.inputs):
        why = "it was computed inside no_grad, or by an operation without a gradient"
    else:
        why = "everything it was computed from has requires_grad=False, or it was made in no_grad"
    raise GradientError(
        explain(
            "element 0 of tensors does not require grad and does not have a grad_fn",
            where=user_line(),
            got=f"{node!r}, made at {describe(node.origin)}: {why}",
            try_="requires_grad=True on the parameters, before the forward pass",
        )
    )


# The calls behind Tensor's methods ---------------------------------------------------------------


def grad_of(tensor: TensorBase) -> Any:
    """The gradient that backward passes have collected in a tensor, for the user to see."""
    note_grad_read(tensor)
    grad = tensor._grad
    if grad is not None:
        grad._shown = True
    return grad


def set_grad(tensor: TensorBase, grad: TensorBase | None) -> None:
    """Let `grad` be the gradient of a tensor."""
    if grad is not None:
        check_grad(tensor, grad)
        grad._shown = True
    note_grad(tensor, tensor._grad, added=False)
    tensor._grad = grad
    if tensor._touched is not None:  # it is known no more which rows it has
        tensor._touched.grad = None


def check_grad(tensor: TensorBase, grad: TensorBase) -> None:
    """Raise if `grad` cannot be the gradient of `tensor`."""
    if grad.shape != tensor.shape:
        raise ShapeError(
            explain(
                "assigned grad has data of a different size",
                where=user_line(),
                expected=str(tensor.shape),
                got=str(grad.shape),
            )
        )
    if grad.dtype is not tensor.dtype:
        raise DTypeError(
            explain(
                "assigned grad has data of a different type",
                where=user_line(),
                expected=tensor.dtype.name,
                got=grad.dtype.name,
            )
        )


def flagged(tensor: T, requires_grad: bool) -> T:
    """The tensor itself, which collects gradients from now on, or no longer."""
    if requires_grad if tensor._loose else tensor.requires_grad != requires_grad:
        check_flag(tensor, requires_grad)
        turned(tensor, requires_grad)
    return tensor


def check_flag(tensor: TensorBase, requires_grad: bool) -> None:
    """Raise if `requires_grad` cannot be set so."""
    if requires_grad and tensor.dtype.category < 2:
        raise DTypeError(
            explain(
                "only Tensors of floating point dtype can require gradients",
                where=user_line(),
                got=tensor.dtype.name,
                try_="x.float().requires_grad_()",
            )
        )
    if not requires_grad and not is_leaf(tensor):
        raise GradientError(
            explain(
                "you can only change requires_grad flags of leaf variables",
                where=user_line(),
                got=repr(current(tensor)),
                try_="x.detach()",
            )
        )


def _needs(tensor: TensorBase, what: str) -> None:
    if not tensor.requires_grad:
        raise GradientError(
            explain(
                f"cannot {what} on a tensor that doesn't require gradient",
                where=user_line(),
                got=repr(current(tensor)),
                try_="x.requires_grad_()",
            )
        )


def retain_grad(tensor: TensorBase) -> None:
    """Collect the gradient of a tensor that is no leaf."""
    _needs(tensor, "retain_grad()")
    if not is_leaf(tensor):
        tensor._retains = True


def _keeps(tensor: TensorBase) -> bool:
    """Whether a tensor keeps its gradients though it is no leaf."""
    return tensor._retains and not is_leaf(tensor)


def detach_in_place(tensor: T, wrap: Wrap) -> T:
    """Make `tensor` a leaf without gradients; returns it.

    If it keeps its gradients, those that arrive where it was in the graph go on to be kept.
    """
    before = _branch(tensor) if _keeps(tensor) else None
    cut(tensor)
    if before is not None:
        kept = functools.partial(_keep, weakref.ref(tensor), wrap)
        before.hooks = {**(before.hooks or {}), object(): kept}
    return tensor


def _keep(tensor: Callable[[], TensorBase | None], wrap: Wrap, g: TensorBase) -> None:
    """Add a gradient to the tensor that was here, if it lives."""
    alive = tensor()
    if alive is not None:
        _accumulate(alive, current(g), wrap, in_place=False)


def _refuse_hook(tensor: TensorBase) -> None:
    """A hook on what was there before the recording is there afterwards too."""
    recording = CURRENT.recording
    if recording is not None and recording.was_there(tensor):
        recording.refuse("it registers a hook")


def register_hook(tensor: TensorBase, hook: Callable[[Any], TensorBase | None]) -> RemovableHandle:
    """Call `hook` with the gradient."""
    _needs(tensor, "register a hook")
    _refuse_hook(tensor)
    changed_setting()
    if is_leaf(tensor):
        if tensor._hooks is None:
            tensor._hooks = {}
        hooks = tensor._hooks
    else:
        node = _branch(tensor)
        if node.hooks is None:
            node.hooks = {}
        hooks = node.hooks
    return RemovableHandle(hooks, hook)


def register_after(tensor: TensorBase, hook: Callable[[Any], None]) -> RemovableHandle:
    """Call `hook` once `.grad` has been added to."""
    _refuse_hook(tensor)
    changed_setting()
    if not tensor.requires_grad or not is_leaf(tensor):
        raise GradientError(
            explain(
                "post accumulate grad hooks cannot be registered on non-leaf tensors",
                where=user_line(),
            )
        )
    if tensor._after is None:
        tensor._after = {}
    return RemovableHandle(tensor._after, hook)
