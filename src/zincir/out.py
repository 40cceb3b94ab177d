"""`out=`: what may be given, and how results get there."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from zincir import inplace, storage
from zincir.errors import ArgumentError, DTypeError, GradientError, explain
from zincir.graph.node import MODE, grad_mode, user_line
from zincir.operations.dims import is_several
from zincir.tensor_base import TensorBase
from zincir.tensor_types import as_dtype

Function = Callable[..., Any]

_MOVES = frozenset(
    (
        *("cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "column_stack"),
        *("gather", "index_select", "masked_select", "take", "take_along_dim", "cross", "kthvalue"),
    )
)
"""Functions that read elements elsewhere than they write them: `out=` is none of their inputs."""
_EXACT = frozenset(
    (
        *("gather", "index_select", "masked_select", "take", "take_along_dim"),
        *("diag", "tril", "triu", "complex", "polar"),
    )
)
"""Functions whose `out=` has the type of the result, besides those with several results."""


def into(
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
    _check_memory(outs, name, (*args, *named.values()))
    if "dtype" in inspect.signature(function).parameters:
        _check_type(outs[0], name, named)
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
        exact = name in _EXACT or is_several(result)
        for one, value in zip(outs, results, strict=True):
            _check_cast(one, value, name, exact)
        for one, value in zip(outs, results, strict=True):
            _write(one, value, name)
    if not is_several(result):
        return outs[0]
    return result._make(outs) if hasattr(result, "_make") else outs


def _any_grad(values: Any) -> bool:
    return any(x.requires_grad for x in _tensors(values))


def _tensors(values: Any) -> Iterator[TensorBase]:
    for value in values:
        if isinstance(value, TensorBase):
            yield value
        elif is_several(value):
            yield from _tensors(value)


def _check_memory(outs: tuple[TensorBase, ...], name: str, given: tuple[Any, ...]) -> None:
    """Raise if elements would be written over one another, or before they are read.

    Raises:
        ArgumentError: they would.
    """
    for out in outs:
        if storage.repeats(out):
            raise _refused(name, "several elements of out are one in memory", "out.clone()")
        for x in _tensors(given):
            shared = storage.shared_part(out, x)
            if shared == "some" or (shared == "all" and name in _MOVES):
                raise _refused(name, "out shares memory with an input", "the input's clone()")


def _refused(name: str, what: str, remedy: str) -> ArgumentError:
    return ArgumentError(
        explain(f"{name}(): unsupported operation: {what}", where=user_line(), try_=remedy)
    )


def _check_type(out: TensorBase, name: str, named: dict[str, Any]) -> None:
    """Let a function that is told in which type to compute do so in that of `out`.

    Raises:
        DTypeError: it is told another.
    """
    kind = named.get("dtype")
    if kind is None:
        named["dtype"] = out.dtype
    elif as_dtype(kind) is not out.dtype:
        raise DTypeError(
            explain(
                f"{name}(): dtype does not match that of out",
                where=user_line(),
                expected=as_dtype(kind).name,
                got=out.dtype.name,
            )
        )


def _check_cast(out: TensorBase, value: Any, name: str, exact: bool) -> None:
    """Raise unless `value` can be written to `out`.

    Raises:
        DTypeError: `value` is of a higher kind, or of another type if it has to be `exact`.
    """
    if exact and value.dtype is not out.dtype:
        raise DTypeError(
            explain(
                f"{name}(): expected out tensor to have dtype {value.dtype.name}, but got"
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


def _write(out: Any, value: Any, name: str) -> None:
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
