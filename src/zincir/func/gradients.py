"""Functions that give the derivatives of a function."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

from zincir.autograd.differentiated import Inputs, pushed_forward
from zincir.autograd.modes import enable_grad
from zincir.errors import ArgumentError, DTypeError, GradientError, explain
from zincir.graph.node import user_line
from zincir.tensor import Tensor
from zincir.trees import flatten


def _split(result: Any, has_aux: bool, what: str) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    pair = cast("tuple[Any, ...]", result) if type(result) is tuple else ()  # pyright: ignore[reportUnknownArgumentType]
    if len(pair) == 2:
        return pair[0], pair[1]
    raise ArgumentError(
        explain(
            f"{what}: with has_aux=True, the function returns a pair: (output, aux)",
            where=user_line(),
            got=type(cast(Any, result)).__name__,
        )
    )


def grad_and_value(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Any:
    """A function that gives the gradient of `func`, and its value.

    Args:
        func: of tensors, whose output has one element.
        argnums: the number of the argument to differentiate by, or a tuple of them.
        has_aux: whether `func` returns a pair, of which the second part is handed on.

    Example:
        >>> from zincir import tensor
        >>> grad_and_value(lambda x: x**3)(tensor(2.0))
        (tensor(12.), tensor(8.))
    """

    @functools.wraps(func)
    def run(*args: Any, **kwargs: Any) -> Any:
        numbers = numbers_of(argnums)
        all_, chosen = _chosen(args, numbers)
        inputs = Inputs(chosen, "func.grad")
        for number, x in zip(numbers, inputs.tree, strict=True):
            all_[number] = x
        with enable_grad():
            value, aux = _split(func(*all_, **kwargs), has_aux, "func.grad")
            if not isinstance(value, Tensor) or value.numel() != 1 or value.ndim:
                got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise GradientError(
                    explain(
                        "func.grad: Expected f(*args) to return a scalar tensor",
                        where=user_line(),
                        got=str(got),
                        try_="y.sum(), or func.jacrev",
                    )
                )
            found = inputs.tree_of(inputs.gradients([value], [None]))
        found = found[0] if isinstance(argnums, int) else found
        found, value, aux = inputs.outside((found, value, aux))
        return (found, (value, aux)) if has_aux else (found, value)

    return run


def numbers_of(argnums: Any) -> tuple[int, ...]:
    """The numbers of arguments, as a tuple."""
    return (argnums,) if isinstance(argnums, int) else tuple(argnums)


def _chosen(args: Sequence[Any], numbers: Sequence[int]) -> tuple[list[Any], tuple[Any, ...]]:
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise ArgumentError(
                explain(
                    f"argnums: there is no argument {number}",
                    where=user_line(),
                    got=f"{len(args)} arguments",
                )
            )
    return list(args), tuple(args[number] for number in numbers)


def grad(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Any:
    """A function that gives the gradient of `func`: see `grad_and_value`.

    Example:
        >>> from zincir import tensor
        >>> grad(grad(lambda x: x**3))(tensor(2.0))
        tensor(12.)
    """

    @functools.wraps(func)
    def run(*args: Any, **kwargs: Any) -> Any:
        found, value = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return run


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """`func(*primals)`, and a function that gives the products of vectors with its Jacobian.

    Example:
        >>> y, pull = vjp(lambda x: x**2, Tensor([1.0, 2.0]))
        >>> pull(Tensor([1.0, 10.0]))
        (tensor([ 2., 40.]),)
    """
    inputs = Inputs(primals, "func.vjp")
    with enable_grad():
        result, aux = _split(func(*inputs.tree), has_aux, "func.vjp")
    outputs = _tensors(result, "func.vjp")

    def pull(*cotangents: Any) -> Any:
        tree = cotangents[0] if len(cotangents) == 1 else cotangents
        weights = _fitting(outputs, tree, "func.vjp")
        with enable_grad():
            found = inputs.gradients(outputs, weights)
        return inputs.outside(inputs.tree_of(found))

    result, aux = inputs.outside((result, aux))
    return (result, pull, aux) if has_aux else (result, pull)


def _tensors(tree: Any, what: str) -> list[Tensor]:
    leaves, _ = flatten(tree)
    for y in leaves:
        if not isinstance(y, Tensor):
            raise DTypeError(
                explain(
                    f"{what}: the function must return tensors",
                    where=user_line(),
                    got=type(y).__name__,
                )
            )
    return leaves


def _fitting(like: Sequence[Tensor], tree: Any, what: str) -> list[Tensor]:
    """Vectors for tensors, of the same shapes."""
    vectors = _tensors(tree, what)
    shapes, wanted = [v.shape for v in vectors], [y.shape for y in like]
    if shapes != wanted:
        raise ArgumentError(
            explain(
                f"{what}: the vectors have other shapes than what they belong to",
                where=user_line(),
                expected=str(wanted),
                got=str(shapes),
            )
        )
    return vectors


def jvp(
    func: Callable[..., Any],
    primals: Any,
    tangents: Any,
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """`func(*primals)`, and the product of its Jacobian with vectors.

    That product is the gradient, by u, of the product of u with the Jacobian: two walks backwards.

    Example:
        >>> jvp(lambda x: x**2, (Tensor([1.0, 2.0]),), (Tensor([1.0, 10.0]),))
        (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise ArgumentError(explain("func.jvp: primals and tangents are tuples", where=user_line()))
    inputs = Inputs(primals, "func.jvp")
    with enable_grad():
        result, aux = _split(func(*inputs.tree), has_aux, "func.jvp")
        outputs = _tensors(result, "func.jvp")
        vectors = _fitting(inputs.tensors, tangents, "func.jvp")
        pushed = [pushed_forward(y, inputs.tensors, vectors) for y in outputs]
    _, build = flatten(result)
    result, tangent, aux = inputs.outside((result, build(pushed), aux))
    return (result, tangent, aux) if has_aux else (result, tangent)
