"""Derivatives of functions, asked for with the function and its inputs:
`torch.autograd.functional`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from zincir.autograd.differentiated import Inputs, pushed_forward, rows_of_jacobian
from zincir.autograd.modes import enable_grad
from zincir.errors import ArgumentError, GradientError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.tensor import Tensor


class _Call:
    """A function called on other tensors in the place of its inputs."""

    def __init__(
        self, func: Callable[..., Any], inputs: Any, create_graph: bool, strict: bool, what: str
    ) -> None:
        self._what, self._create_graph, self._strict = what, create_graph, strict
        self.several = isinstance(inputs, tuple)
        self.inputs = Inputs(inputs if self.several else (inputs,), f"autograd.functional.{what}")
        with enable_grad():
            result = func(*self.inputs.tensors)
        self.many = isinstance(result, tuple)
        self.outputs: list[Tensor] = list(result) if self.many else [result]
        for y in self.outputs:
            if not isinstance(y, Tensor):
                raise self.refusal("the function must return a tensor or a tuple of them")
            if strict and not y.requires_grad:
                raise GradientError(
                    explain(
                        f"{what}: the output is independent of all inputs, and strict=True",
                        where=user_line(),
                    )
                )

    def refusal(self, why: str) -> ArgumentError:
        """The error for what cannot be asked."""
        return ArgumentError(explain(f"autograd.functional.{self._what}: {why}", where=user_line()))

    def finished(self, tree: Any) -> Any:
        """Results as users get them: with a graph of their own inputs, or with none."""
        if isinstance(tree, list | tuple):
            return tuple([self.finished(part) for part in tree])  # pyright: ignore[reportUnknownVariableType]
        result = self.inputs.outside(tree)
        return result if self._create_graph else result.detach()

    def result(self) -> Any:
        """What the function returned."""
        return self.finished(self.outputs if self.many else self.outputs[0])

    def by_input(self, found: Sequence[Any]) -> Any:
        """One for each input, or the only one."""
        return tuple(found) if self.several else found[0]

    def by_output(self, found: Sequence[Any]) -> Any:
        """One for each output, or the only one."""
        return tuple(found) if self.many else found[0]

    def scalar(self) -> Tensor:
        """The output of a function that has one number."""
        if self.many or self.outputs[0].numel() != 1:
            raise self.refusal("the function must return a single tensor with one element")
        return self.outputs[0]

    def vectors(self, v: Any, like: Sequence[Tensor]) -> list[Tensor]:
        """Vectors for tensors; a number that may be left out is 1."""
        if v is None:
            if len(like) != 1 or like[0].numel() != 1:
                raise self.refusal("v can only be left out where there is one number")
            return [like[0].new_ones(like[0].shape)]
        found = list(cast("tuple[Tensor, ...]", v)) if isinstance(v, tuple) else [v]
        if [x.shape for x in found] != [x.shape for x in like]:
            raise ShapeError(
                explain(
                    f"autograd.functional.{self._what}: v has another shape",
                    where=user_line(),
                    expected=str([x.shape for x in like]),
                    got=str([x.shape for x in found]),
                )
            )
        return found


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of `func` at `inputs`.

    Args:
        func: of tensors; returns a tensor, or a tuple of them.
        inputs: a tensor, or a tuple of them.
        create_graph: whether the result can be differentiated.
        strict: whether an output that depends on no input is an error; else its rows are 0.
        vectorize: taken as PyTorch has it; all rows are computed at once in any case.
        strategy: likewise.

    Returns:
        A tensor of the output's shape and the input's behind it; with several outputs, or inputs, a
        tuple of them, or one of tuples.

    Example:
        >>> jacobian(lambda x: x**2, Tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    call = _Call(func, inputs, create_graph, strict, "jacobian")
    found: list[Any] = []
    with enable_grad():
        for y in call.outputs:
            rows = rows_of_jacobian(y, call.inputs)
            found.append(call.by_input([g.reshape((*y.shape, *g.shape[1:])) for g in rows]))
    return call.finished(call.by_output(found))


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of `func`, which returns one number: see `jacobian`.

    Example:
        >>> hessian(lambda x: (x**3).sum(), Tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """

    def slopes(*xs: Tensor) -> tuple[Any, ...]:
        inner = _Call(func, xs, True, strict, "hessian")
        inner.scalar()
        with enable_grad():
            return inner.finished(inner.inputs.gradients(inner.outputs, [None]))

    rows = jacobian(slopes, inputs, create_graph, strict=False)
    return rows if isinstance(inputs, tuple) else rows[0]


def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """What `func` returns, and the product of `v` with its Jacobian.

    Example:
        >>> vjp(lambda x: x**2, Tensor([1.0, 2.0]), Tensor([1.0, 10.0]))
        (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    call = _Call(func, inputs, create_graph, strict, "vjp")
    vectors = call.vectors(v, call.outputs)
    with enable_grad():
        found = call.inputs.gradients(call.outputs, vectors)
    return call.result(), call.finished(call.by_input(found))


def jvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """What `func` returns, and the product of its Jacobian with `v`.

    Example:
        >>> jvp(lambda x: x**2, Tensor([1.0, 2.0]), Tensor([1.0, 10.0]))
        (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    call = _Call(func, inputs, create_graph, strict, "jvp")
    vectors = call.vectors(v, call.inputs.tensors)
    with enable_grad():
        found = [pushed_forward(y, call.inputs.tensors, vectors) for y in call.outputs]
    return call.result(), call.finished(call.by_output(found))


def vhp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """What `func` returns, which is one number, and the product of `v` with its Hessian.

    Example:
        >>> vhp(lambda x: (x**3).sum(), Tensor([1.0, 2.0]), Tensor([1.0, 1.0]))[1]
        tensor([ 6., 12.])
    """
    call = _Call(func, inputs, create_graph, strict, "vhp")
    call.scalar()
    vectors = call.vectors(v, call.inputs.tensors)
    with enable_grad():
        slopes = call.inputs.gradients(call.outputs, [None])
        found = call.inputs.gradients(slopes, vectors)
    return call.result(), call.finished(call.by_input(found))


def hvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """What `func` returns, which is one number, and the product of its Hessian with `v`.

    The Hessian is its own transpose, so this is `vhp`.

    Example:
        >>> hvp(lambda x: (x**3).sum(), Tensor([1.0, 2.0]), Tensor([1.0, 1.0]))[1]
        tensor([ 6., 12.])
    """
    return vhp(func, inputs, v, create_graph, strict)
