"""Functions with a gradient of their own.

In the graph, a call is one node, the core, that holds no values: all inputs that need a gradient
lead into it, and each output is the value that forward gave it with the core as its only way back.
So `backward` runs once, when the gradients of all outputs that were used are known.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast as cast_type

from zincir.errors import DTypeError, GradientError, ShapeError, explain
from zincir.graph.node import MODE, Node, changed_at, describe, grad_mode, next_serial, user_line
from zincir.inplace import is_leaf
from zincir.operations.arithmetic import cast
from zincir.operations.movement import expand, sum_to
from zincir.operations.source import const, custom, custom_p, detach
from zincir.tensor import Tensor, wrap
from zincir.types import float32

WATCHERS: list[Callable[[type[Any], tuple[Any, ...], dict[str, Any]], None]] = []
"""Told of each call of a Function: which, and what it is called with."""


class FunctionCtx:
    """What `forward` leaves for `backward`."""

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        """For each argument of forward: whether its gradient is asked for."""
        self._to_save: tuple[Tensor | None, ...] = ()
        self._no_gradient: tuple[Tensor, ...] = ()
        self._dirty: tuple[Tensor, ...] = ()
        self._materialize = True
        self._began = next_serial()
        """Nodes with larger numbers were made by forward, or later."""
        self._call: weakref.ref[_Call] | None = None

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for `backward`, where they are `ctx.saved_tensors`.

        Outputs come back as results of this function; all others as the very tensors they are.
        """
        for k, x in enumerate(tensors):
            if x is not None and not isinstance(x, Tensor):
                raise DTypeError(
                    explain(
                        "save_for_backward: not a tensor",
                        where=user_line(),
                        expected="tensors, or None",
                        got=f"argument {k}, {type(x).__name__}",
                        try_="ctx.name = value, for what is no tensor",
                    )
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Nothing: there are no derivatives in forward mode."""

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was saved.

        Raises:
            GradientError: one was changed in place since, or a backward pass gave them up.
        """
        call = None if self._call is None else self._call()
        return () if call is None else call.restored()

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Name outputs that no gradient flows through."""
        self._no_gradient = outputs

    def mark_dirty(self, *inputs: Tensor) -> None:
        """Name inputs that forward changed in place; it must return them."""
        self._dirty = inputs

    def set_materialize_grads(self, value: bool) -> None:
        """Whether gradients of outputs that were not used come as zeros, or as None."""
        self._materialize = value


class _Arrived:
    """Marks the gradient of an output on its way to the core, where no gradients are added."""

    def __init__(self, index: int) -> None:
        self.index = index

    def backward(self, g: Node, y: Node, inputs: Sequence[Node]) -> list[Node | None]:
        """Never asked for: what carries the mark is looked at, not computed."""
        return [None]


class _Output:
    """An output: it hands its gradient on to the core, in a node that says which output's it is."""

    def __init__(self, index: int) -> None:
        self.index = index
        self._mark = _Arrived(index)

    def backward(self, g: Node, y: Node, inputs: Sequence[Node]) -> list[Node | None]:
        """Something of the core's shape that holds the gradient."""
        return [custom(const(0.0, float32), (g,), self._mark)]


class _Same:
    """A name for an input that a later change in place of it does not concern."""

    def backward(self, g: Node, y: Node, inputs: Sequence[Node]) -> list[Node | None]:
        """The gradient as it is."""
        return [g]


def _arrived(g: Node) -> dict[int, Node]:
    """The gradients of outputs by their numbers, from the sum that came to the core."""
    found: dict[int, Node] = {}
    stack = [g]
    while stack:
        n = stack.pop()
        mark = n.attrs[0] if n.attrs else None
        if isinstance(mark, _Arrived):
            found[mark.index] = n.inputs[1]
        else:
            stack.extend(n.inputs)
    return found


class _Call:
    """One call of a Function, as its core in the graph remembers it."""

    def __init__(
        self, function: type[Function], ctx: FunctionCtx, args: tuple[Any, ...], outputs: list[Any]
    ) -> None:
        self._function = function
        self._ctx = ctx
        ctx._call = weakref.ref(self)
        self._tensors = tuple(isinstance(x, Tensor) for x in args)
        self._specs = [(y.shape, y.dtype) if isinstance(y, Tensor) else None for y in outputs]
        self._saved = [self._kept(x, outputs) for x in ctx._to_save]
        ctx._to_save = ()
        self._core: weakref.ref[Node] | None = None
        self._where: list[int] = []

    def _kept(self, x: Tensor | None, outputs: list[Any]) -> Any:
        """None, the value and number of an output, or a tensor and the node it has now."""
        if x is None:
            return None
        index = next((k for k, y in enumerate(outputs) if y is x), None)
        if index is None or any(x is y for y in self._ctx._no_gradient):
            return x, x._node
        return detach(x._node), index

    def core(self, inputs: dict[int, Node]) -> Node:
        """The node that stands for the call; `inputs` by their places among the arguments."""
        self._where = list(inputs)
        names = tuple(custom(x, (x,), _Same()) for x in inputs.values())
        core = custom(const(0.0, float32), names, self)
        self._core = weakref.ref(core)
        return core

    def kept(self) -> list[Tensor]:
        """The tensors that are kept for the gradient."""
        found: list[Any] = [x[0] for x in self._saved if x is not None]
        for value in vars(self._ctx).values():
            found += value if isinstance(value, tuple | list) else [value]
        return [t for t in found if isinstance(t, Tensor)]

    def restored(self) -> tuple[Any, ...]:
        """What `ctx.saved_tensors` gives."""
        core = None if self._core is None else self._core()
        if core is None:
            return ()
        if core.freed:
            raise GradientError(
                explain(
                    f"{self._function.__name__}: its saved tensors were given up",
                    where=describe(core.origin),
                    got="a backward pass that went through it before",
                    try_="backward(retain_graph=True) on the first pass",
                )
            )
        return tuple(self._restored(kept, core) for kept in self._saved)

    def _restored(self, kept: Any, core: Node) -> Tensor | None:
        if kept is None:
            return None
        if isinstance(kept[0], Node):
            value, index = kept
            return wrap(custom(value, (core,), _Output(index)))
        tensor, node = kept
        changed = changed_at(node)
        if changed is not None:
            raise GradientError(
                explain(
                    f"{self._function.__name__}: a tensor saved for backward was changed in place "
                    "since",
                    where=describe(core.origin),
                    expected=f"the {node.dtype.name}{list(node.shape)} tensor as it was then",
                    got=f"a change in place at {describe(changed)}",
                    try_="change a copy (x.clone()), or write x = x + ... instead of x += ...",
                )
            )
        return tensor

    def backward(self, g: Node, y: Node, inputs: Sequence[Node]) -> list[Node | None]:
        """The gradients of the inputs, from the user's own function."""
        arrived = _arrived(g)
        given = [self._gradient(k, arrived.get(k)) for k in range(len(self._specs))]
        returned = self._checked(_tuple(self._function._rule()(self._ctx, *given)), y)
        return [
            None if g is None else self._fitting(g._node, x, at)
            for x, at in zip(inputs, self._where, strict=True)
            for g in (returned[at],)
        ]

    def _gradient(self, index: int, g: Node | None) -> Tensor | None:
        if g is not None:
            return wrap(g)
        spec = self._specs[index]
        if spec is None or not self._ctx._materialize:
            return None
        return wrap(expand(const(0, spec[1]), spec[0]))

    def _checked(self, returned: tuple[Any, ...], y: Node) -> tuple[Tensor | None, ...]:
        count = len(self._tensors)
        while len(returned) > count and returned[-1] is None:
            returned = returned[:-1]
        if len(returned) != count:
            raise GradientError(
                explain(
                    f"{self._function.__name__}.backward returned a wrong number of gradients",
                    where=describe(y.origin),
                    expected=f"{count}, one for each argument of forward",
                    got=str(len(returned)),
                )
            )
        for k, (g, is_tensor) in enumerate(zip(returned, self._tensors, strict=True)):
            if g is not None and not (is_tensor and isinstance(g, Tensor)):
                raise GradientError(
                    explain(
                        f"{self._function.__name__}.backward returned what is no gradient",
                        where=describe(y.origin),
                        expected=f"{'a tensor or None' if is_tensor else 'None'} for argument {k}"
                        f"{'' if is_tensor else ', which is no tensor'}",
                        got=type(g).__name__,
                    )
                )
        return returned

    def _fitting(self, g: Node, x: Node, at: int) -> Node:
        """A gradient of the input's shape; one of a shape it broadcasts to is summed."""
        if g.shape != x.shape:
            lead = g.ndim - x.ndim
            if lead < 0 or any(
                n not in (1, m) for n, m in zip(x.shape, g.shape[lead:], strict=True)
            ):
                raise ShapeError(
                    explain(
                        f"{self._function.__name__}.backward returned a gradient of another shape",
                        where=describe(x.origin),
                        expected=f"{x.shape} for argument {at}",
                        got=str(g.shape),
                    )
                )
            g = sum_to(g, x.shape)
        return cast(g, x.dtype)


@dataclass(frozen=True, eq=False)
class FunctionOutput:
    """Which output of which call of a Function a node is.

    Attributes:
        core: the node that stands for the call; index: the number of the output.
        names: the nodes through which each argument that needs a gradient leads into the core.
        context: what forward left for backward; began: what it computed has larger serial numbers
            than this, and smaller ones than the core.
    """

    function: type[Function]
    core: Node
    index: int
    names: tuple[Node, ...]
    context: FunctionCtx
    began: int


def function_output(node: Node) -> FunctionOutput | None:
    """What a node is to a call of a Function; None if it is none of its outputs."""
    mark = node.attrs[0] if node.op is custom_p else None
    if not isinstance(mark, _Output):
        return None
    core = node.inputs[1]
    call: _Call = core.attrs[0]
    return FunctionOutput(
        call._function, core, mark.index, core.inputs[1:], call._ctx, call._ctx._began
    )


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

    @staticmethod
    def vjp(ctx: Any, *grad_outputs: Any) -> Any:
        """Another name for `backward`."""
        raise NotImplementedError("vjp: a Function needs one, or backward")

    @classmethod
    def _rule(cls) -> Callable[..., Any]:
        return cls.backward if cls.vjp is Function.vjp else cls.vjp

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call forward, so that backward will be used in its place."""
        for told in WATCHERS:
            told(cls, args, kwargs)
        apart = cls.setup_context is not Function.setup_context
        if apart:
            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        inputs = (*args, *kwargs.values())
        needs = tuple(isinstance(x, Tensor) and x.requires_grad for x in inputs)
        nodes = {k: x._node for k, x in enumerate(inputs) if needs[k]}
        ctx = FunctionCtx(needs)
        with grad_mode(False):
            if apart:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, inputs, result)
            else:
                result = cls.forward(ctx, *args, **kwargs)
        outputs = list(_tuple(result))
        _check_dirty(cls, ctx, outputs)
        if MODE.grad and nodes:
            outputs = _bind(cls, ctx, inputs, nodes, outputs)
        return tuple(outputs) if isinstance(result, tuple) else outputs[0]


def _tuple(result: Any) -> tuple[Any, ...]:
    return cast_type(tuple[Any, ...], result) if isinstance(result, tuple) else (result,)


def _check_dirty(function: type[Function], ctx: FunctionCtx, outputs: list[Any]) -> None:
    for x in ctx._dirty:
        if not any(x is y for y in outputs):
            raise GradientError(
                explain(
                    f"{function.__name__}: an input marked as dirty was not returned",
                    where=user_line(),
                    expected="forward returns each input that it changes in place",
                    got=f"mark_dirty of {x.dtype.name}{list(x.shape)}",
                )
            )


def _bind(
    function: type[Function],
    ctx: FunctionCtx,
    args: tuple[Any, ...],
    nodes: dict[int, Node],
    outputs: list[Any],
) -> list[Any]:
    """The outputs, with the call in the graph behind them."""
    for x in ctx._dirty:
        if x.requires_grad and is_leaf(x):
            raise GradientError(
                explain(
                    f"{function.__name__}: a leaf Variable that requires grad has been used in an "
                    "in-place operation",
                    where=user_line(),
                    try_="apply it to x * 1, or to x.clone()",
                )
            )
    core = _Call(function, ctx, args, outputs).core(nodes)
    found: list[Any] = []
    for k, y in enumerate(outputs):
        if not isinstance(y, Tensor):
            found.append(y)
        elif y.dtype.category < 2 or any(y is x for x in ctx._no_gradient):
            found.append(y.detach() if y.requires_grad else y)
        else:
            new = custom(detach(y._node), (core,), _Output(k))
            if any(y is x for x in ctx._dirty):
                y._rebind(new)
                found.append(y)
            else:
                found.append(wrap(new))
    return found


class _NoSecond:
    """What stands behind gradients that cannot be differentiated."""

    def backward(self, g: Node, y: Node, inputs: Sequence[Node]) -> list[Node | None]:
        """Raises."""
        raise GradientError(
            explain(
                "this function is marked once_differentiable: it has no second gradient",
                where=describe(y.origin),
            )
        )


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """For a `backward` that cannot be differentiated itself."""

    @functools.wraps(function)
    def run(ctx: Any, *gradients: Any) -> Any:
        with grad_mode(False):
            result = function(ctx, *gradients)
        behind = [g._node for g in gradients if isinstance(g, Tensor) and g.requires_grad]
        if not (MODE.grad and behind):
            return result
        bound = tuple(
            wrap(custom(detach(g._node), tuple(behind), _NoSecond()))
            if isinstance(g, Tensor) and g.dtype.category >= 2
            else g
            for g in _tuple(result)
        )
        return bound if isinstance(result, tuple) else bound[0]

    return run
