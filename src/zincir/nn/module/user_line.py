"""Where a function of this package meets the user: tensors in, nodes inside, the user's line."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from zincir.errors import DTypeError, explain
from zincir.graph.node import MODE, Node, here, user_line
from zincir.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def at_user_line(function: Callable[P, R]) -> Callable[P, R]:
    """Find the user's line once for all the nodes that `function` makes, not once for each."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if MODE.origin is not None:
            return function(*args, **kwargs)
        MODE.origin = here()
        try:
            return function(*args, **kwargs)
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
