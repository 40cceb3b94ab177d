"""Where a function of this package meets the user: tensors in, nodes inside, the user's line."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from zincir.errors import DTypeError, explain
from zincir.graph.node import MODE, Node, here, user_line
from zincir.tensor import Tensor
from zincir.types import DType, float32

P = ParamSpec("P")
R = TypeVar("R")

_IN_STEPS: set[Callable[..., Any]] = set()


def at_user_line(function: Callable[P, R]) -> Callable[P, R]:
    """Find the user's line once for all the nodes that `function` makes, not once for each.

    Of halves a function computes in float32, and its results are rounded once.
    """
    whole = function.__code__.co_varnames[:1] == ("self",) or function in _IN_STEPS

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        half = not whole and (_has_halves(args) or (kwargs and _has_halves(kwargs.values())))
        if MODE.origin is not None:
            return _rounded_once(function, args, kwargs) if half else function(*args, **kwargs)
        MODE.origin = here()
        try:
            return _rounded_once(function, args, kwargs) if half else function(*args, **kwargs)
        finally:
            MODE.origin = None

    return run


def node_of(x: Any, what: str) -> Node:
    """The node of a tensor.

    Raises:
        DTypeError: it is not a tensor; `what` names the function and the argument.
    """
    if isinstance(x, Tensor):
        return x._node
    raise DTypeError(
        explain(
            f"{what}: not a tensor",
            where=user_line(),
            expected="a zincir.Tensor",
            got=type(x).__name__,
            try_="zincir.tensor(data), or zincir.from_numpy(array)",
        )
    )


def floats(x: Any, what: str) -> Node:
    """The node of a floating tensor.

    Raises:
        DTypeError: it is something else; `what` names the function and the argument.
    """
    node = node_of(x, what)
    if node.dtype.category != 2:
        raise DTypeError(
            explain(
                f"{what}: needs a floating tensor",
                where=user_line(),
                expected="float32 or float64",
                got=f"{node.dtype.name} {node.shape}",
                try_="x.float()",
            )
        )
    return node


# Halves ---------------------------------------------------------------------------------------


def in_steps(function: Callable[P, R]) -> Callable[P, R]:
    """Below `at_user_line`: what PyTorch makes of several operations, each of which rounds."""
    _IN_STEPS.add(function)
    return function


def _has_halves(given: Iterable[Any]) -> bool:
    for x in given:  # noqa: SIM110 - every function asks
        if isinstance(x, Tensor) and x._held.dtype.half:
            return True
    return False


def _rounded_once(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """`function` in float32, its results rounded, if there is one floating type, and of halves.

    What it changes in place, or returns as it is, is the tensor that was given.
    """
    given = [*args, *kwargs.values()]
    tensors = [x for x in given if isinstance(x, Tensor) and x.is_floating_point()]
    kinds = {x.dtype for x in tensors}
    if len(kinds) > 1 or any(isinstance(x, DType) for x in given):
        return function(*args, **kwargs)
    (kind,) = kinds
    wide = {id(x): x.float() for x in tensors}
    before = {name: x._held for name, x in wide.items()}
    result = function(
        *[wide.get(id(x), x) for x in args], **{k: wide.get(id(x), x) for k, x in kwargs.items()}
    )
    own = {id(wide[id(x)]): x for x in tensors}
    for x in tensors:
        if wide[id(x)]._held is not before[id(x)]:
            x.copy_(wide[id(x)])

    def back(y: Any) -> Any:
        if isinstance(y, Tensor):
            found = own.get(id(y))
            return found if found is not None else y.to(kind) if y.dtype is float32 else y
        return tuple([back(x) for x in y]) if y.__class__ is tuple else y

    return back(result)
