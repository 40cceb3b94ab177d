"""What becomes of the terms of a loss."""

from __future__ import annotations

import warnings

from zincir.errors import ArgumentError, explain
from zincir.graph.node import Node, user_line
from zincir.operations.movement import reshape, sum_
from zincir.tensor import Tensor, wrap
from zincir.types import size


def reduced(loss: Node, reduction: str) -> Tensor:
    """The terms of a loss as they are ("none"), added up ("sum") or averaged ("mean").

    Raises:
        ArgumentError: `reduction` is something else.
    """
    if reduction == "none":
        return wrap(loss)
    if reduction not in ("mean", "sum"):
        raise ArgumentError(
            explain(
                "reduction is not known",
                where=user_line(),
                expected="'mean', 'sum' or 'none'",
                got=repr(reduction),
            )
        )
    total = reshape(sum_(loss, tuple(range(loss.ndim))), ())
    return wrap(total if reduction == "sum" else total / float(size(loss.shape)))


def reduction_of(what: str, size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """`reduction`, or what two older arguments say in its place.

    Raises:
        ArgumentError: they are no bools.
    """
    if size_average is None and reduce is None:
        return reduction
    for name, value in (("size_average", size_average), ("reduce", reduce)):
        if value is not None and not isinstance(value, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(
                explain(
                    f"{what}: {name} is no bool",
                    where=user_line(),
                    expected="True, False or None",
                    got=repr(value),
                    try_=f"reduction={value!r}, by its name",
                )
            )
    summed = "mean" if size_average is not False else "sum"
    found = summed if reduce is not False else "none"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction={found!r} instead.",
        stacklevel=3,
    )
    return found
