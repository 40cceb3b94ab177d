"""Rows picked, added to and overwritten by integer tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.errors import ArgumentError, DivisionByZero, DTypeError, IndexOutOfRange, explain
from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.operations.movement import expand, expand_p
from zincir.operations.source import const, const_p
from zincir.types import size

DIVISOR = "divisor"
"""What an index chooses that is 1, and so out of range, where a divisor of integers is 0."""

PROBABILITY = "probability"
"""The same where what should be a probability is below 0 or above 1."""


def problem(what: str, rows: int, position: int, value: int, where: str = "") -> Exception:
    """The error for an index that points outside of its axis."""
    if what == DIVISOR:
        return DivisionByZero(
            explain(
                "ZeroDivisionError: integers cannot be divided by 0",
                where=where,
                got=f"0 in the divisor (element {position})",
                try_="x.float(), for inf and nan",
            )
        )
    if what == PROBABILITY:
        return ArgumentError(
            explain(
                "all elements of input and target should be between 0 and 1",
                where=where,
                try_="binary_cross_entropy_with_logits, for outputs without a sigmoid",
            )
        )
    return IndexOutOfRange(out_of_range(what, rows, position, value, where))


def check_range(index: Any, rows: int, what: str) -> None:
    """Raise IndexOutOfRange for the first index outside of 0..rows-1."""
    wrong = np.flatnonzero((index < 0) | (index >= rows))
    if len(wrong):
        raise problem(what, rows, int(wrong[0]), int(index.flat[wrong[0]]))


def out_of_range(what: str, rows: int, position: int, value: int, where: str = "") -> str:
    """The message for an index that points outside of its axis."""
    return explain(
        f"{what}: value {value} at position {position} is out of range",
        where=where,
        expected=f"0 <= value < {rows}",
        got=f"{value} (element {position})",
        try_="check the data for values outside the number of rows or classes",
    )


def _take_spec(x: Spec, index: Spec, what: str) -> Spec:
    if index[1].category != 1:
        raise DTypeError(f"{what} must be integers, not {index[1].name}")
    if x[0][0] == 0 and 0 not in index[0]:
        raise IndexOutOfRange(f"{what}: picks {size(index[0])} rows, of none")
    return index[0] + x[0][1:], x[1]


def _take_numpy(x: Any, index: Any, what: str) -> Any:
    check_range(index, x.shape[0], what)
    return x[index]


take_p = register(
    Primitive(
        "take",
        Kind.TAKE,
        doc="x[index]: rows of x, for an integer tensor of any shape.",
        infer=_take_spec,
        numpy=_take_numpy,
        vjp=lambda g, y, x, index, what: (
            scatter(expand(const(0, g.dtype), x.shape), index, g, "add", what),
            None,
        ),
        attrs=("what",),
        saves=False,
    )
)


def _scatter_spec(base: Spec, index: Spec, source: Spec, mode: str, what: str) -> Spec:
    if index[1].category != 1:
        raise DTypeError(f"{what} must be integers, not {index[1].name}")
    return base


def _scatter_numpy(base: Any, index: Any, source: Any, mode: str, what: str) -> Any:
    check_range(index, base.shape[0], what)
    out = np.array(base)
    if mode == "add":
        np.add.at(out, index, source)
    else:
        out[index] = source
    return out


def _scatter_vjp(
    g: Node, y: Node, base: Node, index: Node, source: Node, mode: str, what: str
) -> tuple[Node | None, None, Node]:
    kept = g if mode == "add" else scatter(g, index, expand(const(0, g.dtype), source.shape), "set")
    return kept, None, take(g, index, what)


scatter_p = register(
    Primitive(
        "scatter",
        Kind.SCATTER,
        doc="`base` with rows of `source` added to, or set at, the rows that `index` names.",
        infer=_scatter_spec,
        numpy=_scatter_numpy,
        vjp=_scatter_vjp,
        attrs=("mode", "what"),
        saves=False,
    )
)


def take(x: Node, index: Node, what: str = "index") -> Node:
    """Rows of x (axis 0) at `index`; `what` names the index in messages."""
    return apply(take_p, x, index, attrs=(what,))


def scatter(base: Node, index: Node, source: Node, mode: str, what: str = "index") -> Node:
    """`base` (P, *rest) with `source` (*index.shape, *rest) added or set at rows `index`."""
    return apply(scatter_p, base, index, source, attrs=(mode, what))


_SHARE = 2
"""A table with so many times as many elements as are added has few rows that change."""


def few_rows(x: Node) -> tuple[Node, Node] | None:
    """The index and the rows, if `x` is nothing but few rows added to zeros."""
    if x.op is not scatter_p or x.value is not None or x.attrs[0] != "add":
        return None
    if x.dtype.category != 2 or x.dtype.half:
        return None
    zeros, index, rows = x.inputs
    while zeros.op is expand_p and zeros.value is None:
        zeros = zeros.inputs[0]
    if zeros.op is not const_p or zeros.attrs[0] != 0 or size(x.shape) < _SHARE * size(rows.shape):
        return None
    return index, rows
