"""Operations that run their NumPy twin: rare, or not worth a kernel of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.ops.movement import flip
from zincir.types import int64

cumsum_p = register(
    Primitive(
        "cumsum",
        Kind.HOST,
        doc="Running sums along `axis`.",
        infer=lambda x, axis: x,
        numpy=lambda x, axis: np.cumsum(x, axis, dtype=x.dtype),
        vjp=lambda g, y, x, axis: flip(cumsum(flip(g, (axis,)), axis), (axis,)),
        attrs=("axis",),
        saves=False,
    )
)

argsort_p = register(
    Primitive(
        "argsort",
        Kind.HOST,
        doc="The order that sorts along `axis`; equal elements keep theirs, NaN goes last.",
        infer=lambda x, axis, descending: (x[0], int64),
        numpy=lambda x, axis, descending: _argsort(x, axis, descending),
        attrs=("axis", "descending"),
    )
)


def _argsort(x: Any, axis: int, descending: bool) -> Any:
    if not descending:
        return np.argsort(x, axis, kind="stable").astype(np.int64)
    backwards = np.argsort(np.flip(x, axis), axis, kind="stable")
    return (x.shape[axis] - 1 - np.flip(backwards, axis)).astype(np.int64)


def _call_spec(*args: Any) -> Spec:
    return args[-1]


call_p = register(
    Primitive(
        "call",
        Kind.HOST,
        doc="A Python function of arrays.",
        infer=_call_spec,
        numpy=lambda *args: args[-2](*args[:-2]),
        attrs=("function", "spec"),
    )
)


def cumsum(x: Node, axis: int) -> Node:
    return apply(cumsum_p, x, attrs=(axis,))


def argsort(x: Node, axis: int, descending: bool = False) -> Node:
    return apply(argsort_p, x, attrs=(axis, descending))


def call(function: Callable[..., Any], spec: Spec, *xs: Node) -> Node:
    """`function(*arrays)`, an array of `spec`'s shape and type."""
    return apply(call_p, *xs, attrs=(function, spec))
