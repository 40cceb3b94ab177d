"""What norms are given, checked: shapes, types, and that there is something to average."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

from zincir.errors import DTypeError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.nn.module.user_line import floats
from zincir.tensor import Tensor
from zincir.types import DType, float32, size

F = TypeVar("F", bound=Callable[..., Any])


def nodes_of_type(what: str, x: Node, **tensors: Tensor | None) -> dict[str, Node]:
    """The nodes of the tensors that are there, by name; all must have the type of x."""
    given = {k: floats(v, f"{what}: {k}") for k, v in tensors.items() if v is not None}
    for name, node in given.items():
        if node.dtype is not x.dtype:
            raise DTypeError(
                explain(
                    f"{what}: input is {x.dtype.name}, {name} is {node.dtype.name}",
                    where=user_line(),
                    expected="the same type",
                    got=f"input {x.shape} {x.dtype.name}, {name} {node.shape} {node.dtype.name}",
                    try_="x.double()"
                    if node.dtype.name == "float64"
                    else "x.float(), or model.double()",
                )
            )
    return given


def need_axes(what: str, x: Node, least: int) -> None:
    """Raise unless x has `least` axes, 2 or 3: batch, channels, and what is averaged over.

    Raises:
        ShapeError: it has fewer.
    """
    if x.ndim < least:
        expected = "(batch, channels, ...)" if least == 2 else "(batch, channels, length, ...)"
        raise ShapeError(
            explain(
                f"{what}: input has too few axes",
                where=user_line(),
                expected=expected,
                got=str(x.shape),
                try_="x.unsqueeze(0) if the batch is missing",
            )
        )


def of_channels(
    what: str,
    x: Node,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
) -> dict[str, Node]:
    """What is given for each channel, by name; every one has one number for each."""
    given = nodes_of_type(
        what, x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    channels = x.shape[1]
    for name, node in given.items():
        if node.shape != (channels,):
            raise ShapeError(
                explain(
                    f"{what}: input has {channels} channels, {name} is for {size(node.shape)}",
                    where=user_line(),
                    expected=f"input (batch, channels, ...), {name} (channels,)",
                    got=f"input {x.shape}, {name} {node.shape}",
                    try_=f"a layer made for {channels} channels, "
                    "or check the output of the layer before this one",
                )
            )
    return given


def over_last(
    what: str,
    layer: str,
    x: Node,
    normalized_shape: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
) -> tuple[dict[str, Node], tuple[int, ...]]:
    """Weight and bias, and the axes that `normalized_shape` names."""
    shape = tuple(normalized_shape)
    given = nodes_of_type(what, x, weight=weight, bias=bias)
    fits = shape and x.shape[-len(shape) :] == shape
    if not fits or any(v.shape != shape for v in given.values()):
        got = "".join(f", {k} {v.shape}" for k, v in given.items())
        raise ShapeError(
            explain(
                f"{what}: the last axes are not those to normalise",
                where=user_line(),
                expected=f"input (..., {', '.join(map(str, shape))}), weight and bias {shape}",
                got=f"input {x.shape}{got}",
                try_=f"{layer}({x.shape[-1] if x.ndim else 1}) for this input",
            )
        )
    return given, tuple(range(x.ndim - len(shape), x.ndim))


def one_value(what: str, of: str, x: Node) -> ShapeError:
    """The error for a single number, which has no variance."""
    return ShapeError(
        explain(
            f"{what}: expected more than 1 {of} when training",
            where=user_line(),
            expected="at least two numbers to take a mean and a variance of",
            got=f"input {x.shape}",
            try_="a larger batch (drop_last=True leaves a last batch of one out), or model.eval()",
        )
    )


def takes_float32_beside_halves(function: F) -> F:
    """A norm of numbers of 16 bits whose weights are float32: computed in float32, and rounded.

    So networks are inside `autocast`, whose parameters stay float32.
    """

    @wraps(function)
    def called(input: Any, *args: Any, **named: Any) -> Any:
        kind = getattr(input, "dtype", None)
        if isinstance(kind, DType) and kind.half:
            others = (*args, *named.values())
            if any(isinstance(x, Tensor) and x.dtype is float32 for x in others):
                return function(input.to(float32), *args, **named).to(kind)
        return function(input, *args, **named)

    return cast(F, called)
