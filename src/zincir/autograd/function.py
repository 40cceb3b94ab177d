"""Functions with a gradient of their own.

All floating outputs of one call are joined into one flat node, so that `backward` runs once for
all of them; each output is a slice of that node.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from zincir.errors import GradientError, ShapeError, explain
from zincir.graph.node import MODE, Node, describe, grad_mode
from zincir.ops.arithmetic import cast
from zincir.ops.dims import is_several, place
from zincir.ops.movement import cat, expand, reshape, slice_
from zincir.ops.source import const, custom, detach
from zincir.tensor import Tensor, wrap
from zincir.types import size


class FunctionCtx:
    """What `forward` leaves for `backward`."""

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        """For each argument of forward: whether its gradient is asked for."""
        self._to_save: tuple[Any, ...] = ()
        self._saved: list[Any] = []
        self._no_gradient: set[int] = set()
        self._dirty: tuple[Tensor, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs or outputs for `backward`, where they are `ctx.saved_tensors`."""
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        return tuple(self._saved)

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Name outputs that no gradient flows through."""
        self._no_gradient = {id(x) for x in outputs}

    def mark_dirty(self, *inputs: Tensor) -> None:
        """Name inputs that forward changed in place."""
        self._dirty = inputs

    def set_materialize_grads(self, value: bool) -> None:
        """Whether gradients of outputs nobody used come as zeros (they always do)."""
        self._materialize = value


class _Call:
    """One call of a Function, as its node in the graph remembers it."""

    def __init__(self, function: type[Function], ctx: FunctionCtx, count: int) -> None:
        self._function = function
        self._ctx = ctx
        self._count = count
        self.where: list[int] = []
        """For each floating input, its place among the arguments of forward."""
        self.shapes: list[Any] = []
        """Shape of each output, and where it lies in the joined node (None: not in it)."""
        self.saved: list[tuple[str, Any]] = []

    def backward(self, g: Node, y: Node, inputs: Sequence[Node]) -> list[Node | None]:
        """The gradients of the inputs, from the user's own function."""
        ctx = self._ctx
        ctx._saved = [self._restored(kind, what, y) for kind, what in self.saved]
        gradients = [wrap(self.output(g, i)) for i in range(len(self.shapes))]
        try:
            result = self._function.backward(ctx, *gradients)
        finally:
            ctx._saved = []
        returned = list(result) if is_several(result) else [result]
        while len(returned) > self._count and returned[-1] is None:
            returned.pop()
        if len(returned) != self._count:
            raise GradientError(
                explain(
                    f"{self._function.__name__}.backward returned a wrong number of gradients",
                    where=describe(y.origin),
                    expected=f"{self._count}, one for each argument of forward",
                    got=str(len(returned)),
                )
            )
        return [
            self._checked(returned[at], x, at) for at, x in zip(self.where, inputs, strict=True)
        ]

    def _checked(self, gradient: Any, x: Node, at: int) -> Node | None:
        if gradient is None or not x.needs_grad:
            return None
        node = cast(gradient._node, x.dtype)
        if node.shape == x.shape:
            return node
        try:
            return expand(node, x.shape)
        except ShapeError:
            raise ShapeError(
                explain(
                    f"{self._function.__name__}.backward returned a gradient of another shape",
                    where=describe(x.origin),
                    expected=f"{x.shape} for argument {at}",
                    got=str(node.shape),
                )
            ) from None

    def _restored(self, kind: str, what: Any, y: Node) -> Any:
        if kind == "output":
            return wrap(self.output(y, what))
        return wrap(what) if isinstance(what, Node) else what

    def output(self, joined: Node, index: int) -> Node:
        """Output `index` (or its gradient), cut from the joined node."""
        shape, dtype, start = self.shapes[index]
        if start is None:
            return expand(const(0, dtype), shape)
        n = size(shape)
        part = joined if joined.shape == (n,) else slice_(joined, (start,), (1,), (n,))
        return cast(reshape(part, shape), dtype)


class Function:
    """Subclass with static `forward(ctx, ...)` and `backward(ctx, ...)`; call with `apply`.

    >>> class Cube(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x * x * g
    >>> x = Tensor([2.0]).requires_grad_()
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor([12.])
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The result; without a gradient of its own."""
        raise NotImplementedError("forward: a Function needs one")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """What to keep for backward, when `forward` is written without `ctx`."""
        raise NotImplementedError("setup_context")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradient of each argument of forward, None where there is none."""
        raise NotImplementedError("backward: a Function needs one")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call forward, so that backward will be used in its place."""
        needs = tuple(isinstance(x, Tensor) and x.requires_grad for x in args)
        ctx = FunctionCtx(needs)
        with grad_mode(False):
            if cls.setup_context is Function.setup_context:
                result = cls.forward(ctx, *args)
            else:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
        if not (MODE.grad and any(needs)):
            return result
        outputs = list(result) if is_several(result) else [result]
        bound = _bind(cls, ctx, args, outputs)
        return tuple(bound) if is_several(result) else bound[0]


def _bind(
    function: type[Function], ctx: FunctionCtx, args: tuple[Any, ...], outputs: list[Any]
) -> list[Any]:
    call = _Call(function, ctx, len(args))
    parts: list[Node] = []
    start = 0
    numbered = [k for k, y in enumerate(outputs) if isinstance(y, Tensor)]
    kinds = {outputs[k].dtype for k in numbered if outputs[k].is_floating_point()}
    joined_type = max(kinds, key=lambda kind: kind.itemsize) if kinds else None
    for k in numbered:
        node = outputs[k]._node
        inside = joined_type is not None and node.dtype.category == 2
        inside = inside and id(outputs[k]) not in ctx._no_gradient
        call.shapes.append((node.shape, node.dtype, start if inside else None))
        if inside and joined_type is not None:
            flat = reshape(detach(node), (size(node.shape),))
            parts.append(cast(flat, joined_type))
            start += size(node.shape)
    _save(call, ctx, args, [outputs[k] for k in numbered])
    if not parts:
        return outputs
    inputs: list[Node] = []
    for at, x in enumerate(args):
        if isinstance(x, Tensor) and x.dtype.category == 2:
            call.where.append(at)
            inputs.append(x._node)
    joined = custom(cat(parts, 0), tuple(inputs), call)
    for index, k in enumerate(numbered):
        if call.shapes[index][2] is None:
            continue
        new = call.output(joined, index)
        if any(outputs[k] is x for x in ctx._dirty):
            outputs[k]._rebind(new)
        else:
            outputs[k] = wrap(new)
    return outputs


def _save(call: _Call, ctx: FunctionCtx, args: tuple[Any, ...], outputs: list[Tensor]) -> None:
    for x in ctx._to_save:
        index = next((k for k, y in enumerate(outputs) if y is x), None)
        if index is not None and not any(x is a for a in args):
            call.saved.append(("output", index))
        else:
            call.saved.append(("input", x._node if isinstance(x, Tensor) else x))


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """For a `backward` that cannot be differentiated itself."""

    @functools.wraps(function)
    def run(ctx: Any, *gradients: Any) -> Any:
        asked = MODE.grad
        with grad_mode(False):
            result = function(ctx, *gradients)
        if asked and any(g.requires_grad for g in gradients if isinstance(g, Tensor)):
            raise GradientError(
                explain(
                    "this function is marked once_differentiable: it has no second gradient",
                    where=place(),
                )
            )
        return result

    return run
