"""What `autocast` changes: which operations compute in the lower precision, and which in float32.

The lists are PyTorch's for the CPU. Inside such a context an operation of the first list takes its
operands in the lower type, one of the second takes them in float32, and all others take them as
they are. Numbers of 64 bits stay. Conversions have gradients, so that those of parameters are of
the parameters' type.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from zincir.graph.node import MODE
from zincir.tensor_base import TensorBase
from zincir.types import DType, float32, float64

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T", bound=type)

LOWER_METHODS = (
    "__matmul__", "__rmatmul__", "addbmm", "addmm", "baddbmm", "bmm", "matmul", "mm",
)  # fmt: skip
"""Methods of the first list; its functions are marked where they are defined."""
FULL_METHODS = (
    "cholesky", "cholesky_inverse", "cholesky_solve", "geqrf", "inverse", "lu", "lu_solve",
    "nanquantile", "orgqr", "ormqr", "pinverse", "prod", "qr", "quantile", "svd", "trace",
    "triangular_solve",
)  # fmt: skip
"""Methods of the second list; its functions, losses among them, are marked as well."""


def lower(function: F) -> F:
    """`function`, whose operands are converted to the lower precision inside `autocast`."""

    @wraps(function)
    def called(*args: Any, **named: Any) -> Any:
        if MODE.autocast is None or "out" in named:
            return function(*args, **named)
        return _converted(function, args, named, MODE.autocast)

    return cast(F, called)


def full(function: F) -> F:
    """`function`, whose operands are converted to float32 inside `autocast`."""

    @wraps(function)
    def called(*args: Any, **named: Any) -> Any:
        if MODE.autocast is None or "out" in named:
            return function(*args, **named)
        return _converted(function, args, named, float32)

    return cast(F, called)


def full_when(applies: Callable[..., bool]) -> Callable[[F], F]:
    """`full` for calls whose arguments `applies` says yes to."""

    def decorate(function: F) -> F:
        converting = full(function)

        @wraps(function)
        def called(*args: Any, **named: Any) -> Any:
            if MODE.autocast is None or not applies(*args, **named):
                return function(*args, **named)
            return converting(*args, **named)

        return cast(F, called)

    return decorate


def lists(cls: T) -> T:
    """Put the methods of a class on their lists."""
    for names, mark in ((LOWER_METHODS, lower), (FULL_METHODS, full)):
        for name in names:
            setattr(cls, name, mark(getattr(cls, name)))
    return cls


def lowered(*operands: Any) -> tuple[Any, ...]:
    """Operands in the lower precision inside `autocast`, for what is a product only at times."""
    to = MODE.autocast
    return operands if to is None else tuple([converted(x, to) for x in operands])


def _converted(
    function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any], to: DType
) -> Any:
    """Call `function` on operands of this type; what it is made of is converted no more."""
    before, MODE.autocast = MODE.autocast, None
    try:
        return function(
            *[converted(x, to) for x in args], **{k: converted(v, to) for k, v in named.items()}
        )
    finally:
        MODE.autocast = before


def converted(x: Any, to: DType) -> Any:
    """A tensor in another type, and lists of them, if it is floating and has not 64 bits."""
    if isinstance(x, TensorBase):
        convertible = x.dtype.is_floating_point and x.dtype is not float64
        return cast(Any, x).to(to) if convertible else x
    if type(x) is list:
        return [converted(item, to) for item in cast("list[Any]", x)]
    if type(x) is tuple:
        return tuple([converted(item, to) for item in cast("tuple[Any, ...]", x)])
    return x
