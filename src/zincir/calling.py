"""How operations are called: methods as functions, `input=`, `out=`, and NumPy's names.

What is said here once holds for every method of `Tensor`, and for what `takes_out` is written over.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from zincir import inplace, storage
from zincir.convert import operand
from zincir.errors import ArgumentError, DTypeError, GradientError, explain
from zincir.graph.node import MODE, grad_mode, user_line
from zincir.ops import arithmetic as ar
from zincir.ops.dims import is_several
from zincir.tensor_base import TensorBase

T = TypeVar("T", bound=type)
F = TypeVar("F", bound=Callable[..., Any])
Function = Callable[..., Any]

NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}
"""Names that PyTorch takes for its own in every method and function."""
_FIRST = ("input", "x", "a", "x1")
"""Names of the tensor that a function is a method of: PyTorch's, and NumPy's."""
_EXACT = ("aminmax", "complex", "polar")
"""Functions whose `out=` must be of the type of their results."""
_NUMBERS_FIRST = (
    *("add", "sub", "subtract", "mul", "multiply"),
    *("div", "divide", "true_divide", "floor_divide", "remainder"),
    *("bitwise_left_shift", "bitwise_right_shift"),
)
"""Functions that take a number in its place."""


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
                return _into(named.pop("out"), name, method, args, named)
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


# out= -------------------------------------------------------------------------------------------


def takes_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function take NumPy's names, and write its result to the tensor given as `out=`."""
    function = _named(function)

    @wraps(function)
    def called(*args: Any, **named: Any) -> Any:
        if "out" in named:
            return _into(named.pop("out"), function.__name__, function, args, named)
        return function(*args, **named)

    return called


def _into(
    out: Any, name: str, function: Function, args: tuple[Any, ...], named: dict[str, Any]
) -> Any:
    """Call a function, and write what it returns to `out`."""
    if out is None:
        return function(*args, **named)
    outs = tuple(out) if is_several(out) else (out,)
    for one in outs:
        if not isinstance(one, TensorBase):
            raise TypeError(
                explain(
                    f"{name}(): argument 'out' must be Tensor, not {type(one).__name__}",
                    where=user_line(),
                )
            )
    if MODE.grad and _any_grad((*outs, *args, *named.values())):
        raise GradientError(
            explain(
                f"{name}(): functions with out=... arguments don't support automatic"
                " differentiation, but one of the arguments requires grad.",
                where=user_line(),
                try_="the function without out=, or `with zincir.no_grad():`",
            )
        )
    if "dtype" not in named and "dtype" in inspect.signature(function).parameters:
        named["dtype"] = outs[0].dtype  # what sums and the like are worked out in
    with grad_mode(False):
        result: Any = function(*args, **named)
        results: tuple[Any, ...] = result if is_several(result) else (result,)
        if len(outs) != len(results):
            raise ArgumentError(
                explain(
                    f"{name}(): expected {len(results)} tensors as out",
                    where=user_line(),
                    got=str(len(outs)),
                )
            )
        for one, value in zip(outs, results, strict=True):
            _write(one, value, name)
    if not is_several(result):
        return outs[0]
    return result._make(outs) if hasattr(result, "_make") else outs


def _any_grad(values: Any) -> bool:
    for value in values:
        if isinstance(value, TensorBase):
            if value.requires_grad:
                return True
        elif is_several(value) and _any_grad(value):
            return True
    return False


def _write(out: Any, value: Any, name: str) -> None:
    if name in _EXACT and out.dtype is not value.dtype:
        raise DTypeError(
            explain(
                f"{name}(): Expected out tensor to have dtype {value.dtype.name}, but got"
                f" {out.dtype.name} instead",
                where=user_line(),
            )
        )
    if value.dtype.category > out.dtype.category:
        raise DTypeError(
            explain(
                f"{name}(): result type {value.dtype.name} can't be cast to the desired output"
                f" type {out.dtype.name}",
                where=user_line(),
            )
        )
    if out.shape == value.shape:
        inplace.write(out, value._node, f"{name}(out=)", convert=True)
        return
    if out.numel():
        warnings.warn(
            "An output with one or more elements was resized since it had shape"
            f" {list(out.shape)}, which does not match the required output shape"
            f" {list(value.shape)}. Give an empty tensor, or one of that shape.",
            UserWarning,
            stacklevel=4,
        )
    if storage.is_shared(out):
        raise ArgumentError(
            explain(
                f"{name}(): out has another shape, and shares its memory with another tensor",
                where=user_line(),
                expected=str(value.shape),
                got=str(out.shape),
            )
        )
    inplace.take_over(out, value.to(out.dtype))
