"""How operations are called: methods as functions, `input=`, and NumPy's names.

What is said here once holds for every method of `Tensor`, and for what `takes_out` is written over.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from zincir.convert import operand
from zincir.errors import explain
from zincir.graph.node import user_line
from zincir.operations import arithmetic as ar
from zincir.out import into

T = TypeVar("T", bound=type)
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
Function = Callable[..., Any]

NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}
"""Names that PyTorch takes for its own in every method and function."""
_FIRST = ("input", "x", "a", "x1")
"""Names of the tensor that a function is a method of: PyTorch's, and NumPy's."""
_NUMBERS_FIRST = (
    *("add", "sub", "subtract", "mul", "multiply"),
    *("div", "divide", "true_divide", "floor_divide", "remainder"),
    *("bitwise_left_shift", "bitwise_right_shift"),
)
"""Functions that take a number in its place."""
_NOT_TWO_NUMBERS = ("remainder", "bitwise_left_shift", "bitwise_right_shift")
"""Those of them that do not take two."""


# Methods ----------------------------------------------------------------------------------------


def takes_names(cls: T) -> T:
    """Let the methods of a class take NumPy's names, and what is written `*sizes` as `sizes=`."""
    for name, method in list(vars(cls).items()):
        if name[:2] != "__" and inspect.isfunction(method):
            setattr(cls, name, _named(method))
    return cls


def _named(method: Function) -> Function:
    """`method` with other names for its arguments, or itself if there are none."""
    code = inspect.unwrap(method).__code__
    fixed = code.co_argcount + code.co_kwonlyargcount
    names = code.co_varnames[:fixed]
    others = {theirs: ours for theirs, ours in NUMPY_NAMES.items() if ours in names}
    rest = code.co_varnames[fixed] if code.co_flags & inspect.CO_VARARGS else None
    if rest is None and not others:
        return method

    @wraps(method)
    def called(*args: Any, **named: Any) -> Any:
        if named:
            if rest in named and len(args) == 1:
                args = (*args, named.pop(rest))
            for theirs in others.keys() & named.keys():
                if others[theirs] not in named:
                    named[others[theirs]] = named.pop(theirs)
        return method(*args, **named)

    return called


def factor_first(name: str) -> Callable[[F], F]:
    """Let a method take the argument `name` in front of the others, too: `x.add_(0.5, y)`.

    PyTorch calls that deprecated, and optimizers of some years ago are written so.
    """

    def decorate(method: Any) -> Any:
        most = method.__code__.co_argcount

        @wraps(method)
        def called(*args: Any, **named: Any) -> Any:
            if len(args) == most + 1:
                new = f"{method.__name__}(..., {name}={args[1]!r})"
                warnings.warn(f"a factor in front is deprecated: {new}", UserWarning, stacklevel=3)
                named[name] = args[1]
                args = (args[0], *args[2:])
            return method(*args, **named)

        return called

    return decorate


# Functions --------------------------------------------------------------------------------------


def functions_of(cls: T) -> T:
    """The methods of a class as functions, by name: `functions_of(Tensor).add` is `zincir.add`."""
    return cast(T, _Functions(cls))


class _Functions:
    def __init__(self, cls: type) -> None:
        self._cls = cls

    def __getattr__(self, name: str) -> Function:
        return _function(getattr(self._cls, name), name, self._cls)


def _function(method: Function, name: str, cls: type) -> Function:
    def function(*args: Any, **named: Any) -> Any:
        if named or not args or not isinstance(args[0], cls):
            args = _with_first(name, cls, args, named)
            if "out" in named:
                return into(named.pop("out"), name, method, args, named)
        return method(*args, **named)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "zincir"
    function.__doc__ = method.__doc__
    cast(Any, function).__wrapped__ = method
    return function


def _with_first(
    name: str, cls: type, args: tuple[Any, ...], named: dict[str, Any]
) -> tuple[Any, ...]:
    """The arguments with the tensor in front, under whatever name it was given."""
    if not args:
        for first in _FIRST:
            if first in named:
                args = (named.pop(first),)
                break
    if "x2" in named and "other" not in named:
        named["other"] = named.pop("x2")
    if len(args) > 0 and isinstance(args[0], cls):
        return args
    if len(args) > 0 and name in _NUMBERS_FIRST and isinstance(args[0], float | int):
        other = operand(args[1] if len(args) > 1 else named.get("other"))
        if name in _NOT_TWO_NUMBERS and isinstance(other, float | int):
            raise two_numbers(name)
        first = ar.common(args[0], other)[0]
        return (cast(Any, cls)._of(first), *args[1:])
    got = type(args[0]).__name__ if len(args) > 0 else "nothing"
    raise TypeError(
        explain(
            f"{name}(): argument 'input' (position 1) must be Tensor, not {got}",
            where=user_line(),
            try_="zincir.tensor(...)",
        )
    )


def two_numbers(name: str) -> TypeError:
    """The error for an operation on two numbers, of which one should be a tensor."""
    return TypeError(
        explain(
            f"{name}(): at least one of two arguments must be Tensor, not two numbers",
            where=user_line(),
            try_="zincir.tensor(...)",
        )
    )


def takes_out(function: Callable[..., R]) -> Callable[..., R]:
    """Let a function take NumPy's names, and write its result to the tensor given as `out=`."""
    function = _named(function)

    @wraps(function)
    def called(*args: Any, **named: Any) -> Any:
        if "out" in named:
            return into(named.pop("out"), function.__name__, function, args, named)
        return function(*args, **named)

    return called
