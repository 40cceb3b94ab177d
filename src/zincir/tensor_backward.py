"""What a backward pass does with the gradients it finds: hooks, and `.grad` that accumulates."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from zincir import anomaly, autodiff
from zincir.errors import DTypeError, GradientError, ShapeError, explain
from zincir.graph.node import MODE, Node, describe, grad_mode
from zincir.graph.walk import toposort
from zincir.inplace import is_leaf
from zincir.ops.arithmetic import cast, copy
from zincir.ops.dims import is_several, place
from zincir.ops.movement import expand
from zincir.ops.source import const
from zincir.recording import note_grad

if TYPE_CHECKING:
    from zincir.tensor import Tensor

Wrap = Callable[[Node], "Tensor"]


class Hooks:
    """What is to happen when the gradient of a node that is no leaf is known."""

    __slots__ = ("functions", "retained")

    def __init__(self) -> None:
        self.functions: list[Callable[[Tensor], Tensor | None]] = []
        self.retained: weakref.ref[Tensor] | None = None

    def __call__(self) -> None:
        """As the owner of a node: no tensor that collects gradients."""


class Removable:
    """What registering a hook returns."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks = hooks
        self._hook = hook

    def remove(self) -> None:
        """Take the hook away again."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)

    def __enter__(self) -> Removable:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


def backward(
    outputs: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    retain_graph: bool | None,
    create_graph: bool,
    inputs: Any,
    wrap: Wrap,
) -> None:
    """Add gradients of the outputs to the `.grad` of all leaves, or of `inputs`."""
    retain = create_graph if retain_graph is None else retain_graph
    asked = None if inputs is None else _tensors(inputs)
    found = _found(outputs, gradients, asked, retain, create_graph, wrap)
    given: set[Node] = set()
    with grad_mode(create_graph):
        for tensor, g in found:
            _accumulate(tensor, g, wrap, given)
    anomaly.after_backward([g for _, g in found])


def gradients_of(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    retain_graph: bool | None,
    create_graph: bool,
    wrap: Wrap,
) -> list[Tensor | None]:
    """The gradients with respect to `inputs`; None for those that the outputs do not depend on."""
    retain = create_graph if retain_graph is None else retain_graph
    found = _found(outputs, gradients, inputs, retain, create_graph, wrap)
    by_tensor: dict[int, Node] = {}
    with grad_mode(create_graph):
        for tensor, g in found:
            before = by_tensor.get(id(tensor))
            by_tensor[id(tensor)] = g if before is None else before + g
    anomaly.after_backward(list(by_tensor.values()))
    return [wrap(by_tensor[id(x)]) if id(x) in by_tensor else None for x in inputs]


def _tensors(inputs: Any) -> list[Tensor]:
    found: list[Any] = list(inputs) if is_several(inputs) else [inputs]
    if not found:
        raise GradientError(explain("backward: inputs is empty", where=place()))
    return found


def _found(
    outputs: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    inputs: Sequence[Tensor] | None,
    retain: bool,
    create_graph: bool,
    wrap: Wrap,
) -> list[tuple[Tensor, Node]]:
    """Tensors and what is to be added to their gradients."""
    for x in inputs or ():
        if not x._node.needs_grad:
            raise GradientError(
                explain(
                    "one of the inputs does not require grad",
                    where=place(),
                    got=f"{x.dtype.name}{list(x.shape)}, made at {describe(x._node.origin)}",
                    try_="x.requires_grad_() before it is used",
                )
            )
    retained: list[tuple[Tensor, Node]] = []

    def hook(node: Node, g: Node) -> Node:
        return g if node.owner is None else _hooked(node, g, wrap, retained)

    branches = [x for x in inputs or () if not is_leaf(x)]
    with grad_mode(create_graph):
        seeds = _seeds(outputs, gradients)
        anomaly.before_backward(seeds)
        # Leaves are matched by their owners: a tensor changed in place has more than one node.
        wrt = None if not branches else _leaves(seeds) + [x._node for x in branches]
        found = autodiff.grad(seeds, wrt, retain=retain, hook=hook)
    out = retained if inputs is None else []
    wanted = None if inputs is None else {id(x) for x in inputs}
    by_node = {x._node: x for x in branches}
    for node, g in found.items():
        owner = by_node.get(node)
        if owner is None and node.owner is not None:
            owner = node.owner()
        if owner is not None and (wanted is None or id(owner) in wanted):
            out.append((owner, g))
    return out


def _leaves(seeds: dict[Node, Node]) -> list[Node]:
    return [n for n in toposort(seeds, lambda n: n.needs_grad) if n.owner is not None]


def _hooked(node: Node, g: Node, wrap: Wrap, retained: list[tuple[Tensor, Node]]) -> Node:
    owner = node.owner
    if isinstance(owner, Hooks):
        functions = owner.functions
    else:
        tensor = owner()
        functions = tensor._hooks if tensor is not None else None
    for function in list(functions or ()):
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
            g = cast(new._node, node.dtype)
    if isinstance(owner, Hooks) and owner.retained is not None:
        tensor = owner.retained()
        if tensor is not None:
            retained.append((tensor, g))
    return g


def _accumulate(tensor: Tensor, g: Node, wrap: Wrap, given: set[Node]) -> None:
    before = tensor._grad
    note_grad(tensor, before, added=True)
    if before is not None:
        if MODE.grad:
            tensor._grad = wrap(before._node + g)
        else:
            before._rebind(before._node + g)
    else:
        if g in given:  # two tensors never hold one node: each may be changed in place
            g = copy(g)
        given.add(g)
        tensor._grad = wrap(g)
    for hook in list(tensor._after or ()):
        hook(tensor)


def _seeds(outputs: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> dict[Node, Node]:
    """The weight of each output."""
    seeds: dict[Node, Node] = {}
    for out, gradient in zip(outputs, gradients, strict=True):
        node = out._node
        if not node.needs_grad:
            _refuse_no_gradient(node)
        g = _weight(node, gradient)
        seeds[node] = seeds[node] + g if node in seeds else g
    return seeds


def _weight(node: Node, gradient: Tensor | None) -> Node:
    if gradient is not None:
        if gradient.shape != node.shape:
            raise ShapeError(
                explain(
                    "backward: the gradient has another shape than the tensor",
                    where=place(),
                    expected=str(node.shape),
                    got=str(gradient.shape),
                )
            )
        return cast(gradient._node, node.dtype)
    if any(n != 1 for n in node.shape):
        raise GradientError(
            explain(
                "grad can be implicitly created only for scalar outputs",
                where=place(),
                expected="a tensor with one element",
                got=f"{node.shape}, made at {describe(node.origin)}",
                try_="y.sum().backward(), or y.backward(gradient=...)",
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
            where=place(),
            got=f"{node!r}, made at {describe(node.origin)}: {why}",
            try_="requires_grad=True on the parameters, before the forward pass",
        )
    )


# The calls behind Tensor's methods ---------------------------------------------------------------


def check_grad(tensor: Tensor, grad: Tensor) -> None:
    """Raise if `grad` cannot be the gradient of `tensor`."""
    if grad.shape != tensor.shape:
        raise ShapeError(
            explain(
                "assigned grad has data of a different size",
                where=place(),
                expected=str(tensor.shape),
                got=str(grad.shape),
            )
        )
    if grad.dtype is not tensor.dtype:
        raise DTypeError(
            explain(
                "assigned grad has data of a different type",
                where=place(),
                expected=tensor.dtype.name,
                got=grad.dtype.name,
            )
        )


def check_flag(tensor: Tensor, requires_grad: bool) -> None:
    """Raise if `requires_grad` cannot be set so."""
    if requires_grad and tensor.dtype.category != 2:
        raise DTypeError(
            explain(
                "only Tensors of floating point dtype can require gradients",
                where=place(),
                got=tensor.dtype.name,
                try_="x.float().requires_grad_()",
            )
        )
    if not requires_grad and not is_leaf(tensor):
        raise GradientError(
            explain(
                "you can only change requires_grad flags of leaf variables",
                where=place(),
                got=repr(tensor._node),
                try_="x.detach()",
            )
        )


def _hooks_of(tensor: Tensor) -> Hooks:
    node = tensor._node
    if not isinstance(node.owner, Hooks):
        node.owner = Hooks()
    return node.owner


def _needs(tensor: Tensor, what: str) -> None:
    if not tensor._node.needs_grad:
        raise GradientError(
            explain(
                f"cannot {what} on a tensor that doesn't require gradient",
                where=place(),
                got=repr(tensor._node),
                try_="x.requires_grad_()",
            )
        )


def retain_grad(tensor: Tensor) -> None:
    """Collect the gradient of a tensor that is no leaf."""
    _needs(tensor, "retain_grad()")
    if not is_leaf(tensor):
        _hooks_of(tensor).retained = weakref.ref(tensor)


def retains(tensor: Tensor) -> bool:
    """Whether `retain_grad` was called."""
    owner = tensor._node.owner
    return isinstance(owner, Hooks) and owner.retained is not None


def register_hook(tensor: Tensor, hook: Callable[[Tensor], Tensor | None]) -> Removable:
    """Call `hook` with the gradient."""
    _needs(tensor, "register a hook")
    if is_leaf(tensor):
        if tensor._hooks is None:
            tensor._hooks = []
        hooks = tensor._hooks
    else:
        hooks = _hooks_of(tensor).functions
    hooks.append(hook)
    return Removable(hooks, hook)


def register_after(tensor: Tensor, hook: Callable[[Tensor], None]) -> Removable:
    """Call `hook` once `.grad` has been added to."""
    if not tensor._node.needs_grad or not is_leaf(tensor):
        raise GradientError(
            explain(
                "post accumulate grad hooks cannot be registered on non-leaf tensors", where=place()
            )
        )
    if tensor._after is None:
        tensor._after = []
    tensor._after.append(hook)
    return Removable(tensor._after, hook)
