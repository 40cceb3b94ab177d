"""float16 and bfloat16, which numbers are stored in: what becomes of operations on them.

An operation computes in float32 and rounds its result, as in PyTorch on a CPU, unless it only moves
numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from zincir.graph.node import Node
from zincir.graph.primitive import Attr, Kind, Primitive
from zincir.operations.arithmetic import cast, cast_p, copy_p, keep_p, where_p
from zincir.types import DType, float32

F = TypeVar("F", bound=Callable[..., Any])

_MOVES = frozenset(
    {Kind.SOURCE, Kind.ALIAS, Kind.VIEW, Kind.ASSEMBLY, Kind.TAKE, Kind.OUTPUT, Kind.COMPOUND}
)
_ALSO = frozenset({cast_p, copy_p, keep_p, where_p})


def moves(op: Primitive, attrs: tuple[Attr, ...]) -> bool:
    """Whether an operation looks at no number of its operands, or leaves that to others."""
    if op.kind is Kind.SCATTER:
        return attrs[0] == "set"
    return op.kind in _MOVES or op in _ALSO


def wide_attrs(attrs: tuple[Attr, ...]) -> tuple[Attr, ...]:
    """Attributes of the operation that computes in float32."""
    return tuple([_wide_attr(a) for a in attrs])


def _wide_attr(attr: Any) -> Any:
    if isinstance(attr, DType):
        return float32 if attr.half else attr
    return wide_attrs(attr) if attr.__class__ is tuple else attr


def once(function: F) -> F:
    """Let an operation that is made of several compute in float32 and round its results once.

    That is so if all its floating operands are of one type of halves. A type among the arguments is
    that of the results.
    """

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        for x in args:
            if isinstance(x, Node) and x.dtype.half:
                break
        else:
            return function(*args, **kwargs)
        kinds = {x.dtype for x in args if isinstance(x, Node) and x.dtype.category == 2}
        if len(kinds) > 1:
            return function(*args, **kwargs)
        given = [x for x in (*args, *kwargs.values()) if isinstance(x, DType)]
        kind = given[0] if given else kinds.pop()
        args = tuple([cast(x, float32) if _half(x) else x for x in wide_attrs(args)])
        made = function(*args, **{name: _wide_attr(x) for name, x in kwargs.items()})
        return (
            tuple([_rounded(y, kind) for y in made])
            if isinstance(made, tuple)
            else (_rounded(made, kind))
        )

    return run  # type: ignore[return-value]


def _half(x: Any) -> bool:
    return isinstance(x, Node) and x.dtype.half


def _rounded(y: Any, kind: DType) -> Any:
    return cast(y, kind) if isinstance(y, Node) and y.dtype is float32 else y


def widened(x: Node) -> Node:
    """A half in float32, for a rule of gradients: whether it has a gradient stays as it is."""
    if not x.dtype.half:
        return x
    wide = cast(x, float32)
    wide.needs_grad = x.needs_grad
    return wide
