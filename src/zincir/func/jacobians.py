"""Jacobians and Hessians, all of their rows or columns at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from zincir.autograd.differentiated import Inputs
from zincir.creation import eye
from zincir.func.gradients import jvp, numbers_of, vjp
from zincir.func.vmap import vmap
from zincir.tensor import Tensor
from zincir.trees import flatten


def jacrev(
    func: Callable[..., Any],
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Any:
    """A function that gives the Jacobian of `func`, row by row: for few outputs.

    Args:
        func: of tensors; returns tensors.
        argnums: the number of the argument to differentiate by, or a tuple of them.
        has_aux: whether `func` returns a pair, of which the second part is handed on.
        chunk_size: how many rows at once.

    Example:
        >>> jacrev(lambda x: x**2)(Tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """

    @functools.wraps(func)
    def run(*args: Any, **kwargs: Any) -> Any:
        one, numbers = isinstance(argnums, int), numbers_of(argnums)
        partial = _partial(func, args, kwargs, numbers)
        found = vjp(partial, *[args[n] for n in numbers], has_aux=has_aux)
        outputs, build = flatten(found[0])
        rows: list[Any] = []
        for k, y in enumerate(outputs):
            pull = functools.partial(_pulled, found[1], outputs, build, k)
            basis = eye(y.numel(), dtype=y.dtype).reshape(y.numel(), *y.shape)
            grads = vmap(pull, chunk_size=chunk_size)(basis)
            leaves, again = flatten(grads)
            shaped = [g.reshape((*y.shape, *g.shape[1:])) for g in leaves]
            tree = again(shaped)
            rows.append(tree[0] if one else tree)
        result = build(rows)
        return (result, found[2]) if has_aux else result

    return run


def _partial(
    func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], numbers: Sequence[int]
) -> Callable[..., Any]:
    """A function of some of the arguments."""

    def run(*some: Any) -> Any:
        new = list(args)
        for number, x in zip(numbers, some, strict=True):
            new[number] = x
        return func(*new, **kwargs)

    return run


def _pulled(pull: Any, outputs: list[Tensor], build: Any, k: int, row: Tensor) -> Any:
    """The products of a vector for one output with its part of the Jacobian."""
    vectors = [row if i == k else y.new_zeros(y.shape) for i, y in enumerate(outputs)]
    return pull(build(vectors))


def jacfwd(
    func: Callable[..., Any],
    argnums: Any = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Any:
    """A function that gives the Jacobian of `func`, column by column: for few inputs.

    Example:
        >>> jacfwd(lambda x: x**2)(Tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """

    @functools.wraps(func)
    def run(*args: Any, **kwargs: Any) -> Any:
        one, numbers = isinstance(argnums, int), numbers_of(argnums)
        partial = _partial(func, args, kwargs, numbers)
        primals = tuple([args[n] for n in numbers])
        leaves, build = flatten(primals)
        Inputs(primals, "func.jacfwd")
        columns: list[list[Tensor]] = []
        form: Any = None
        aux: Any = None
        for k, x in enumerate(leaves):
            push = functools.partial(_pushed, partial, primals, leaves, build, k, has_aux)
            basis = eye(x.numel(), dtype=x.dtype).reshape(x.numel(), *x.shape)
            tangents = vmap(push, randomness=randomness, out_dims=-1)(basis)
            parts, form = flatten(tangents)
            columns.append([t.reshape((*t.shape[:-1], *x.shape)) for t in parts])
        if has_aux:
            aux = partial(*primals)[1]
        trees = [build([row[i] for row in columns]) for i in range(len(columns[0]))]
        result = form([tree[0] for tree in trees] if one else trees)
        return (result, aux) if has_aux else result

    return run


def _pushed(
    partial: Any, primals: Any, leaves: list[Tensor], build: Any, k: int, has_aux: bool, v: Tensor
) -> Any:
    vectors = [v if i == k else x.new_zeros(x.shape) for i, x in enumerate(leaves)]
    found = jvp(partial, primals, build(vectors), has_aux=has_aux)
    return found[1]


def hessian(func: Callable[..., Any], argnums: Any = 0) -> Any:
    """A function that gives the Hessian of `func`, whose output has one element.

    Example:
        >>> hessian(lambda x: (x**3).sum())(Tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)
